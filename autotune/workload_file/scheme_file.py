"""A scheme file beside a workload file: what can be measured of it, and whose monitoring counts.

A scheme file may say what DAMON monitors and how. The intervals and bounds on regions are used, unless
the workload file has its own. Any other address space than the workload's own virtual one, and fixed
ranges of addresses, are refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autotune.damon.damos import Scheme
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.errors import InputError, Where
from autotune.formats.scheme_files import SchemeFile, load_scheme_file
from autotune.formats.warn import Warn
from autotune.units import format_duration
from autotune.workload_file.measurable import check_measurable
from autotune.workload_file.workload_file import WorkloadFile


def with_scheme_file(
    file: WorkloadFile, source: Path, *, warn: Warn
) -> tuple[WorkloadFile, tuple[Scheme, ...]]:
    """Read a scheme file; give the workload file as it is measured then, and the schemes.

    Args:
        file: The workload file.
        source: The scheme file.
        warn: Called with one line about what is read and has no effect, and about whose monitoring is
            used, if that is a question.

    Raises:
        InputError: If the scheme file is wrong, or asks for something that can't be measured.
    """
    found = load_scheme_file(source, warn=warn)
    return adopted(file, found, source, tell=warn), found.schemes


def adopted(file: WorkloadFile, schemes: SchemeFile, source: Path, *, tell: Warn) -> WorkloadFile:
    """Give the workload file with the monitoring under which the scheme file is measured.

    Args:
        file: The workload file.
        schemes: What the scheme file says.
        source: The scheme file, for messages.
        tell: Called with one line about whose monitoring is used, if that is a question.

    Raises:
        InputError: If the scheme file asks for something that can't be measured.
    """
    if (refusal := why_refused(schemes, file.operations)) is not None:
        raise InputError(refusal, Where(source))
    if schemes.of_module:
        tell(
            f"{source}: the module acts on all memory of a machine: what is measured is its scheme "
            "on the workload's memory alone"
        )
    theirs = schemes.monitoring
    if theirs is None:
        return file
    if schemes.of_module:
        update_us = file.monitoring.intervals.update_us
        theirs = replace(theirs, intervals=replace(theirs.intervals, update_us=update_us))
    if theirs == file.monitoring:
        return file
    if file.monitoring_given:
        tell(
            f"{file.path} and {source} differ in their monitoring: the workload file's is used "
            f"({describe(file.monitoring)}), not the scheme file's ({describe(theirs)})"
        )
        return file
    tell(f"{source}: its monitoring is used: {describe(theirs)}")
    return replace(file, monitoring=theirs)


def describe(monitoring: Monitoring) -> str:
    """Write DAMON's attributes for people.

    >>> describe(Monitoring())
    'sampling 5ms, aggregation 100ms, update 1s, 10 to 1000 regions'
    """
    intervals = monitoring.intervals
    return (
        f"sampling {format_duration(intervals.sampling_us)}, "
        f"aggregation {format_duration(intervals.aggregation_us)}, "
        f"update {format_duration(intervals.update_us)}, "
        f"{monitoring.min_regions} to {monitoring.max_regions} regions"
    )


def why_refused(
    schemes: SchemeFile, operations: OperationsSet = OperationsSet.VADDR
) -> str | None:
    """Say why a scheme file can't be measured; None if it can.

    Args:
        schemes: What the scheme file says.
        operations: The address space that is measured.
    """
    if schemes.of_module and any(scheme.filters for scheme in schemes.schemes):
        return (
            "skip_anon looks at pages, which DAMON does not do in a process's memory, and only that "
            "can be measured here: leave skip_anon out"
        )
    for number, scheme in enumerate(schemes.schemes, start=1):
        try:
            check_measurable(scheme, operations)
        except ValueError as error:
            return f"scheme {number}: {error}"
    return _target_refused(schemes)


def _target_refused(schemes: SchemeFile) -> str | None:
    """Say which address space or ranges of addresses a file names that can't be measured."""
    target = schemes.target
    if target is None:
        return None
    if schemes.of_module:
        return (
            "a range of physical addresses can't be measured here: leave out monitor_region_start and "
            "monitor_region_end"
            if target.regions
            else None
        )
    if asks := _asks(target):
        return (
            f"asks for {asks}; here DAMON watches all virtual addresses of the workload (vaddr): "
            f"{_remedy(target)}"
        )
    return None


def _asks(target: Target) -> str:
    names = {
        OperationsSet.PADDR: "the machine's physical addresses (paddr)",
        OperationsSet.FVADDR: "fixed virtual addresses (fvaddr)",
    }
    if target.operations in names:
        return names[target.operations]
    return "fixed ranges of addresses (regions)" if target.regions else ""


def _remedy(target: Target) -> str:
    parts = []
    if target.operations is not OperationsSet.VADDR:
        parts.append("write vaddr (in a damo command, --ops vaddr)")
    if target.regions:
        parts.append("leave the regions empty")
    return " and ".join(parts)
