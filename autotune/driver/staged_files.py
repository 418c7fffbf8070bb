"""A setup as values of DAMON's files, in the order in which the kernel must be told.

Writing a file ``nr_*`` deletes the folders that it counts, and makes them anew with defaults. So each is
written once, before the files in these folders. The kernel checks keywords when they are written, and
values when DAMON is turned on.

Source: Documentation/ABI/testing/sysfs-kernel-mm-damon of Linux 6.12.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from autotune.damon.damos import Filter, FilterType, Quota, QuotaGoal, Scheme
from autotune.damon.kernel_features import OTHER_WORDS, SPLIT_FILTERS, feature_of
from autotune.damon.kernel_units import UINT_MAX, ULONG_MAX, to_kernel
from autotune.damon.monitoring import Intervals, Monitoring, Target
from autotune.driver.setup import Setup
from autotune.driver.sysfs_file import SysfsError
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError, TrialError

CONTEXT: Final = "0/contexts/0"
"""The folder of the only context of the only kdamond."""

SCHEMES: Final = f"{CONTEXT}/schemes"

_COUNTS = (("nr_kdamonds", "1"), ("0/contexts/nr_contexts", "1"))

_Value = tuple[str, object]

_CORE_FILTERS = frozenset({FilterType.ADDR, FilterType.TARGET})


class UnsupportedSchemeError(TrialError):
    """This kernel has no way to be told what a scheme asks for."""


def _below(folder: str, values: Iterable[_Value]) -> Iterator[_Value]:
    return ((f"{folder}/{name}", value) for name, value in values)


def _yes(flag: bool) -> str:
    return "Y" if flag else "N"


def _attributes(monitoring: Monitoring) -> Iterator[_Value]:
    yield "intervals/sample_us", monitoring.intervals.sampling_us
    yield "intervals/aggr_us", monitoring.intervals.aggregation_us
    yield "intervals/update_us", monitoring.intervals.update_us
    yield "nr_regions/min", monitoring.min_regions
    yield "nr_regions/max", monitoring.max_regions


def _targets(targets: Sequence[Target]) -> Iterator[_Value]:
    yield "nr_targets", len(targets)
    for index, target in enumerate(targets):
        if target.pid is not None:
            yield f"{index}/pid_target", target.pid
        yield f"{index}/regions/nr_regions", len(target.regions)
        for number, (start, end) in enumerate(target.regions):
            yield f"{index}/regions/{number}/start", start
            yield f"{index}/regions/{number}/end", end


def _goals(goals: Sequence[QuotaGoal]) -> Iterator[_Value]:
    yield "nr_goals", len(goals)
    for index, goal in enumerate(goals):
        yield f"{index}/target_metric", goal.metric.value
        yield f"{index}/target_value", goal.target_value
        yield f"{index}/current_value", goal.current_value
        if goal.nid is not None:
            yield f"{index}/nid", goal.nid
        if goal.memcg_path is not None:
            yield f"{index}/path", goal.memcg_path


def _filters(filters: Sequence[Filter]) -> Iterator[_Value]:
    yield "nr_filters", len(filters)
    for index, item in enumerate(filters):
        yield f"{index}/type", item.type.value
        yield f"{index}/matching", _yes(item.matching)
        yield f"{index}/allow", _yes(item.allow)
        if item.memcg_path is not None:
            yield f"{index}/memcg_path", item.memcg_path
        if item.address_range is not None:
            yield f"{index}/addr_start", item.address_range[0]
            yield f"{index}/addr_end", item.address_range[1]
        if item.size_range is not None:
            yield f"{index}/min", item.size_range[0]
            yield f"{index}/max", item.size_range[1]
        if item.target_index is not None:
            yield f"{index}/damon_target_idx", item.target_index


def _quotas(quota: Quota | None) -> Iterator[_Value]:
    yield "weights/sz_permil", quota.weights.size if quota else 0
    yield "weights/nr_accesses_permil", quota.weights.access_rate if quota else 0
    yield "weights/age_permil", quota.weights.age if quota else 0
    yield from _below("goals", _goals(quota.goals if quota else ()))


def _scheme(scheme: Scheme, intervals: Intervals, *, split_filters: bool) -> Iterator[_Value]:
    kernel = to_kernel(scheme, intervals)
    yield "action", scheme.action.value
    if scheme.target_nid is not None:
        yield "target_nid", scheme.target_nid
    yield "apply_interval_us", scheme.apply_interval_us
    for name in ("sz", "nr_accesses", "age"):
        low, high = getattr(kernel, name)
        if name == "nr_accesses":
            # The kernel keeps this number in 32 bits. No region has more accesses than that.
            low, high = min(low, UINT_MAX), min(high, UINT_MAX)
        yield f"access_pattern/{name}/min", low
        yield f"access_pattern/{name}/max", high
    yield "quotas/ms", kernel.quota_ms
    yield "quotas/bytes", kernel.quota_bytes
    # The kernel converts only the lower 32 bits to jiffies. So an interval that needs more than 32 bits
    # (49 days) is written as one that never ends.
    reset_ms = kernel.reset_interval_ms
    yield "quotas/reset_interval_ms", ULONG_MAX if reset_ms > UINT_MAX else reset_ms
    yield from _below("quotas", _quotas(scheme.quota))
    interval_us, high, mid, low = kernel.watermarks or (0, 0, 0, 0)
    yield "watermarks/metric", "none" if kernel.watermarks is None else "free_mem_rate"
    yield "watermarks/interval_us", interval_us
    yield "watermarks/high", high
    yield "watermarks/mid", mid
    yield "watermarks/low", low
    if split_filters:
        core = [item for item in scheme.filters if item.type in _CORE_FILTERS]
        pages = [item for item in scheme.filters if item.type not in _CORE_FILTERS]
        yield from _below("core_filters", _filters(core))
        yield from _below("ops_filters", _filters(pages))
    else:
        yield from _below("filters", _filters(scheme.filters))


def _context(setup: Setup) -> Iterator[_Value]:
    yield "operations", setup.operations.value
    yield from _below("monitoring_attrs", _attributes(setup.monitoring))
    yield from _below("targets", _targets(setup.targets))
    yield "schemes/nr_schemes", len(setup.schemes)


def _schemes(setup: Setup, *, split_filters: bool) -> Iterator[_Value]:
    for index, scheme in enumerate(setup.schemes):
        values = _scheme(scheme, setup.monitoring.intervals, split_filters=split_filters)
        yield from _below(str(index), values)


def staged_values(setup: Setup, *, split_filters: bool = False) -> tuple[tuple[str, str], ...]:
    """Give the files that are written for *setup*, each with its value, in order.

    Args:
        setup: What DAMON is to do.
        split_filters: Whether filters go to ``core_filters`` and ``ops_filters``, as Linux 6.15 and
            later want it. Otherwise all filters go to ``filters``.

    Returns:
        Pairs of a path below ``kdamonds`` and a value, for one kdamond with one context.

    >>> from autotune.damon.monitoring import Monitoring, Target
    >>> staged_values(Setup(monitoring=Monitoring(), targets=(Target(pid=42),)))[8:10]
    (('0/contexts/0/targets/nr_targets', '1'), ('0/contexts/0/targets/0/pid_target', '42'))
    """
    values = (
        *_COUNTS,
        *_below(CONTEXT, _context(setup)),
        *_below(SCHEMES, _schemes(setup, split_filters=split_filters)),
    )
    return tuple((path, str(value)) for path, value in values)


def stage(tree: DamonTree, setup: Setup, *, running: bool = False) -> None:
    """Write *setup* to DAMON's files. The kernel acts on it only after the next command.

    Args:
        tree: The files.
        setup: What DAMON is to do.
        running: Whether the kdamond is on. Then it goes on, and a ``commit`` must follow.

    Raises:
        UnsupportedSchemeError: If this kernel can't be told a part of the setup.
        BackendUnavailableError: If this kernel can't monitor the setup's kind of address space.
        SysfsError: If the kernel refuses a value.
    """
    _write_all(tree, () if running else _COUNTS)
    _check_operations(tree, setup)
    _write_all(tree, _below(CONTEXT, _context(setup)))
    # The kernel makes the folders for filters with the schemes' folders: only now can they be seen.
    split_filters = any(tree.exists(f"{SCHEMES}/0/{folder}") for folder in SPLIT_FILTERS.files)
    _write_all(tree, _below(SCHEMES, _schemes(setup, split_filters=split_filters)))


def _check_operations(tree: DamonTree, setup: Setup) -> None:
    file = f"{CONTEXT}/avail_operations"
    wanted = setup.operations.value
    if tree.exists(file) and wanted not in (known := tree.read(file).split()):
        raise BackendUnavailableError(
            f"{tree.root / file}: this kernel does not monitor {wanted}, only {', '.join(known)}: "
            "boot one with CONFIG_DAMON_VADDR and CONFIG_DAMON_PADDR, or use the vm backend"
        )


def _write_all(tree: DamonTree, values: Iterable[_Value]) -> None:
    for path, value in values:
        _write(tree, path, str(value))


def _write(tree: DamonTree, path: str, value: str) -> None:
    try:
        tree.write(path, value)
    except SysfsError as error:
        name, feature = PurePosixPath(path).name, feature_of(path)
        if error.errno == errno.ENOENT and feature is not None:
            if value != feature.absence:
                raise UnsupportedSchemeError(
                    f"{error.file.parent} has no {name}: this kernel is older than "
                    f"v{feature.since}; {feature.remedy}"
                ) from error
        elif error.errno == errno.EINVAL and name in OTHER_WORDS:
            raise UnsupportedSchemeError(
                f"{error.file}: this kernel does not know '{value}': use a newer kernel, "
                f"or {OTHER_WORDS[name]}"
            ) from error
        else:
            raise
