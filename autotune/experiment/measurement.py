"""What one run showed: raw figures, and the samples that they were computed from.

A field that was not measured is None, never 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autotune.damon.damos import SchemeStats
from autotune.experiment.conditions import Conditions
from autotune.experiment.watched import Watched

_MAY_BE_EMPTY = frozenset({"cpu_s", "major_faults", "work_done"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The samples from which means are computed. Each field has one entry for each sample.

    Attributes:
        time_s: Time since the measured part began, in seconds.
        rss_bytes: Resident set of the target's process tree, summed over processes.
        pss_bytes: Resident memory of the tree, where what processes share counts once; None where it
            was not read. Of a single process it is its resident set.
        swap_bytes: Swapped-out memory of the target's process tree, before compression. What processes
            share counts once; where that was not read, it is estimated as `pss_mean_bytes` is.
        pool_bytes: Memory that holds what was swapped out.
        used_bytes: Memory that the whole system uses, less what it used before the workload was started.
            Below 0 if other programs have freed memory since.
        wss_bytes: Bytes in regions with at least one access in the last aggregation, at most what is
            resident; None without monitoring, and before its first aggregation.
        cpu_s: CPU time of the target's process tree since the measured part began, in seconds, without
            the phases in which a pattern idles. Empty if not known, as in the replay of a recording.
        major_faults: Faults that brought a page back since the measured part began; empty if not known.
        work_done: Accesses that a pattern has made; empty for any other workload.

    Raises:
        ValueError: If fields differ in their number of samples.
    """

    time_s: tuple[float, ...]
    rss_bytes: tuple[int, ...]
    pss_bytes: tuple[int | None, ...]
    swap_bytes: tuple[int, ...]
    pool_bytes: tuple[int, ...]
    used_bytes: tuple[int, ...]
    wss_bytes: tuple[int | None, ...]
    cpu_s: tuple[float, ...] = ()
    major_faults: tuple[int, ...] = ()
    work_done: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the lengths."""
        lengths = {
            len(samples)
            for field in dataclasses.fields(self)
            if (samples := getattr(self, field.name)) or field.name not in _MAY_BE_EMPTY
        }
        if len(lengths) != 1:
            raise ValueError(f"series of different lengths: {sorted(lengths)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run of a workload, with or without DAMON.

    Attributes:
        runtime_s: Time of the measured part, in seconds of the backend's own clock.
        work_done: What a workload of fixed duration got done, in its own unit; None for fixed work.
        rss_mean_bytes: Time-weighted mean of the resident set, summed over processes.
        rss_peak_bytes: Maximum of the resident set, summed over processes.
        pss_mean_bytes: Time-weighted mean of the resident memory, where what processes share counts once
            (`autotune.experiment.proportional`).
        swap_pool_mean_bytes: Mean of the memory that holds what was swapped out.
        system_used_mean_bytes: Mean of the whole system's memory use since before the workload; None if
            it is below 0, so that it is not the workload's.
        kdamond_cpu: CPU time of the kdamond over `runtime_s`, a fraction of one CPU.
        workload_cpu_s: CPU time of the target's process tree, faults included, in seconds.
        major_faults: Faults that brought a page back from swap.
        swap_in_bytes: Bytes read from swap.
        swap_out_bytes: Bytes written to swap.
        memory_pressure_some_s: Growth of PSI memory "some", in seconds.
        scheme_stats: Statistics of the schemes, summed over all schemes; None without monitoring.
        wss_mean_bytes: Mean working set size; None without monitoring.
        series: The samples from which the means are computed.
        fingerprint: A hash of all that decides the figures: equal fingerprints mean equal figures. None
            on a machine that runs in real time, where this is not known.
        pss_periods_us: Times between two readings of the memory that processes share, in microseconds:
            one if it stayed equal, more if reading became dearer, none if the tree was one process.
        watched: Which processes were DAMON's targets; None without monitoring of processes.
        conditions: What the schemes met; why they did little follows from it. None without monitoring.
        latency_max_s: Time that the slowest request took, as a client printed it, in seconds; None if
            the workload names none.

    Source of the definitions: docs/measurement.md.
    """

    runtime_s: float
    work_done: float | None
    rss_mean_bytes: float
    rss_peak_bytes: int
    pss_mean_bytes: float
    swap_pool_mean_bytes: float
    system_used_mean_bytes: float | None
    kdamond_cpu: float
    workload_cpu_s: float
    major_faults: int
    swap_in_bytes: int
    swap_out_bytes: int
    memory_pressure_some_s: float
    scheme_stats: SchemeStats | None
    wss_mean_bytes: float | None
    series: Series
    fingerprint: str | None = None
    pss_periods_us: tuple[int, ...] = ()
    watched: Watched | None = None
    conditions: Conditions | None = None
    latency_max_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, in the order of the fields."""
        # `asdict` copies every sample by itself, and takes ten times as long for the other fields.
        values = _fields(self)
        values["scheme_stats"] = None if self.scheme_stats is None else _fields(self.scheme_stats)
        values["conditions"] = None if self.conditions is None else _fields(self.conditions)
        values["watched"] = None if self.watched is None else self.watched.to_dict()
        values["series"] = {name: list(samples) for name, samples in _fields(self.series).items()}
        values["pss_periods_us"] = list(self.pss_periods_us)
        if self.conditions is not None:
            values["conditions"]["schemes"] = [
                {**_fields(scheme), "stats": _fields(scheme.stats)}
                for scheme in self.conditions.schemes
            ]
        return values

    def without_series(self) -> Measurement:
        """Leave out the samples: all other figures stay."""
        return dataclasses.replace(self, series=_NO_SAMPLES)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measurement:
        """Read what `to_dict` gave.

        Raises:
            ValueError: If a field is missing, unknown or of the wrong kind.
        """
        try:
            stats, watched = values["scheme_stats"], values.get("watched")
            conditions = values["conditions"]
            series = {name: tuple(samples) for name, samples in values["series"].items()}
            measurement = cls(
                **{
                    **values,
                    "scheme_stats": None if stats is None else SchemeStats(**stats),
                    "series": Series(**series),
                    "pss_periods_us": tuple(values["pss_periods_us"]),
                    "watched": None if watched is None else Watched.from_dict(watched),
                    "conditions": None if conditions is None else Conditions.from_dict(conditions),
                }
            )
        except KeyError as error:
            raise ValueError(f"not a measurement: no {error}") from error
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a measurement: {error}") from error
        _check_numbers(values)
        return measurement


def _fields(record: Any) -> dict[str, Any]:
    """Give the fields of a dataclass by name, as they are."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


