"""The samples of a simulated run, which stay arrays until somebody looks at them one by one.

A search looks at the means of thousands of runs, and at the samples of a few.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator.workload import processes
from autotune.backends.simulator.world import World
from autotune.experiment.measurement import Series
from autotune.experiment.pattern import Pattern

_PAGE_TABLE_SHARE = 1 / 512
"""A page table entry takes 8 of the 4096 bytes that it maps."""

_FIELDS = tuple(field.name for field in dataclasses.fields(Series))

_UNKNOWN = frozenset({"wss_bytes"})
"""The fields whose arrays have -1 for what is not known."""


class ArraySeries(Series):
    """A series like any other, made of arrays: each field becomes a tuple when it is first asked for."""

    __slots__ = ("_arrays",)
    _arrays: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, **arrays: NDArray[Any]) -> Self:
        """Make a series of arrays, one a field, of one length or empty; nothing may change them."""
        made = cls.__new__(cls)
        object.__setattr__(made, "_arrays", arrays)
        return made

    def __getattr__(self, name: str) -> Any:
        """Make the tuple of a field that has none yet."""
        if name not in _FIELDS:
            raise AttributeError(name)
        samples = tuple(self._arrays[name].tolist())
        if name in _UNKNOWN:
            samples = tuple(None if sample < 0 else sample for sample in samples)
        object.__setattr__(self, name, samples)
        return samples

    def samples(self, name: str) -> Any:
        """Give the array of a field; a tuple where some of it is not known."""
        if name in _UNKNOWN or not hasattr(self, "_arrays"):
            return getattr(self, name)
        return self._arrays[name]

    def __eq__(self, other: object) -> bool:
        """Whether *other* is a series with equal samples."""
        if not isinstance(other, Series):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    __hash__ = Series.__hash__


def samples_of(simulated: World, workload: processes.Workload) -> ArraySeries:
    """Give the samples of a run that has ended."""
    tally = simulated.tally[0]
    taken = int(tally.samples)
    sampled = simulated.samples[:taken].view(np.ndarray).copy()
    times_us = np.arange(taken, dtype=np.float64) * float(tally.period_us)
    rss, pool = sampled["rss"], sampled["pool"]
    pss = rss
    if not isinstance(workload, Pattern):
        shares = times_us / max(1.0, float(simulated.clock[0].now_us))
        pss = np.maximum(0, rss - processes.repeated_bytes(workload, shares))
    none = sampled[:0]
    # A replay spreads the recorded CPU time evenly: it does not know when its program was idle.
    own = sampled if isinstance(workload, Pattern) else none
    return ArraySeries.of(
        time_s=times_us / 1e6,
        rss_bytes=rss,
        pss_bytes=pss,
        swap_bytes=sampled["swap"],
        pool_bytes=pool,
        used_bytes=pss + pool + (rss * _PAGE_TABLE_SHARE).astype(np.int64),
        wss_bytes=sampled["wss"],
        cpu_s=(own["cpu_us"] / 1e6).round(6),
        major_faults=sampled["swap_ins"],
        work_done=own["accesses"],
    )
