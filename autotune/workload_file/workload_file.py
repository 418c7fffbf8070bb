"""A user's workload file: what is measured, what is tuned, what is sought, and at what expense."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from autotune import catalog, document
from autotune.backends.settings import HostSettings, VmSettings
from autotune.damon.damos import Scheme, check_meeting
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.document import Mapping, Value
from autotune.errors import InputError, Where
from autotune.experiment.experiment import Experiment
from autotune.objective.objective import (
    Objectives,
    load_objectives,
    read_constraints,
    read_objectives,
)
from autotune.space.space import SearchSpace, load_search_space, read_search_space
from autotune.workload_file import defaults
from autotune.workload_file.sections import (
    Budget,
    Subject,
    read_budget,
    read_host,
    read_monitoring,
    read_subject,
    read_vm,
)

BACKENDS = ("simulator", "vm", "host")
"""The names of backends, whether this version has them or not."""

_BUDGET = Budget(trials=defaults.TRIALS)
_MAX_SEED = (1 << 32) - 1


class Source(NamedTuple):
    """A file that decides what a run does.

    Attributes:
        role: "workload", "search space", "objectives", "pattern", "recording" or "machine".
        path: Where it was read.
        content: What was in it: text, or the bytes of a recording.
    """

    role: str
    path: Path
    content: str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """All that a workload file says.

    Attributes:
        path: The file.
        name: Names the run.
        subject: What is measured.
        backends: At least one of `BACKENDS`.
        machine: The simulator's machine profile, a file.
        search_space: What is tuned.
        objectives: What is sought, the file's own constraints included.
        budget: At what expense.
        sampler: A name; whoever makes samplers knows which there are.
        parallel: Trials proposed at once.
        confirmations: How often what is recommended is measured again.
        seed: Of every trial and the baseline.
        monitoring: DAMON's attributes.
        start_after_us: DAMON is turned on this long after the measured part begins.
        vm: What the micro-VM is made of.
        host: What is changed on this machine while it measures.
        sources: The files, for a run to keep.
    """

    path: Path
    name: str
    subject: Subject
    backends: tuple[str, ...]
    machine: Path
    search_space: SearchSpace
    objectives: Objectives
    budget: Budget
    sampler: str
    parallel: int
    confirmations: int
    seed: int
    monitoring: Monitoring
    start_after_us: int
    vm: VmSettings
    host: HostSettings
    sources: tuple[Source, ...]

    @property
    def backend(self) -> str:
        """The backend that measures."""
        return self.backends[0]

    @property
    def operations(self) -> OperationsSet:
        """The address space that is monitored."""
        return OperationsSet.VADDR

    def check_available(self) -> None:
        """See whether this version can do what the file asks for.

        Raises:
            InputError: If not, and another file could be measured.
        """
        if len(self.backends) > 1:
            raise InputError(
                "key 'backend': this version takes one backend, not a list: write "
                f"backend: {self.backend}",
                Where(self.path),
            )

    def experiment(self, schemes: tuple[Scheme, ...] | None) -> Experiment:
        """One run of this workload.

        Args:
            schemes: Applied while monitoring; none of them only monitors. None leaves DAMON off, which
                is a baseline.

        Raises:
            ValueError: If a scheme does nothing here.
        """
        subject = self.subject
        workload = subject.pattern or subject.program or subject.recording
        if workload is None:
            raise AssertionError("a workload file names a pattern, a program or a recording")
        return Experiment(
            workload=workload,
            monitoring=None if schemes is None else self.monitoring,
            schemes=schemes or (),
            operations=self.operations,
            start_after_us=0 if schemes is None else self.start_after_us,
            timeout_us=self.subject.timeout_us,
        )


def _ignore(message: str) -> None:
    """Where warnings go if nobody asks for them."""


def _source(role: str, path: Path) -> Source:
    return Source(role, path, document.read_text(path))


def _recording_source(path: Path | None) -> tuple[Source, ...]:
    return () if path is None else (Source("recording", path, document.read_bytes(path)),)


def _name(value: Value) -> str:
    name = document.text(value)
    if not re.fullmatch(r"[^/\0]+", name) or name in {".", ".."}:
        value.fail(f"'{name}' can't name a folder: leave out the slashes")
    return name


def _backends(value: Value) -> tuple[str, ...]:
    read = document.one_of(BACKENDS)
    names = document.list_of(read)(value) if value.is_list else (read(value),)
    if not names or len(set(names)) < len(names):
        value.fail("a backend is missing or there twice: name each once")
    return names


def _machine(keys: Mapping, folder: Path, override: str | None) -> Path:
    value = keys.take("machine", document.itself, None)
    if override is not None:
        return catalog.find(override, "machines", Path())
    if value is None:
        return catalog.find(defaults.MACHINE, "machines", folder)
    return catalog.find(document.text(value), "machines", folder, where=value.where)


def _search_space(keys: Mapping, folder: Path) -> tuple[SearchSpace, Path | None]:
    value = keys.take("search_space", document.itself, None)
    if value is None:
        path = catalog.find(defaults.SEARCH_SPACE, "search_spaces", folder)
        return load_search_space(path), path
    return read_search_space(value, relative_to=folder)


def _objectives(keys: Mapping, folder: Path) -> tuple[Objectives, Path | None]:
    value = keys.take("objectives", document.itself, None)
    path = None
    if value is not None and value.is_list:
        objectives = read_objectives(value, name="custom")
    elif value is not None:
        name = value.scalar("write a name, a path, or a list of objectives")
        path = catalog.find(name, "objectives", folder, where=value.where)
        objectives = load_objectives(path)
    else:
        path = catalog.find(defaults.OBJECTIVES, "objectives", folder)
        objectives = load_objectives(path)
    return objectives.with_constraints(keys.take("constraints", read_constraints, ())), path


def _check_backend(subject: Subject, backends: tuple[str, ...]) -> None:
    if subject.program is not None and "simulator" in backends:
        subject.place.fail(
            "the simulator runs no programs: give a pattern or a recording, or another backend"
        )
    if subject.recording is not None and backends != ("simulator",):
        subject.place.fail("only the simulator plays recordings: use backend: simulator")


def _check_meeting(space: SearchSpace, operations: OperationsSet) -> None:
    for template in space.templates:
        try:
            check_meeting(template.widest(), operations)
        except ValueError as error:
            raise InputError(f"search space '{space.name}': {error}", template.where) from error


def _overridden_backend(backend: str | None, backends: tuple[str, ...]) -> tuple[str, ...]:
    if backend is None:
        return backends
    if backend not in BACKENDS:
        raise InputError(f"no backend '{backend}': known are {', '.join(BACKENDS)}")
    return (backend,)


def _overridden_seed(seed: int | None, from_file: int) -> int:
    if seed is None:
        return from_file
    if not 0 <= seed <= _MAX_SEED:
        raise InputError(f"seed {seed} is out of range: give one from 0 to {_MAX_SEED}")
    return seed


def _overridden_budget(trials: int | None, budget: Budget) -> Budget:
    if trials is None:
        return budget
    if trials < 1:
        raise InputError(f"{trials} trials are too few: give 1 or more")
    return Budget(trials=trials, time_us=budget.time_us)


def load_workload(
    path: Path,
    *,
    backend: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    sampler: str | None = None,
    machine: str | None = None,
    warn: Callable[[str], None] = _ignore,
) -> Workload:
    """Read a workload file and all that it names.

    Args:
        path: The file.
        backend: Instead of the file's, as are the others.
        trials: Instead of that of the budget.
        seed: From 0 to 4294967295.
        sampler: A name.
        machine: A shipped name, or a path relative to the current folder.
        warn: Called with a message of one line for each thing that is legal but unwise.

    Raises:
        InputError: If something in one of the files, or one of the arguments, is wrong.
    """
    text = document.read_text(path)
    keys = document.loads(text, path)
    folder = path.parent
    subject = keys.take("workload", read_subject(folder, warn))
    backends = _overridden_backend(backend, keys.take("backend", _backends, (defaults.BACKEND,)))
    machine_path = _machine(keys, folder, machine)
    search_space, space_path = _search_space(keys, folder)
    objectives, objectives_path = _objectives(keys, folder)
    monitoring, start_after_us = keys.take("monitoring", read_monitoring, (Monitoring(), 0))
    in_file = keys.take("seed", document.integer(at_least=0, at_most=_MAX_SEED), defaults.SEED)
    sampler_in_file = keys.take("sampler", document.text, defaults.SAMPLER)
    files = {
        "search space": space_path,
        "objectives": objectives_path,
        "pattern": subject.pattern_path,
        "machine": machine_path if "simulator" in backends else None,
    }
    workload = Workload(
        path=path,
        name=keys.take("name", _name, path.stem),
        subject=subject,
        backends=backends,
        machine=machine_path,
        search_space=search_space,
        objectives=objectives,
        budget=_overridden_budget(trials, keys.take("budget", read_budget, _BUDGET)),
        sampler=sampler_in_file if sampler is None else sampler,
        parallel=keys.take("parallel", document.integer(at_least=1), defaults.PARALLEL),
        confirmations=keys.take(
            "confirmations", document.integer(at_least=0), defaults.CONFIRMATIONS
        ),
        seed=_overridden_seed(seed, in_file),
        monitoring=monitoring,
        start_after_us=start_after_us,
        vm=keys.take("vm", read_vm(folder), VmSettings()),
        host=keys.take("host", read_host, HostSettings()),
        sources=(
            Source("workload", path, text),
            *(_source(role, file) for role, file in files.items() if file is not None),
            *_recording_source(subject.recording_path),
        ),
    )
    keys.finish()
    _check_backend(subject, backends)
    _check_meeting(search_space, workload.operations)
    return workload
