"""What coming back costs: the phases after a workload was idle, against the same phases of the baseline.

While a workload idles its memory looks cold. When it wakes it pays for what was paged out meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.experiment.measurement import Measurement
from autotune.objective.of_each import of_each
from autotune.objective.samples import samples

IDLE_S = 2.0
"""For how long a workload must be idle, in seconds, so that what follows is a phase after idling."""
MOST_USE = 0.1
"""An idle workload uses less than this fraction of a CPU."""
MOST_SHARE = 0.1
"""An idle workload uses less than this fraction of what it uses in its busiest second."""
LEAST_USE = 0.01
"""A workload that uses less than this fraction of a CPU in its busiest second is never busy."""
FIRST_S = 1.0
"""Faults count in this time after waking, in seconds."""
LONGEST_PHASE_S = 10.0
"""The work of a pattern counts for at most this time after waking, in seconds."""
SAME_WORK = 0.005
"""The work of two runs that differs by more than this fraction is not fixed."""
ALL_OF_A_CPU = 0.9
"""A phase that uses at least this fraction of a CPU has no time left."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A phase after idling.

    Attributes:
        idle_s: When the workload became idle, in seconds since the measured part began.
        begin_s: When it woke.
        end_s: When it was idle again for `IDLE_S`, or the run ended.
    """

    idle_s: float
    begin_s: float
    end_s: float


class _Run:
    """A measurement's samples, and its end."""

    def __init__(self, measured: Measurement) -> None:
        series = measured.series
        self.measured = measured
        self.time_s: Numbers = np.asarray(samples(series, "time_s"))
        self.end_s = max(measured.runtime_s, float(self.time_s[-1]))
        self._cpu_s: Numbers = np.asarray(samples(series, "cpu_s"))

    def use(self) -> Numbers:
        """The CPUs used between each sample and the next."""
        return np.asarray(np.diff(self._cpu_s) / np.diff(self.time_s))

    def busiest(self) -> float:
        """The CPUs used in the busiest second."""
        begins = self.time_s[self.time_s <= self.time_s[-1] - 1.0]
        used = np.interp(begins + 1.0, self.time_s, self._cpu_s)
        return float(np.max(used - np.interp(begins, self.time_s, self._cpu_s), initial=0.0))

    def cpu_s(self, phase: Phase) -> float:
        """CPU time of a phase, up to the last sample."""
        return self._growth(self._cpu_s, phase.begin_s, phase.end_s)

    def faults(self, begin_s: float, end_s: float) -> float:
        """Faults from swap from one time to another."""
        return self._growth(
            np.append(samples(self.measured.series, "major_faults"), self.measured.major_faults),
            begin_s,
            end_s,
        )

    def work(self, begin_s: float, end_s: float) -> float:
        """Accesses of a pattern from one time to another."""
        return self._growth(
            np.append(samples(self.measured.series, "work_done"), self.measured.work_done or 0.0),
            begin_s,
            end_s,
        )

    def _growth(self, totals: Numbers, begin_s: float, end_s: float) -> float:
        times = np.append(self.time_s, self.end_s)[: len(totals)]
        low, high = np.interp([begin_s, end_s], times, totals)
        return float(high - low)

    def phases(self, limit: float) -> Iterator[Phase]:
        """The phases after idling, where a workload that uses less than *limit* CPUs is idle."""
        idle = list(self.idle(limit))
        for number, (begin_s, end_s) in enumerate(idle):
            if end_s < self.time_s[-1]:
                behind = idle[number + 1][0] if number + 1 < len(idle) else self.end_s
                yield Phase(idle_s=begin_s, begin_s=end_s, end_s=behind)

    def idle(self, limit: float) -> Iterator[tuple[float, float]]:
        """Begin and end of each time of `IDLE_S` or more in which the workload is idle."""
        quiet = np.concatenate([[False], self.use() < limit, [False]])
        edges = np.flatnonzero(quiet[1:] != quiet[:-1])
        for first, behind in zip(edges[::2], edges[1::2], strict=True):
            begin_s, end_s = float(self.time_s[first]), float(self.time_s[behind])
            if end_s - begin_s >= IDLE_S - 1e-6:
                yield begin_s, end_s

    def awake_after(self, at_s: float, limit: float) -> float | None:
        """When the workload wakes for the first time after *at_s*; None if it does not."""
        quiet = self.use() < limit
        number = max(0, int(np.searchsorted(self.time_s, at_s + 1e-6, side="right")) - 1)
        idle = np.flatnonzero(quiet[number:])
        if not len(idle):
            return None
        busy = np.flatnonzero(~quiet[number + idle[0] :])
        return float(self.time_s[number + idle[0] + busy[0]]) if len(busy) else None


def _known(measured: Measurement, name: str) -> bool:
    """Whether a field of the series has samples."""
    return len(samples(measured.series, name)) > 0


