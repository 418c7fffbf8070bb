"""What a measurement means beside its baseline: one formula a metric.

A baseline is the same workload on the same backend and machine with the same seed, with DAMON off.
Fractions throughout: 0.05 is 5 %.

Source of the formulas: docs/measurement.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from autotune.experiment.measurement import Measurement

SlowdownName = Literal["own_cpu_slowdown", "wall_slowdown"]

RECORD_FIELDS: tuple[str, ...] = tuple(
    field.name
    for field in dataclasses.fields(Measurement)
    if field.name not in {"scheme_stats", "series", "fingerprint"}
)
"""The numbers of a measurement itself, which an expression may name beside the metrics."""


def _ratio(name: str, measured: float, baseline: float) -> float:
    """Divide, unless the baseline makes the quotient meaningless.

    Raises:
        ValueError: If *baseline* is 0 or negative.
    """
    if baseline <= 0:
        raise ValueError(f"the baseline's {name} is {baseline:g}: nothing can be compared with it")
    return measured / baseline


def _per_work(name: str, record: Measurement, other: Measurement) -> float:
    """The field *name* for one unit of work; the field itself for a workload of fixed work.

    Raises:
        ValueError: If nothing was done, or only one of the two records counts its work.
    """
    value: float = getattr(record, name)
    if record.work_done is None and other.work_done is None:
        return value
    if record.work_done is None or other.work_done is None:
        raise ValueError("only one of measurement and baseline has work_done: they don't compare")
    if record.work_done <= 0:
        raise ValueError(f"work_done is {record.work_done:g}: there is no time per unit of work")
    return value / record.work_done


def memory_saving(measured: Measurement, baseline: Measurement) -> float:
    """Memory that the workload no longer holds, net of the memory that holds what was swapped out.

    Returns:
        A fraction of the baseline's; below 0 where more is held.

    Raises:
        ValueError: If the baseline held nothing.

    >>> from autotune.testing import measurement
    >>> baseline = measurement(rss_mean_bytes=1000.0, swap_pool_mean_bytes=0.0)
    >>> memory_saving(measurement(rss_mean_bytes=500.0, swap_pool_mean_bytes=250.0), baseline)
    0.25
    """
    return 1.0 - _ratio(
        "rss_mean_bytes + swap_pool_mean_bytes",
        measured.rss_mean_bytes + measured.swap_pool_mean_bytes,
        baseline.rss_mean_bytes + baseline.swap_pool_mean_bytes,
    )


def rss_saving(measured: Measurement, baseline: Measurement) -> float:
    """Resident memory that is gone, whatever holds it now.

    Returns:
        A fraction of the baseline's; below 0 where more is resident.

    Raises:
        ValueError: If nothing was resident in the baseline.

    >>> from autotune.testing import measurement
    >>> rss_saving(measurement(rss_mean_bytes=500.0), measurement(rss_mean_bytes=1000.0))
    0.5
    """
    return 1.0 - _ratio("rss_mean_bytes", measured.rss_mean_bytes, baseline.rss_mean_bytes)


def system_memory_saving(measured: Measurement, baseline: Measurement) -> float:
    """Memory that the whole system no longer uses: the figure for physical-address schemes.

    Returns:
        A fraction of the baseline's; below 0 where more is used.

    Raises:
        ValueError: If the baseline used no memory.

    >>> from autotune.testing import measurement
    >>> baseline = measurement(system_used_mean_bytes=1000.0)
    >>> system_memory_saving(measurement(system_used_mean_bytes=750.0), baseline)
    0.25
    """
    return 1.0 - _ratio(
        "system_used_mean_bytes", measured.system_used_mean_bytes, baseline.system_used_mean_bytes
    )


def own_cpu_slowdown(measured: Measurement, baseline: Measurement) -> float:
    """CPU time more that the workload needs for the same work, faults included, the kdamond's not.

    Returns:
        A fraction of the baseline's; below 0 where it needs less.

    Raises:
        ValueError: If the baseline has no CPU time, or the work done is missing on one side or 0.

    >>> from autotune.testing import measurement
    >>> own_cpu_slowdown(measurement(workload_cpu_s=12.0), measurement(workload_cpu_s=8.0))
    0.5
    """
    return (
        _ratio(
            "workload_cpu_s",
            _per_work("workload_cpu_s", measured, baseline),
            _per_work("workload_cpu_s", baseline, measured),
        )
        - 1.0
    )


def wall_slowdown(measured: Measurement, baseline: Measurement) -> float:
    """Time more that the same work takes; where there is one CPU, the kdamond's share included.

    Returns:
        A fraction of the baseline's; below 0 where it is faster.

    Raises:
        ValueError: If the baseline took no time, or the work done is missing on one side or 0.

    >>> from autotune.testing import measurement
    >>> wall_slowdown(measurement(runtime_s=12.0), measurement(runtime_s=8.0))
    0.5
    >>> baseline = measurement(runtime_s=8.0, work_done=400.0)
    >>> wall_slowdown(measurement(runtime_s=8.0, work_done=200.0), baseline)
    1.0
    """
    return (
        _ratio(
            "runtime_s",
            _per_work("runtime_s", measured, baseline),
            _per_work("runtime_s", baseline, measured),
        )
        - 1.0
    )


def cpu_use(measured: Measurement, baseline: Measurement) -> float:  # noqa: ARG001 - one signature
    """CPU time of the kdamond.

    Returns:
        A fraction of the one CPU that it ran on.

    >>> from autotune.testing import measurement
    >>> cpu_use(measurement(kdamond_cpu=0.02), measurement())
    0.02
    """
    return measured.kdamond_cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A formula over a measurement and its baseline.

    Attributes:
        name: As in files and columns.
        direction: Which way is better: "maximize" or "minimize".
        function: The formula; None for `slowdown`, for which the backend chooses one of two.
        summary: For people, one line.
    """

    name: str
    direction: Literal["maximize", "minimize"]
    function: Callable[[Measurement, Measurement], float] | None
    summary: str


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                name="memory_saving",
                direction="maximize",
                function=memory_saving,
                summary="memory no longer held, compressed swap counted as held",
            ),
            Metric(
                name="rss_saving",
                direction="maximize",
                function=rss_saving,
                summary="resident memory that is gone, swapped out or not",
            ),
            Metric(
                name="system_memory_saving",
                direction="maximize",
                function=system_memory_saving,
                summary="memory that the whole system no longer uses",
            ),
            Metric(
                name="slowdown",
                direction="minimize",
                function=None,
                summary="what the workload loses where the kdamond has a CPU to itself",
            ),
            Metric(
                name="own_cpu_slowdown",
                direction="minimize",
                function=own_cpu_slowdown,
                summary="CPU time more that the workload needs for the same work",
            ),
            Metric(
                name="wall_slowdown",
                direction="minimize",
                function=wall_slowdown,
                summary="time more that the same work takes",
            ),
            Metric(
                name="cpu_use",
                direction="minimize",
                function=cpu_use,
                summary="CPU time of the kdamond, of the CPU it ran on",
            ),
        )
    }
)
"""Every metric, in the order of reports and columns."""


