"""Which of a workload's processes DAMON watched, and how much memory it did not watch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from autotune.damon.monitoring import Intervals
from autotune.units import format_duration

_WORTH_SAYING: Final = 0.01
"""A smaller share of unwatched memory changes no figure visibly."""
_LEAST_LIFE_S: Final = 2.0
"""Processes that live shorter can't be watched for most of their lives: DAMON's targets are looked at
once a second (`autotune.runner.monitoring`)."""
_OF_LIFE: Final = 4
"""With an update interval of this part of its life, a process is watched for half of it or more: it
waits for one interval, and then, on average, for one more, since there is a commit every two."""
_STEP_US: Final = 100_000
"""Update intervals are proposed in multiples of this, in microseconds."""
_LEAST_UPDATE_US: Final = 500_000
"""Shorter update intervals hardly help, since DAMON's targets are looked at once a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """DAMON's targets in one run, from the moment at which DAMON was turned on.

    Attributes:
        processes: How many processes were targets, each for a part of the run or for all of it.
        unwatched_processes: How many processes with memory never were targets.
        unwatched_share: Resident memory times time of processes while they were no targets, as a
            fraction of that of all processes, from 0 to 1.
        unwatched_names: Names of the programs with most of that, at most three.
        unwatched_life_s: For how long these processes lived on average, in seconds; None if most of them
            were there until the end.
        max_regions: The bound on regions that DAMON was given.
        max_regions_asked: The bound on regions that the user asked for.
        restarts: How often DAMON was turned on anew, because the kernel had turned it off.

    Raises:
        ValueError: If the share is none.
    """

    processes: int
    unwatched_processes: int = 0
    unwatched_share: float = 0.0
    unwatched_names: tuple[str, ...] = ()
    unwatched_life_s: float | None = None
    max_regions: int
    max_regions_asked: int
    restarts: int = 0

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0.0 <= self.unwatched_share <= 1.0:
            raise ValueError(f"unwatched_share is {self.unwatched_share}: it must be from 0 to 1")

    def notes(self, intervals: Intervals) -> tuple[str, ...]:
        """What a user should know, in sentences; none if all was watched as the user asked.

        Args:
            intervals: DAMON's, in this run.
        """
        unwatched = unwatched_note(
            self.unwatched_share,
            self.unwatched_names,
            intervals,
            life_s=self.unwatched_life_s,
            restarts=self.restarts,
        )
        return tuple(note for note in (unwatched, self._raised(), self._restarted()) if note)

    def _raised(self) -> str | None:
        if self.max_regions == self.max_regions_asked:
            return None
        return (
            f"max_regions was raised from {self.max_regions_asked} to {self.max_regions}, since "
            f"{self.processes} processes were watched: DAMON would not see them apart with less"
        )

    def _restarted(self) -> str | None:
        if not self.restarts:
            return None
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        return (
            f"DAMON began anew {times}, with all ages at 0, since the kernel turns it off where a "
            "process ends just as DAMON takes it in: raise monitoring.update_interval above the time "
            "for which such processes live: then they are not taken in"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {**dataclasses.asdict(self), "unwatched_names": list(self.unwatched_names)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Watched:
        """Read what `to_dict` gave.

        Raises:
            ValueError: If a field is missing, unknown or of the wrong kind.
        """
        try:
            watched = cls(**{**values, "unwatched_names": tuple(values["unwatched_names"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a measurement: watched: {error}") from error
        numbers = {**values}
        numbers.pop("unwatched_names")
        if numbers.get("unwatched_life_s") is None:
            numbers.pop("unwatched_life_s", None)
        for name, value in numbers.items():
            if type(value) not in (int, float):
                raise ValueError(
                    f"not a measurement: watched.{name} is {value!r}, which is no number"
                )
        if not all(isinstance(name, str) for name in watched.unwatched_names):
            raise ValueError("not a measurement: watched.unwatched_names holds no names")
        return watched


def unwatched_note(
    share: float,
    names: tuple[str, ...],
    intervals: Intervals | None = None,
    *,
    life_s: float | None = None,
    restarts: int = 0,
) -> str | None:
    """Say how much of a workload's memory DAMON did not watch; None if it is too little to matter.

    Args:
        share: The share of the memory, from 0 to 1.
        names: The programs with most of it.
        intervals: DAMON's, in this run; None if nobody knows how these processes lived.
        life_s: For how long these processes lived, in seconds; None if they were there until the end.
        restarts: How often DAMON was turned on anew: the sooner it takes processes in, the more often.
    """
    if share < _WORTH_SAYING:
        return None
    return (
        f"DAMON did not watch {100 * share:.0f} % of the workload's memory, that of "
        f"{', '.join(names)}: {_why_unwatched(intervals, life_s, restarts)}"
    )


def _why_unwatched(intervals: Intervals | None, life_s: float | None, restarts: int) -> str:
    """Say why processes were not watched, and what helps processes with such lives."""
    watched = "a process is watched once it has lived for one to three update intervals"
    if intervals is None:
        return (
            f"{watched}: if they came late and stay, give 'ready' such that the measured part begins "
            f"when all are there; if they live for {_LEAST_LIFE_S:g} s or longer, lower "
            "monitoring.update_interval; if they live shorter, no setting helps"
        )
    sooner_us = _sooner_us(intervals, life_s)
    if life_s is None:
        lower = "" if restarts or sooner_us is None else ", or lower monitoring.update_interval"
        return (
            f"{watched}: give 'ready' such that the measured part begins when all processes are there, "
            f"or 'start_after'{lower}"
        )
    lived = f"these lived for {life_s:.1f} s on average"
    if life_s < _LEAST_LIFE_S:
        return (
            f"{watched}, and {lived}, too short for that: schemes leave their memory alone, and no "
            "setting changes it: tune the processes that stay, or let fewer processes do the same work "
            "for longer (a pool of workers)"
        )
    if sooner_us is None or restarts:
        return (
            f"{watched}, and {lived}: let fewer processes do the same work for longer (a pool of "
            "workers), so that this is a smaller part of their lives"
        )
    return (
        f"{watched}, and {lived}: lower monitoring.update_interval to {format_duration(sooner_us)}"
    )


def _sooner_us(intervals: Intervals, life_s: float | None) -> int | None:
    """Give an update interval with which more would be watched; None if no interval helps."""
    sooner_us = intervals.update_us // 2
    if life_s is not None:
        sooner_us = min(sooner_us, int(life_s * 1e6) // _OF_LIFE)
    sooner_us = max(sooner_us // _STEP_US * _STEP_US, _LEAST_UPDATE_US)
    return sooner_us if sooner_us < intervals.update_us else None
