"""Checks a file: says what it is, or where it is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autotune import document
from autotune.backends.factory import make_backend
from autotune.backends.simulator.profile_files import load_machine
from autotune.damon.kernel_units import on_grid
from autotune.damon.monitoring import Monitoring
from autotune.damon.recording import Recording
from autotune.errors import BackendUnavailableError, InputError, Where
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.formats import damo_record, damo_yaml, masim
from autotune.formats.module_parameters.assignments import is_assignments
from autotune.formats.scheme_export import scheme_text
from autotune.formats.scheme_files import load_scheme_file
from autotune.formats.text import unix_lines
from autotune.lint.scheme_file import lint_scheme_file
from autotune.lint.search_space import lint_search_space
from autotune.objective.objective import load_objectives
from autotune.space.space import load_search_space
from autotune.study.study import prepare
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.scheme_file import why_refused
from autotune.workload_file.workload_file import Loader, WorkloadFile, load_workload_file

_OWN_YAML = re.compile(r"^(workload|search_space|schemes|objectives|cpus)\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Checked:
    """A file without errors.

    Attributes:
        summary: What the file is, in one line.
        warnings: What is legal but unwise, and what this version lacks; each begins with its place.
    """

    summary: str
    warnings: tuple[str, ...] = ()


def check_file(path: Path, load: Loader = load_workload_file) -> Checked:
    """Check a file of any kind. Its content tells the kind.

    Args:
        path: The file, or a run folder.
        load: Reads it if it is a workload file.

    Raises:
        InputError: If the file is wrong; the message says where.
    """
    if path.is_dir():
        return _check_workload_at(path, load)
    content = document.read_bytes(path)
    if path.suffix == ".data" or damo_record.is_compressed(content):
        return Checked(_describe_recording(damo_record.load(path)))
    text = unix_lines(content.decode(errors="replace"))
    if damo_yaml.is_yaml(text) or (is_assignments(text) and not _OWN_YAML.search(text)):
        return _check_schemes(path)
    if path.suffix in {".yaml", ".yml"} or _OWN_YAML.search(text):
        return _check_yaml(path, load)
    if masim.is_masim(text) or path.suffix == ".cfg":
        warnings: list[str] = []
        pattern = masim.load(path, warn=warnings.append)
        return Checked(_describe(pattern), tuple(warnings))
    return _check_schemes(path)


def _check_yaml(path: Path, load: Loader) -> Checked:
    keys = document.load(path)
    if "workload" in keys:
        return _check_workload_at(path, load)
    if "schemes" in keys:
        space = load_search_space(path)
        count = len(space.parameters)
        return Checked(f"search space of {count} parameter{'s' if count != 1 else ''}")
    if "objectives" in keys:
        names = [objective.name for objective in load_objectives(path).objectives]
        return Checked(f"objectives {', '.join(names)}")
    if "cpus" in keys:
        return Checked(f"machine profile '{load_machine(path).name}'")
    raise InputError(
        "this is no workload, search space, objectives or machine profile: begin with key "
        "'workload', 'schemes', 'objectives' or 'cpus'",
        Where(path),
    )


def _check_workload_at(path: Path, load: Loader) -> Checked:
    warnings: list[str] = []
    return _check_workload(load(path, Overrides(), warn=warnings.append), warnings)


def _check_workload(file: WorkloadFile, warnings: list[str]) -> Checked:
    for name in file.backend.names:
        if name == "simulator" and isinstance(file.workload, Program):
            continue  # what it will play is recorded first
        try:
            prepare(here := file.on(name), make_backend(here.backend))
        except BackendUnavailableError as error:
            warnings.append(f"{file.path}: {error}")
    what = "a program"
    if isinstance(file.workload, Pattern):
        what = _describe(file.workload)
    elif isinstance(file.workload, Recording):
        what = _describe_recording(file.workload)
    if file.budget.trials is None:
        warnings.append(f"{file.path}: the budget is time alone: two runs will not be equal")
    warnings += [found.at(file.path) for found in lint_search_space(file)]
    return Checked(
        f"workload '{file.name}': {what}; search space {file.search_space.name}, "
        f"backend {', '.join(file.backend.names)}",
        tuple(warnings),
    )


def _describe_recording(recording: Recording) -> str:
    return (
        f"recording of {recording.duration_us / 1e6:g} s in {len(recording.snapshots)} snapshots"
    )


def _describe(pattern: Pattern) -> str:
    size = sum(region.size_bytes for region in pattern.regions)
    length_s = sum(phase.duration_us for phase in pattern.phases) / 1e6
    return (
        f"pattern of {size / 1e6:g} MB in {len(pattern.regions)} regions, "
        f"{length_s:g} s in {len(pattern.phases)} phases"
    )


def _check_schemes(path: Path) -> Checked:
    warnings: list[str] = []
    file = load_scheme_file(path, warn=warnings.append)
    intervals = (file.monitoring or Monitoring()).intervals
    lines = []
    for number, scheme in enumerate(file.schemes, start=1):
        try:
            lines.append(scheme_text([on_grid(scheme, intervals)]))
        except ValueError as error:
            raise InputError(f"scheme {number}: {error}", Where(path)) from error
    warnings += [found.at(path) for found in lint_scheme_file(file)]
    if (refusal := why_refused(file)) is not None:
        warnings.append(f"{path}: can't be measured as it stands: {refusal}")
    return Checked("; ".join(lines), tuple(warnings))
