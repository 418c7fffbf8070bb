"""Is a file right? Says what it is, or where it is wrong."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autotune import document
from autotune.available import make_backend
from autotune.damon import Intervals, Monitoring, OperationsSet
from autotune.damos import Action, Scheme, check_meeting
from autotune.errors import BackendUnavailableError, InputError, Where
from autotune.formats import damo_json, masim, module_parameters
from autotune.formats.scheme_files import load_schemes
from autotune.kernel import PAGE_BYTES, on_grid
from autotune.lint import RECLAIM_INERT, Code, Known, LintWarning, lint
from autotune.objective import load_objectives
from autotune.parameters import Numeric, Parameter
from autotune.patterns import TABLE_BYTES, Pattern
from autotune.profiles import load_machine
from autotune.scheme_fields import DURATION, FIELDS, SHARE, SIZE, Value
from autotune.space import ParameterSet, SearchSpace, load_search_space
from autotune.study import prepare
from autotune.tables import scheme_text
from autotune.workload import Workload, load_workload

_MOST_PROPOSALS = 1_000
"""Proposals of a search space that are looked at."""

_STRIDE = 7_919
"""A prime larger than any number of values of a parameter: in these steps all combinations come up."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that is right.

    Attributes:
        summary: What it is, one line.
        warnings: What is legal but unwise, or what this version lacks; each begins with its place.
    """

    summary: str
    warnings: tuple[str, ...] = ()


def check_file(path: Path) -> Checked:
    """Check one file, whatever it is: the content tells.

    Raises:
        InputError: If it is wrong; the message says where.
    """
    if path.suffix in {".yaml", ".yml"}:
        return _check_yaml(path)
    if path.suffix == ".cfg":
        warnings: list[str] = []
        pattern = masim.load(path, warn=warnings.append)
        return Checked(_describe(pattern), tuple(warnings))
    return _check_schemes(path)


def _check_yaml(path: Path) -> Checked:
    keys = document.load(path)
    if "workload" in keys:
        warnings: list[str] = []
        return _check_workload(load_workload(path, warn=warnings.append), warnings)
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


def _check_workload(workload: Workload, warnings: list[str]) -> Checked:
    try:
        prepare(workload, make_backend(workload))
    except BackendUnavailableError as error:
        warnings.append(f"{workload.path}: {error}")
    subject = workload.subject
    what = _describe(subject.pattern) if subject.pattern else "a program"
    if workload.budget.trials is None:
        warnings.append(f"{workload.path}: the budget is time alone: two runs will not be equal")
    warnings += [found.at(workload.path) for found in _lint_space(workload)]
    return Checked(
        f"workload '{workload.name}': {what}; search space {workload.search_space.name}, "
        f"backend {workload.backend}",
        tuple(warnings),
    )


def _describe(pattern: Pattern) -> str:
    size = sum(region.size_bytes for region in pattern.regions)
    length_s = sum(phase.duration_us for phase in pattern.phases) / 1e6
    return (
        f"pattern of {size / 1e6:g} MB in {len(pattern.regions)} regions, "
        f"{length_s:g} s in {len(pattern.phases)} phases"
    )


def _check_schemes(path: Path) -> Checked:
    schemes = load_schemes(path)
    setting = _setting(path, schemes)
    intervals = setting.monitoring.intervals
    lines = []
    for number, scheme in enumerate(schemes, start=1):
        try:
            lines.append(scheme_text([on_grid(scheme, intervals)]))
        except ValueError as error:
            raise InputError(f"scheme {number}: {error}", Where(path)) from error
    found = [
        warning
        for warning in lint(schemes, setting.monitoring, setting.operations, setting.known)
        if warning.code not in setting.given
    ]
    return Checked("; ".join(lines), tuple(w.at(path) for w in (*setting.warnings, *found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """Where the schemes of a file are used, and which warnings its form leaves no remedy for."""

    monitoring: Monitoring
    operations: OperationsSet
    known: Known = field(default_factory=Known)
    warnings: tuple[LintWarning, ...] = ()
    given: frozenset[Code] = frozenset()


def _setting(path: Path, schemes: Sequence[Scheme]) -> _Setting:
    """What the file says of it; else the usual attributes, and where all schemes do something."""
    text = document.read_text(path)
    with contextlib.suppress(InputError):
        parsed = damo_json.loads(text, path)
        if parsed.monitoring is not None and parsed.target is not None:
            operations, regions = parsed.target.operations, parsed.target.regions
            if operations is OperationsSet.VADDR:
                regions = ()  # the first update replaces them
            return _Setting(
                monitoring=parsed.monitoring,
                operations=operations,
                known=Known(size_bytes=sum(end - start for start, end in regions) or None),
            )
    with contextlib.suppress(InputError):
        monitoring = module_parameters.loads(text, path).monitoring
        reclaims = any(scheme.action is Action.PAGEOUT for scheme in schemes)
        return _Setting(
            monitoring=monitoring,
            operations=OperationsSet.PADDR,
            warnings=(RECLAIM_INERT,) if reclaims else (),
            given=frozenset({Code.QUOTA_NO_PRIORITY}),  # a module's weights are its own
        )
    return _Setting(monitoring=Monitoring(), operations=_meant(schemes))


def _meant(schemes: Sequence[Scheme]) -> OperationsSet:
    for operations in (OperationsSet.VADDR, OperationsSet.PADDR):
        with contextlib.suppress(ValueError):
            for scheme in schemes:
                check_meeting(scheme, operations)
            return operations
    return OperationsSet.VADDR


def _lint_space(workload: Workload) -> list[LintWarning]:
    """Warn of what every proposal of the search space has.

    What is about quotas counts if every proposal in which the scheme has a quota has it.
    """
    texts: dict[tuple[int | None, Code], list[str]] = {}
    limited: dict[int | None, int] = {}
    proposals = 0
    known = _known(workload)
    for values in _proposals(workload.search_space, workload.monitoring.intervals):
        with contextlib.suppress(ValueError):  # a proposal that will fail; others won't
            schemes = workload.search_space.schemes(values)
            found = lint(schemes, workload.monitoring, workload.operations, known)
            proposals += 1
            for number, scheme in enumerate(schemes, start=1):
                limited[number] = limited.get(number, 0) + (scheme.quota is not None)
            for key, text in {(w.scheme, w.code): w.text for w in found}.items():
                texts.setdefault(key, []).append(text)
    return [
        LintWarning(
            code=code,
            scheme=number,
            text=shown[0] if len(set(shown)) == 1 else f"with every proposal, such as: {shown[0]}",
        )
        for (number, code), shown in texts.items()
        if len(shown) == (limited[number] if code.value.startswith("quota-") else proposals)
    ]


def _known(workload: Workload) -> Known:
    known = Known(huge_pages=workload.vm.huge_pages if workload.backend == "vm" else None)
    if (pattern := workload.subject.pattern) is None:
        return known
    return replace(
        known,
        size_bytes=sum(region.size_bytes for region in pattern.regions) + TABLE_BYTES,
        runtime_us=max(
            0, sum(phase.duration_us for phase in pattern.phases) - workload.start_after_us
        ),
        maps_later=False,
    )


def _proposals(space: SearchSpace, intervals: Intervals) -> Iterator[ParameterSet]:
    """Combine notable values of the parameters: all ways, or as many as are looked at."""
    options = {p.name: _notable(p, intervals) for p in space.parameters}
    total = math.prod(map(len, options.values()))
    for index in range(min(total, _MOST_PROPOSALS)):
        rest = index * _STRIDE % total
        values: dict[str, Value] = {}
        for parameter in space.parameters:
            rest, choice = divmod(rest, len(options[parameter.name]))
            if parameter.active(values):
                values[parameter.name] = options[parameter.name][choice]
        yield values


def _notable(parameter: Parameter, intervals: Intervals) -> Sequence[Value]:
    """Choices, or the ends of a range and the roundest numbers next to them."""
    if not isinstance(parameter, Numeric):
        return parameter.choices
    low, high = parameter.low, parameter.high
    values: dict[Value, None] = {low: None, high: None}
    for step in _steps(parameter, intervals):
        for count in (math.ceil(low / step), math.floor(high / step)):
            if low <= (value := count * step) <= high:
                values[value] = None
    return tuple(values)


def _steps(parameter: Numeric, intervals: Intervals) -> tuple[int | float, ...]:
    """What the kernel counts a field in."""
    quantity = FIELDS[parameter.field].quantity
    if quantity is DURATION:
        return (1_000, intervals.sampling_us, intervals.aggregation_us, 1_000_000)
    if quantity is SIZE:
        return (PAGE_BYTES,)
    return (1 / intervals.samples,) if quantity is SHARE else ()
