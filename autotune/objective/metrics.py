"""Metrics: the table of what a measurement is judged by, and their values for a measurement.

A metric is a formula over a measurement and its baseline. A metric that can't be computed is missing,
with a reason; it is never 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from autotune.experiment.measurement import Measurement
from autotune.experiment.other_speed import looks_timed
from autotune.objective.comeback import comeback_faults, comeback_s
from autotune.objective.formulas import (
    cpu_use,
    latency_max_s,
    latency_slowdown,
    memory_saving,
    own_cpu_slowdown,
    rss_saving,
    system_memory_saving,
    wall_slowdown,
)
from autotune.objective.half_saving import half_saving_s

SlowdownName = Literal["own_cpu_slowdown", "wall_slowdown"]

RECORD_FIELDS: tuple[str, ...] = tuple(
    field.name
    for field in dataclasses.fields(Measurement)
    if field.name
    not in {
        "scheme_stats",
        "series",
        "fingerprint",
        "pss_periods_us",
        "watched",
        "conditions",
        "latency_max_s",
    }
)
"""The fields of a measurement that an expression may name, beside the metrics."""

ONLY_MONITORED = frozenset({"wss_mean_bytes"})
"""The fields of a measurement that a baseline never has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A formula over a measurement and its baseline.

    Attributes:
        name: The name in files and columns.
        direction: Which way is better: "maximize" or "minimize".
        function: The formula; None for `slowdown`, for which the backend chooses one of two formulas.
        summary: One line for people.
        unit: Of the values: a fraction, seconds, or a count.
        has_zero: Whether 0 means no difference from the baseline.
        of_scheme: Whether only a measurement with schemes can have it, and no baseline.
        situational: Whether most workloads can't have it: where it is missing, no note is needed.
    """

    name: str
    direction: Literal["maximize", "minimize"]
    function: Callable[[Measurement, Measurement], float] | None
    summary: str
    unit: Literal["fraction", "s", "count"] = "fraction"
    has_zero: bool = True
    of_scheme: bool = False
    situational: bool = False


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
            Metric(
                name="half_saving_s",
                direction="minimize",
                function=half_saving_s,
                summary="time until half of the largest saving of memory is reached",
                unit="s",
                has_zero=False,
                of_scheme=True,
            ),
            Metric(
                name="comeback_faults",
                direction="minimize",
                function=comeback_faults,
                summary="faults in the first second after idling, in the worst case",
                unit="count",
                situational=True,
            ),
            Metric(
                name="comeback_s",
                direction="minimize",
                function=comeback_s,
                summary="time more that the work after idling takes, in the worst case",
                unit="s",
                situational=True,
            ),
            Metric(
                name="latency_max_s",
                direction="minimize",
                function=latency_max_s,
                summary="time that the slowest request took",
                unit="s",
                has_zero=False,
                situational=True,
            ),
            Metric(
                name="latency_slowdown",
                direction="minimize",
                function=latency_slowdown,
                summary="time more that the slowest request took",
                situational=True,
            ),
        )
    }
)
"""Every metric, in the order of reports and columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metrics(Mapping[str, float]):
    """The metrics of a measurement: a mapping of those that are known, in the order of `METRICS`.

    Attributes:
        known: The metrics that could be computed, by name.
        missing: Why a metric could not be computed, by its name.
    """

    known: Mapping[str, float]
    missing: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Give a metric.

        Raises:
            KeyError: If the metric is not known; the message says why.
        """
        if name in self.missing:
            raise KeyError(f"{name} is unknown: {self.missing[name]}")
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        """Give the names of the known metrics."""
        return iter(self.known)

    def __len__(self) -> int:
        """Count the known metrics."""
        return len(self.known)

    def all_values(self) -> dict[str, float | None]:
        """Give every metric in the order of `METRICS`; None if it is missing."""
        return {name: self.known.get(name) for name in METRICS}


def sentences(missing: Mapping[str, str]) -> list[str]:
    """Say which metrics are unknown, and why: a line for each reason.

    >>> sentences({"slowdown": "no work", "wall_slowdown": "no work"})
    ['slowdown, wall_slowdown: unknown: no work']
    """
    names: dict[str, list[str]] = {}
    for name, reason in missing.items():
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(which)}: unknown: {reason}" for reason, which in names.items()]


def notable(missing: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out the metrics that most workloads can't have."""
    return {name: why for name, why in missing.items() if not METRICS[name].situational}


SLOWDOWNS = frozenset({"slowdown", "own_cpu_slowdown", "wall_slowdown", "comeback_s"})
"""The metrics that mean nothing without a unit of work that measurement and baseline share."""


def compute(
    measured: Measurement,
    baseline: Measurement,
    *,
    slowdown: SlowdownName,
    no_work: str | None = None,
) -> Metrics:
    """Give every metric, in the order of `METRICS`; a metric that can't be computed is missing.

    Args:
        measured: The measurement.
        baseline: Its baseline, with DAMON off.
        slowdown: The formula for `slowdown` on this backend.
        no_work: Why the two share no unit of work, so that no slowdown is known; None if they do.

    Raises:
        ValueError: If *slowdown* is no formula.

    >>> from autotune.testing import measurement
    >>> metrics = compute(
    ...     measurement(runtime_s=9.0), measurement(runtime_s=8.0), slowdown="wall_slowdown"
    ... )
    >>> metrics["slowdown"], metrics["own_cpu_slowdown"]
    (0.125, 0.0)
    """
    known: dict[str, float] = {}
    missing: dict[str, str] = {}
    if measured.work_done is None and baseline.work_done is None:
        no_work = no_work or looks_timed(measured, baseline)
    for metric in METRICS.values():
        function = metric.function or METRICS[slowdown].function
        if function is None:
            raise ValueError(f"slowdown can't be '{slowdown}': it must be a formula of its own")
        if no_work is not None and metric.name in SLOWDOWNS:
            missing[metric.name] = no_work
            continue
        try:
            known[metric.name] = function(measured, baseline)
        except ValueError as error:
            missing[metric.name] = str(error)
    return Metrics(known=known, missing=missing)


def out_of_reach(
    baseline: Measurement, *, slowdown: SlowdownName, no_work: str | None = None
) -> Mapping[str, str]:
    """Say of each metric that no measurement like *baseline* can have why it can't, by name."""
    missing = compute(baseline, baseline, slowdown=slowdown, no_work=no_work).missing
    return {name: why for name, why in missing.items() if not METRICS[name].of_scheme}


def values(measured: Measurement, metrics: Mapping[str, float]) -> dict[str, float]:
    """Give all that an expression may name: *metrics*, and fields of the measurement."""
    fields = ((name, getattr(measured, name)) for name in RECORD_FIELDS)
    return {**metrics, **{name: float(value) for name, value in fields if value is not None}}
