"""A user's workload file: the workload, what is tuned, what is sought, and the budget."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from autotune import catalog, document
from autotune.backends.settings import (
    BACKENDS,
    BackendSettings,
    HostSettings,
    VmSettings,
    check_order,
    split_names,
)
from autotune.damon.damos import UNLIMITED, AccessPattern, Action, Range, Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.damon.recording import Recording
from autotune.document import Mapping, Value
from autotune.errors import InputError, Where
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.formats.file_kinds import SCHEMES, WORKLOAD, FileKind, told_kind
from autotune.formats.scheme_files import load_scheme_file
from autotune.objective.hold import read_hold
from autotune.objective.objective import (
    Constraint,
    Objective,
    Objectives,
    load_objectives,
    read_constraints,
    read_objectives,
)
from autotune.space.parameters import Numeric, SchemeTemplate
from autotune.space.space import SearchSpace, load_search_space, read_search_space
from autotune.workload_file import defaults
from autotune.workload_file.measurable import check_measurable
from autotune.workload_file.overrides import MAX_SEED, Kept, Overrides
from autotune.workload_file.sections import (
    Budget,
    MonitoringSection,
    read_budget,
    read_host,
    read_monitoring,
    read_vm,
)
from autotune.workload_file.workload_section import read_workload


class Loader(Protocol):
    """Reads a workload file, wherever it is kept; `load_workload_file` is one."""

    def __call__(
        self, path: Path, overrides: Overrides, *, warn: Callable[[str], None]
    ) -> WorkloadFile:
        """Read the file. *overrides* replace its own values; *warn* is called with each warning."""
        ...


class Source(NamedTuple):
    """A file that decides what a run does.

    Attributes:
        role: "workload", "search space", "objectives", "pattern", "recording" or "machine".
        path: Where the file was read.
        content: The content of the file, to the byte.
    """

    role: str
    path: Path
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFile:
    """All that a workload file says, with the command line's overrides applied.

    Attributes:
        path: The file.
        name: The name of the run.
        workload: What runs.
        timeout_us: Timeout of one measurement, in the backend's own time.
        backend: Where the workload is measured.
        search_space: What is tuned.
        objectives: What is sought, the file's own constraints included.
        budget: When the study ends.
        sampler: Name of the sampler; `autotune.samplers` knows all names.
        parallel: How many trials are proposed at once.
        confirmations: How often a scheme is measured again, at most, before it is recommended.
        recommend: The most schemes that are recommended.
        seed: The seed of every trial and of the baseline.
        monitoring: DAMON's attributes.
        monitoring_given: Whether the file itself has one of DAMON's attributes.
        start_after_us: DAMON is turned on this long after the measured part begins.
        usual: Which of "trials", "confirmations" and "machine" are defaults. These follow from backend
            and sampler.
        overrides: The command line's overrides, already applied.
        sources: The files that a run has to keep.
    """

    path: Path
    name: str
    workload: Pattern | Program | Recording
    timeout_us: int
    backend: BackendSettings
    search_space: SearchSpace
    objectives: Objectives
    budget: Budget
    sampler: str
    parallel: int
    confirmations: int
    recommend: int
    seed: int
    monitoring: Monitoring
    monitoring_given: bool = False
    start_after_us: int
    usual: frozenset[str] = frozenset()
    overrides: Overrides = field(default_factory=Overrides)
    sources: tuple[Source, ...]

    @property
    def operations(self) -> OperationsSet:
        """The address space that is monitored."""
        return OperationsSet.VADDR

    def on(self, backend: str) -> WorkloadFile:
        """Give the file for one of its backends alone, with the defaults for that backend.

        A simulator before the micro-VM plays the micro-VM.
        """
        settings = replace(self.backend, name=backend, earlier=())
        before_vm = self.backend.names[:2] == ("simulator", "vm") and backend == "simulator"
        if before_vm and "machine" in self.usual:
            machine = catalog.find(defaults.MACHINE_OF_VM, "machines", Path())
            settings = replace(settings, machine=machine)
        alone = replace(self, backend=settings)
        if "trials" in self.usual:
            trials = defaults.trials(self.sampler, backend)
            alone = replace(alone, budget=replace(self.budget, trials=trials))
        if "confirmations" in self.usual:
            count = defaults.confirmations(self.sampler, backend)
            alone = replace(alone, confirmations=count)
        return alone

    def experiment(self, schemes: tuple[Scheme, ...] | None) -> Experiment:
        """One run of this workload.

        Args:
            schemes: Applied while monitoring; an empty tuple only monitors. None leaves DAMON off: the
                run is a baseline.

        Raises:
            ValueError: If a scheme does nothing here.
        """
        return Experiment(
            workload=self.workload,
            monitoring=None if schemes is None else self.monitoring,
            schemes=schemes or (),
            operations=self.operations,
            start_after_us=0 if schemes is None else self.start_after_us,
            timeout_us=self.timeout_us,
        )


class _Places:
    """Finds the files that a workload file names: by their own paths, or as copies in a run folder."""

    def __init__(self, folder: Path, kept: Kept | None) -> None:
        self.folder = folder
        self._kept = {} if kept is None else kept.files

    def instead(self, role: str) -> str | None:
        """The name that replaces the name of the file with this role; None if its own name counts."""
        return self._kept.get(role)

    def file(self, role: str, name: str) -> Path:
        """Give the path of the file with this role."""
        return self.folder / (self.instead(role) or name)

    def find(self, role: str, kind: str, name: str, place: Value | None = None) -> Path:
        """Find a shipped file of one *kind* (a key of `autotune.catalog.SUFFIXES`), or a path."""
        where = None if place is None else place.where
        return catalog.find(self.instead(role) or name, kind, self.folder, where=where)


def _ignore(message: str) -> None:
    """Drop a warning: nobody asked for warnings."""


def _sources(files: dict[str, Path | None]) -> tuple[Source, ...]:
    return tuple(
        Source(role, file, document.read_bytes(file))
        for role, file in files.items()
        if file is not None
    )


def _name(value: Value) -> str:
    name = document.text(value)
    if not re.fullmatch(r"[^/\x00-\x1f]+", name) or name in {".", ".."}:
        value.fail(f"{name!r} can't name a folder: leave out slashes and control characters")
    return name


def _backends(override: str | None) -> Callable[[Value], tuple[str, ...]]:
    """Read the backends; the file's own value must be valid even if it is overridden."""
    read_one = document.one_of(BACKENDS)

    def read(value: Value) -> tuple[str, ...]:
        names = document.list_of(read_one)(value) if value.is_list else (read_one(value),)
        with value.blamed():
            check_order(names)
        return names if override is None else split_names(override)

    return read