def compute(
    measured: Measurement, baseline: Measurement, *, slowdown: SlowdownName
) -> dict[str, float]:
    """Give every metric, in the order of `METRICS`.

    Args:
        measured: With DAMON on, or any other run.
        baseline: With DAMON off.
        slowdown: Which formula is `slowdown` on this backend.

    Raises:
        ValueError: If a metric can't be computed; the message says what was not measurable.

    >>> from autotune.testing import measurement
    >>> metrics = compute(
    ...     measurement(runtime_s=9.0), measurement(runtime_s=8.0), slowdown="wall_slowdown"
    ... )
    >>> metrics["slowdown"], metrics["own_cpu_slowdown"]
    (0.125, 0.0)
    """
    results: dict[str, float] = {}
    for metric in METRICS.values():
        function = metric.function or METRICS[slowdown].function
        if function is None:
            raise ValueError(f"slowdown can't be '{slowdown}': it must be a formula of its own")
        results[metric.name] = function(measured, baseline)
    return results


def values(measured: Measurement, metrics: Mapping[str, float]) -> dict[str, float]:
    """Give all that an expression may name: *metrics*, and the measured fields of the record."""
    fields = ((name, getattr(measured, name)) for name in RECORD_FIELDS)
    return {**metrics, **{name: float(value) for name, value in fields if value is not None}}
