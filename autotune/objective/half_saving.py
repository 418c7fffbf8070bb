"""How long a scheme takes to save memory: until half of what it saves at most is saved.

The saving at a time is what the baseline holds at that time and the measurement does not: resident
memory, where what processes share counts once, and memory for swapped-out pages. A saving counts if it
lasts for `KEPT_S`: a workload that runs a little later than its baseline seems to save for a moment. A
program that grows, and that kdamond and faults hold up, holds less at each time for as long as it runs:
so the saving over the whole of both runs counts, too; and if anything was swapped out, no saving before
that counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotune.experiment.measurement import Measurement, Series
from autotune.experiment.proportional import between_readings
from autotune.objective.samples import samples

KEPT_S = 1.0
"""For how long a saving must last to count, in seconds."""
LEAST_SAVING = 0.01
"""A saving below this fraction of the baseline's memory may be noise: no time is told."""

Times = NDArray[np.float64]


def half_saving_s(measured: Measurement, baseline: Measurement) -> float:
    """Give when half of the largest saving is reached, in seconds since the measured part began.

    Raises:
        ValueError: If less than `LEAST_SAVING` of the baseline's memory is saved on average, over the
            time that both runs have, or over the whole of each.

    >>> from dataclasses import replace
    >>> from autotune.testing import measurement
    >>> baseline = measurement(rss_mean_bytes=100.0)
    >>> series = replace(baseline.series, rss_bytes=(100, 100, 60), pss_bytes=(100, 100, 60))
    >>> round(half_saving_s(measurement(rss_mean_bytes=90.0, series=series), baseline), 2)
    6.67
    """
    usual = _mean_held(baseline)
    whole = 1.0 - _mean_held(measured) / usual if usual > 0.0 else 0.0
    if whole < LEAST_SAVING:
        raise ValueError(_too_little(""))
    time_s = np.asarray(samples(measured.series, "time_s"))
    end_s = min(measured.runtime_s, baseline.runtime_s)
    time_s = time_s[time_s < end_s] if end_s > 0.0 else time_s[:1]
    usual_time_s = np.asarray(samples(baseline.series, "time_s"))
    before = _held(baseline.series)[_at(usual_time_s, time_s)]
    saved = before - _held(measured.series)[: len(time_s)]
    too_early = saved[: _first_swapped_out(measured.series)]
    np.minimum(too_early, 0.0, out=too_early)
    weights = np.diff(np.append(time_s, max(end_s, time_s[-1])))
    total = float(weights @ before)
    in_common = float(weights @ saved) / total if total > 0.0 else 0.0
    if in_common < LEAST_SAVING:
        raise ValueError(_too_little(" in the time that both runs have"))
    kept = _lasting(time_s, saved, end_s)
    return float(time_s[np.argmax(kept >= kept.max() / 2)])


def _too_little(when: str) -> str:
    return f"less than {LEAST_SAVING:.0%} of memory was saved{when}, too little to time"


def _mean_held(run: Measurement) -> float:
    """Give what is held on average over a whole run, in bytes."""
    return run.pss_mean_bytes + run.swap_pool_mean_bytes


def _held(series: Series) -> Times:
    """Give what is held at each sample, in bytes."""
    resident = samples(series, "pss_bytes")
    if not isinstance(resident, np.ndarray) and None in resident:
        resident = between_readings(series.time_s, series.rss_bytes, series.pss_bytes)
    held: Times = np.asarray(resident, dtype=np.float64) + np.asarray(
        samples(series, "pool_bytes")
    )
    return held


def _first_swapped_out(series: Series) -> int:
    """Give the first sample that has more in swap than the first of all; 0 if no sample has."""
    swapped = np.asarray(samples(series, "swap_bytes")) + np.asarray(samples(series, "pool_bytes"))
    return int(np.argmax(swapped > swapped[0]))


def _at(time_s: Times, asked_s: Times) -> NDArray[np.intp]:
    """Give the last sample before or at each of the times that are asked for."""
    # Samples of two runs lie on one grid, up to rounding.
    return np.maximum(0, np.searchsorted(time_s, asked_s + 1e-6, side="right") - 1)


def _lasting(time_s: Times, saved: Times, end_s: float) -> Times:
    """Give the least saving within `KEPT_S` from each sample on, but for samples too near the end."""
    whole = int(np.count_nonzero(time_s + KEPT_S <= end_s))
    starts = np.arange(max(1, whole))
    behind = np.maximum(starts + 1, np.searchsorted(time_s, time_s[starts] + KEPT_S - 1e-6))
    # `reduceat` takes pairs of begin and end; an entry of 0 stands behind the last sample.
    pairs = np.stack([starts, np.minimum(behind, len(saved))], axis=1).ravel()
    least: Times = np.minimum.reduceat(np.append(saved, np.inf), pairs)[::2]
    return least