def _machine(keys: Mapping, places: _Places, override: str | None) -> Path:
    value = keys.take("machine", document.itself, None)
    if override is not None:
        return catalog.find(override, "machines", Path())
    if value is None:
        return places.find("machine", "machines", defaults.MACHINE)
    return places.find("machine", "machines", document.text(value), value)


def _search_space(keys: Mapping, places: _Places) -> tuple[SearchSpace, Path | None]:
    value = keys.take("search_space", document.itself, None)
    if value is None:
        path = places.find("search space", "search_spaces", defaults.SEARCH_SPACE)
        return load_search_space(path), path
    instead = places.instead("search space")
    return read_search_space(value, relative_to=places.folder, instead=instead)


def _objectives(keys: Mapping, places: _Places) -> tuple[Objectives, Path | None]:
    value = keys.take("objectives", document.itself, None)
    path = None
    if value is not None and value.is_list:
        objectives = read_objectives(value, name="custom")
    elif value is not None:
        name = value.scalar("write a name, a path, or a list of objectives")
        path = places.find("objectives", "objectives", name, value)
        objectives = load_objectives(path)
    else:
        path = places.find("objectives", "objectives", defaults.OBJECTIVES)
        objectives = load_objectives(path)
    hold = keys.take("hold", read_hold, objectives.hold)
    extra = keys.take("constraints", read_constraints, ())
    return replace(objectives.with_constraints(extra), hold=hold), path


def _oldest(template: SchemeTemplate) -> Iterator[AccessPattern]:
    """Give the pattern with the largest min age that may be proposed, if the min age varies."""
    for parameter in template.parameters:
        if parameter.field == "pattern.min_age" and isinstance(parameter, Numeric):
            yield AccessPattern(age_us=Range(int(parameter.high), UNLIMITED))


def _check_measurable(space: SearchSpace, operations: OperationsSet, intervals: Intervals) -> None:
    for template in space.templates:
        try:
            widest = template.widest()
            check_measurable(widest, operations)
            for pattern in (widest.pattern, *_oldest(template)):
                on_grid(Scheme(action=Action.STAT, pattern=pattern), intervals)
        except ValueError as error:
            raise InputError(f"search space '{space.name}': {error}", template.where) from error


def _check_latency(
    objectives: Objectives, workload: Pattern | Program | Recording, path: Path
) -> None:
    """Refuse objectives and constraints on a slowest request that nothing prints."""
    if isinstance(workload, Program) and workload.latency is not None:
        return
    sought: tuple[Objective | Constraint, ...] = (*objectives.objectives, *objectives.constraints)
    for one in sought:
        if of_requests := one.metric.names & {"latency_max_s", "latency_slowdown"}:
            remedy = (
                "name what prints it with workload.latency"
                if isinstance(workload, Program)
                else "seek another figure, since only programs have requests"
            )
            raise InputError(
                f"'{one.name}' needs {min(of_requests)}, the time of the slowest request: {remedy}",
                Where(path),
            )