@of_each
def _usual_phases(baseline: Measurement) -> tuple[float, tuple[Phase, ...]]:
    """Give the CPUs below which a baseline is idle, and its phases after idling."""
    before = _Run(baseline)
    busiest = before.busiest()
    limit = min(MOST_USE, MOST_SHARE * busiest)
    return limit, tuple(before.phases(limit)) if busiest >= LEAST_USE else ()


def _pairs(measured: Measurement, baseline: Measurement) -> list[tuple[Phase, Phase]]:
    """Give the phases after idling of the measurement, each with that of the baseline.

    Raises:
        ValueError: If there is none, or it is not known when a workload was busy.
    """
    if not (_known(measured, "cpu_s") and _known(baseline, "cpu_s")):
        raise ValueError("when the workload was idle was not recorded: measure the program itself")
    limit, phases = _usual_phases(baseline)
    if not phases:
        raise ValueError(
            f"the workload is never idle for {IDLE_S:g} s and then busy: let it pause for longer"
        )
    run, found, late_s = _Run(measured), [], 0.0
    for phase in phases:
        begin_s = run.awake_after((phase.idle_s + phase.begin_s) / 2 + late_s, limit)
        if begin_s is None:
            raise ValueError(
                f"the workload wakes {phase.begin_s:.1f} s after its begin without DAMON, and not with "
                "it: compare runs that do equal work"
            )
        late_s = begin_s - phase.begin_s
        idle_again = (idle_s for idle_s, _ in run.idle(limit) if idle_s > begin_s)
        end_s = next(idle_again, run.end_s)
        found.append((Phase(idle_s=phase.idle_s + late_s, begin_s=begin_s, end_s=end_s), phase))
    return found


def comeback_faults(measured: Measurement, baseline: Measurement) -> float:
    """Give the faults from swap in the first second after idling, more than the baseline has.

    Returns:
        A count, of the phase after idling that has most.

    Raises:
        ValueError: If the baseline is never idle and then busy, or that is not known.
    """
    if not (_known(measured, "major_faults") and _known(baseline, "major_faults")):
        raise ValueError("when faults came was not recorded: measure again")
    pairs = _pairs(measured, baseline)
    run, before = _Run(measured), _Run(baseline)
    return max(
        run.faults(mine.begin_s, mine.begin_s + FIRST_S)
        - before.faults(theirs.begin_s, theirs.begin_s + FIRST_S)
        for mine, theirs in pairs
    )


def comeback_s(measured: Measurement, baseline: Measurement) -> float:
    """Give how much longer the work of a phase after idling takes.

    Of a pattern, the accesses in the first `LONGEST_PHASE_S` of the phase count. A phase of a program
    does fixed work: what counts is the CPU time that it takes more, or the time if that is clearly more.

    Returns:
        Seconds, of the phase after idling that loses most; below 0 if all phases gain.

    Raises:
        ValueError: If the baseline is never idle and then busy, that is not known, or the phases do not
            seem to do equal work.
    """
    pairs = _pairs(measured, baseline)
    run, before = _Run(measured), _Run(baseline)
    if _known(measured, "work_done") and _known(baseline, "work_done"):
        return max(_lost_s(run, before, *pair) for pair in pairs)
    done = (measured.work_done, baseline.work_done)
    if None not in done and abs((done[0] or 0.0) - (done[1] or 0.0)) > SAME_WORK * (
        done[1] or 0.0
    ):
        raise ValueError(
            "the work of a phase is not fixed: let the client do a number of requests"
        )
    return max(_longer_s(run, before, *pair) for pair in pairs)


def _lost_s(run: _Run, before: _Run, mine: Phase, theirs: Phase) -> float:
    """Give the time in which the baseline makes the accesses that the measurement makes less."""
    length_s = min(mine.end_s - mine.begin_s, theirs.end_s - theirs.begin_s, LONGEST_PHASE_S)
    made = before.work(theirs.begin_s, theirs.begin_s + length_s)
    if made <= 0.0:
        return 0.0
    return length_s * (1.0 - run.work(mine.begin_s, mine.begin_s + length_s) / made)


def _longer_s(run: _Run, before: _Run, mine: Phase, theirs: Phase) -> float:
    """Give the time that the phase took more.

    Raises:
        ValueError: If the phase looks as if a clock ended it.
    """
    length_s, usual_s = mine.end_s - mine.begin_s, theirs.end_s - theirs.begin_s
    cpu_s = run.cpu_s(mine) - before.cpu_s(theirs)
    # Begin and end of a phase lie on samples: up to two may be chance.
    apart_s = 2.0 * float(np.max(np.diff(run.time_s)))
    if length_s - usual_s > apart_s:
        return max(length_s - usual_s, cpu_s)
    faults = run.faults(mine.begin_s, mine.end_s) - before.faults(theirs.begin_s, theirs.end_s)
    if faults > 0 and cpu_s <= 0.0 and before.cpu_s(theirs) >= ALL_OF_A_CPU * usual_s:
        raise ValueError(
            "a clock seems to end the phases after idling, so their work is not fixed"
        )
    return cpu_s
