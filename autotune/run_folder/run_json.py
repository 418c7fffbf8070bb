"""`run.json`: what a run was, where and when; the only file with wall-clock times and host names."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.damon.recording import Recording
from autotune.errors import InputError, Where
from autotune.experiment import plain_json
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.objective.expression import Expression
from autotune.objective.hold import parse_hold
from autotune.objective.objective import (
    KNOWN_NAMES,
    Direction,
    Objective,
    Objectives,
    parse_constraint,
)
from autotune.run_folder.folder import RUN_FILE, read_text
from autotune.study.events import Started
from autotune.study.outcome import RunState
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.workload_file import Source

FORMAT = 3
"""Version of the run folder's format. 2: the workload may be a program. 3: overrides and files."""

_PACKAGES = ("damos-autotune", "numba", "numpy", "optuna", "pandas", "scikit-learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDescription:
    """The content of `run.json`.

    Attributes:
        name: Name of the workload.
        state: How far the run got.
        error: Why the run failed; None if it did not fail.
        backend: The name of the backend that measured.
        machine: The machine on which the backend measured.
        workload_file_sha256: Identifies the workload file, to the byte.
        workload_sha256: Identifies the workload; comments and spelling don't change it.
        operations: The address space.
        monitoring: DAMON's attributes.
        objectives: What was sought.
        sampler: Name of the sampler.
        seed: The seed of the trials and of the baseline.
        confirmation_seeds: The seeds of the confirmations.
        trials: Number of trials.
        failed: Number of failed trials.
        hypervolume: The hypervolume of the front; None before the end.
        started: When the run began, in ISO 8601, UTC.
        ended: When the run ended, in ISO 8601, UTC; None before the end.
        overrides: The command line's values that replace the workload file's.
        files: By the role of each file that the workload file names, its name in the run folder.
        versions: The versions of Python and of the packages that figures depend on.
        host: The computer that ran it.
    """

    name: str
    state: RunState
    error: str | None = None
    backend: str
    machine: str
    workload_file_sha256: str
    workload_sha256: str
    operations: OperationsSet
    monitoring: Monitoring
    objectives: Objectives
    sampler: str
    seed: int
    confirmation_seeds: tuple[int, ...]
    trials: int = 0
    failed: int = 0
    hypervolume: float | None = None
    started: str
    ended: str | None = None
    overrides: Overrides = field(default_factory=Overrides)
    files: Mapping[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    host: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            "format": FORMAT,
            **plain,
            "state": self.state.value,
            "operations": self.operations.value,
            "monitoring": dataclasses.asdict(self.monitoring),
            "objectives": _objectives_to_dict(self.objectives),
            "confirmation_seeds": list(self.confirmation_seeds),
            "overrides": self.overrides.to_dict(),
            "files": dict(self.files),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunDescription:
        """Read values that `to_dict` gave.

        Raises:
            ValueError: If a field is missing, unknown or of the wrong kind, or the format has another
                version.
        """
        try:
            if values["format"] != FORMAT:
                raise ValueError(
                    f"its format is {values['format']}, and this version reads {FORMAT}"
                )
            monitoring = values["monitoring"]
            return cls(
                **{
                    **{key: value for key, value in values.items() if key != "format"},
                    "state": RunState(values["state"]),
                    "operations": OperationsSet(values["operations"]),
                    "monitoring": Monitoring(
                        **{**monitoring, "intervals": Intervals(**monitoring["intervals"])}
                    ),
                    "objectives": _objectives_from_dict(values["objectives"]),
                    "confirmation_seeds": tuple(values["confirmation_seeds"]),
                    "name": _name(values["name"]),
                    "overrides": _overrides(values["overrides"]),
                    "files": _files(values["files"]),
                }
            )
        except KeyError as error:
            raise ValueError(f"{error} is missing") from error
        except (TypeError, AttributeError, InputError) as error:
            raise ValueError(str(error)) from error


def _name(value: object) -> str:
    if not isinstance(value, str) or "/" in value:
        raise ValueError(f"'{value}' can't name a run")
    return value


def _overrides(values: object) -> Overrides:
    kinds = {"backend": str, "machine": str, "trials": int, "seed": int, "sampler": str}
    if not isinstance(values, dict):
        raise ValueError("overrides is no mapping")
    for key, value in values.items():
        if type(value) is not kinds.get(key):
            raise ValueError(f"override {key}: {value} is not possible")
    return Overrides(**values)


def _files(values: object) -> dict[str, str]:
    if not isinstance(values, dict):
        raise ValueError("files is no mapping")
    for role, name in values.items():
        if (
            not isinstance(name, str)
            or PurePath(name).is_absolute()
            or ".." in PurePath(name).parts
        ):
            raise ValueError(f"files: {role}: '{name}' is no file of this folder")
    return values


def _objectives_to_dict(objectives: Objectives) -> dict[str, Any]:
    return {
        "name": objectives.name,
        "objectives": [
            {
                "name": objective.name,
                "metric": str(objective.metric),
                "direction": objective.direction.value,
                "reference": objective.reference,
            }
            for objective in objectives.objectives
        ],
        "constraints": [str(constraint) for constraint in objectives.constraints],
        "hold": str(objectives.hold),
    }


def _objectives_from_dict(values: dict[str, Any]) -> Objectives:
    return Objectives(
        name=values["name"],
        objectives=tuple(
            Objective(
                metric=Expression.parse(objective["metric"], KNOWN_NAMES),
                name=objective["name"],
                direction=Direction(objective["direction"]),
                reference=objective["reference"],
            )
            for objective in values["objectives"]
        ),
        constraints=tuple(parse_constraint(text) for text in values["constraints"]),
        # A run that says nothing of it was made when means decided.
        hold=parse_hold(values.get("hold", "mean")),
    )


def sha256(content: bytes) -> str:
    """Identify a file's content."""
    return hashlib.sha256(content).hexdigest()


def _of_workload_file(sources: Iterable[Source]) -> str:
    return next(sha256(source.content) for source in sources if source.role == "workload")


def now() -> str:
    """The time, in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def workload_sha256(workload: Pattern | Program | Recording) -> str:
    """Identify a pattern or a recording by its content, a program by how it is called.

    The places of the files do not matter.
    """
    if isinstance(workload, Recording):
        return hashlib.sha256(repr(workload).encode()).hexdigest()
    if isinstance(workload, Program):
        workload = replace(workload, folder="/", files=())
    else:
        regions = (
            replace(region, data_file=region.data_file and Path(region.data_file).name)
            for region in workload.regions
        )
        workload = replace(workload, regions=tuple(regions))
    return hashlib.sha256(plain_json.dumps(workload).encode()).hexdigest()


def describe_start(started: Started, files: Mapping[str, str]) -> RunDescription:
    """Describe a run that begins now.

    Args:
        started: The study's first event.
        files: The names of files in the run folder, by the role of the file.
    """
    file = started.file
    versions = {"python": platform.python_version()}
    return RunDescription(
        name=file.name,
        state=RunState.RUNNING,
        backend=started.backend,
        machine=started.machine,
        workload_file_sha256=_of_workload_file(file.sources),
        workload_sha256=workload_sha256(file.workload),
        operations=file.operations,
        monitoring=file.monitoring,
        objectives=file.objectives,
        sampler=file.sampler,
        seed=file.seed,
        confirmation_seeds=started.confirmation_seeds,
        started=now(),
        overrides=file.overrides,
        files=files,
        versions={**versions, **{package: _version(package) for package in _PACKAGES}},
        host={"name": platform.node(), "system": platform.platform()},
    )


def may_be_run(path: Path) -> bool:
    """Say whether a folder may be a run folder, of whatever version, damaged or not."""
    file = path / RUN_FILE
    if not file.is_file():
        return False
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return isinstance(values, dict) and {"format", "workload_sha256"} <= values.keys()


def load_description(path: Path) -> RunDescription:
    """Read the `run.json` of a run folder.

    Raises:
        InputError: If the folder is no run folder; the message names what is missing.
    """
    if path.is_file():
        raise InputError(
            "is no run folder: name a folder that autotune run has written", Where(path)
        )
    if not path.is_dir():
        raise InputError("no such run folder: check the path", Where(path))
    file = path / RUN_FILE
    if not file.is_file():
        raise InputError(f"has no {RUN_FILE}: name a folder that a run has written", Where(path))
    try:
        return RunDescription.from_dict(json.loads(read_text(file)))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"is damaged, or of another version: {error}: restore the file from a copy",
            Where(file),
        ) from error