def _check_hold(file: WorkloadFile) -> None:
    """Refuse a rule for limits that wants more runs of a scheme than there will be."""
    wanted = file.objectives.hold.worst_of
    if wanted is not None and wanted > file.confirmations:
        raise InputError(
            f"'hold: {file.objectives.hold}' needs as many runs, and schemes are confirmed with "
            f"{file.confirmations}: write confirmations: {wanted}",
            Where(file.path),
        )


def _budget(keys: Mapping, trials: int | None, usual: int) -> Budget:
    budget = keys.take("budget", read_budget, Budget(trials=usual))
    return budget if trials is None else replace(budget, trials=trials)


def _keys(path: Path) -> Mapping:
    """Read the outermost keys; a file of another kind is told what it is for.

    Raises:
        InputError: If the file can't be read, is not YAML, or is of another kind.
    """
    try:
        keys = document.load(path)
    except InputError:
        if (kind := _other_kind(path)) is None:
            raise
        raise InputError(kind.refusal("a workload file", path), Where(path)) from None
    if "workload" not in keys and (kind := _other_kind(path)) is not None:
        raise InputError(kind.refusal("a workload file", path), Where(path))
    return keys


def _other_kind(path: Path) -> FileKind | None:
    """Tell the kind of a file that is no workload file; None if it may be meant as one."""
    if not path.is_file():
        return None
    kind = told_kind(document.read_bytes(path))
    if kind is None:
        with contextlib.suppress(InputError):
            load_scheme_file(path)
            return SCHEMES
    return None if kind is WORKLOAD else kind


def load_workload_file(
    path: Path,
    overrides: Overrides | None = None,
    *,
    kept: Kept | None = None,
    warn: Callable[[str], None] = _ignore,
) -> WorkloadFile:
    """Read a workload file and all that it names.

    Args:
        path: The file.
        overrides: The command line's values; the path of a machine is relative to the current folder.
        kept: What the run folder keeps beside the file, if the file is a run folder's copy.
        warn: Called with a message of one line for each thing that is legal but unwise.

    Raises:
        InputError: If something in one of the files is wrong.
    """
    keys = _keys(path)
    places = _Places(path.parent, kept)
    of_now = overrides or Overrides()
    said = of_now if kept is None else of_now.over(kept.overrides)
    usual_values = {
        name
        for name, given in (
            ("trials", "budget" in keys or said.trials is not None),
            ("confirmations", "confirmations" in keys),
            ("machine", "machine" in keys or said.machine is not None),
        )
        if not given
    }
    usual = split_names(said.backend or defaults.BACKEND)
    *earlier, backend = keys.take("backend", _backends(said.backend), usual)
    section = keys.take(
        "workload",
        read_workload(places.file, places.folder, backend, warn),
        example="{pattern: mine.cfg}",
    )
    machine = _machine(keys, places, of_now.machine)
    search_space, space_path = _search_space(keys, places)
    objectives, objectives_path = _objectives(keys, places)
    monitoring = keys.take("monitoring", read_monitoring, MonitoringSection())
    seed = keys.take("seed", document.integer(at_least=0, at_most=MAX_SEED), defaults.SEED)
    in_file = keys.take("sampler", document.text, defaults.SAMPLER)
    sampler = in_file if said.sampler is None else said.sampler
    files = {
        "workload": path,
        "search space": space_path,
        "objectives": objectives_path,
        "pattern": section.path if isinstance(section.workload, Pattern) else None,
        "machine": machine if "simulator" in (*earlier, backend) else None,
        "recording": section.path if isinstance(section.workload, Recording) else None,
    }
    found = WorkloadFile(
        path=path,
        name=keys.take("name", _name, path.stem if kept is None else kept.name),
        workload=section.workload,
        timeout_us=section.timeout_us,
        backend=BackendSettings(
            name=backend,
            earlier=tuple(earlier),
            machine=machine,
            vm=keys.take("vm", read_vm(places.folder), VmSettings()),
            host=keys.take("host", read_host, HostSettings()),
        ),
        search_space=search_space,
        objectives=objectives,
        budget=_budget(keys, said.trials, defaults.trials(sampler, backend)),
        sampler=sampler,
        parallel=keys.take(
            "parallel", document.integer(at_least=1, at_most=1000), defaults.PARALLEL
        ),
        confirmations=keys.take(
            "confirmations",
            document.integer(at_least=0, at_most=1000),
            defaults.confirmations(sampler, backend),
        ),
        recommend=keys.take(
            "recommend", document.integer(at_least=1, at_most=1000), defaults.RECOMMEND
        ),
        seed=seed if said.seed is None else said.seed,
        monitoring=monitoring.monitoring,
        monitoring_given=monitoring.given,
        start_after_us=monitoring.start_after_us,
        usual=frozenset(usual_values),
        overrides=said,
        sources=_sources(files),
    )
    keys.finish()
    _check_measurable(search_space, found.operations, found.monitoring.intervals)
    _check_latency(objectives, section.workload, path)
    _check_hold(found)
    return found
