"""When a pattern was busy. Its player spins in a phase that idles, and tells of each phase later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlayedPhase:
    """A phase of a pattern, played.

    Attributes:
        accesses: How many accesses were made; 0 if the phase idled.
        duration_s: How long the phase took, in seconds.
    """

    accesses: int
    duration_s: float


def busy_cpu_s(
    time_s: Sequence[float], cpu_s: Sequence[float], phases: Sequence[PlayedPhase]
) -> tuple[float, ...]:
    """Leave out the CPU time of phases that idled.

    Args:
        time_s: Time of each sample, since the first phase began.
        cpu_s: CPU time up to each sample.
        phases: In the order in which they were played.

    >>> busy_cpu_s((0.0, 1.0, 2.0), (0.0, 1.0, 2.0), [PlayedPhase(0, 1.5), PlayedPhase(9, 5.0)])
    (0.0, 0.0, 0.5)
    """
    found, busy_s = list(cpu_s[:1]), cpu_s[0] if cpu_s else 0.0
    for number in range(1, len(time_s)):
        low, high = time_s[number - 1], time_s[number]
        share = 1.0 - _idle_s(low, high, phases) / (high - low)
        busy_s += (cpu_s[number] - cpu_s[number - 1]) * share
        found.append(busy_s)
    return tuple(found)


def _idle_s(low: float, high: float, phases: Sequence[PlayedPhase]) -> float:
    idle_s = began_s = 0.0
    for phase in phases:
        ended_s = began_s + phase.duration_s
        if phase.accesses == 0:
            idle_s += max(0.0, min(high, ended_s) - max(low, began_s))
        began_s = ended_s
    return idle_s


def accesses_at(time_s: Sequence[float], phases: Sequence[PlayedPhase]) -> tuple[float, ...]:
    """Give the accesses made up to each sample; within a phase they are taken to be made evenly.

    >>> accesses_at((0.0, 1.0, 4.0), [PlayedPhase(0, 1.0), PlayedPhase(90, 3.0)])
    (0.0, 0.0, 90.0)
    """
    return tuple(_accesses_until(at_s, phases) for at_s in time_s)


def _accesses_until(at_s: float, phases: Sequence[PlayedPhase]) -> float:
    made = began_s = 0.0
    for phase in phases:
        if phase.duration_s > 0.0:
            share = min(1.0, max(0.0, (at_s - began_s) / phase.duration_s))
            made += phase.accesses * share
        began_s += phase.duration_s
    return made