_NO_SAMPLES = Series(
    time_s=(),
    rss_bytes=(),
    pss_bytes=(),
    swap_bytes=(),
    pool_bytes=(),
    used_bytes=(),
    wss_bytes=(),
)
_MAY_BE_NONE = frozenset(
    {
        "work_done",
        "wss_mean_bytes",
        "wss_bytes",
        "pss_bytes",
        "system_used_mean_bytes",
        "latency_max_s",
    }
)
_NO_NUMBERS = frozenset({"fingerprint", "watched", "conditions"})


def _check_numbers(values: Mapping[str, Any]) -> None:
    numbers = {name: [value] for name, value in values.items() if name not in _NO_NUMBERS}
    numbers["pss_periods_us"] = list(values["pss_periods_us"])
    for part in ("scheme_stats", "series"):
        [nested] = numbers.pop(part)
        for name, value in (nested or {}).items():
            numbers[name] = value if part == "series" else [value]
    for name, several in numbers.items():
        for value in several:
            if not isinstance(value, int | float) and not (value is None and name in _MAY_BE_NONE):
                raise ValueError(f"not a measurement: {name} is {value!r}, which is no number")


def time_weighted_mean(
    time_s: tuple[float, ...], samples: tuple[float, ...], end_s: float
) -> float:
    """Give the mean of *samples*. A sample's weight is the time until the next sample, or until *end_s*.

    The mean of equal samples is exactly their value: so memory that a scheme did not change shows no
    saving, not even by rounding.

    >>> time_weighted_mean((0.0, 1.0, 3.0), (10, 20, 30), 4.0)
    20.0
    """
    ends = (*time_s[1:], end_s)
    weights = [end - start for start, end in zip(time_s, ends, strict=True)]
    total = sum(weights)
    if total <= 0.0:
        return float(samples[-1])
    first = samples[0]
    return first + sum(w * (s - first) for w, s in zip(weights, samples, strict=True)) / total
