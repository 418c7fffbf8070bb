"""A search at the speed of the simulator: thousands of schemes, and seeds for those that compete.

A quasi-random design comes first, then variations of what was best. After every batch, the schemes that
compete for a place on the front are measured with one more seed, so that a lucky scheme does not stay
there. The search ends by itself when the front hardly grows any more. What may be recommended is then
measured with fresh seeds until it is known how sure it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.space.space import ParameterSet
from autotune.study.confirming import confirmation_seeds
from autotune.study.proposals import keep
from autotune.study.settling import settle
from autotune.study.standing import Standing
from autotune.study.storage import Storage
from autotune.study.trying import Trying
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.improvement import counting_points, covers
from autotune.surrogate.unit_cube import UnitCube
from autotune.trial import Trial, TrialState

Floats = NDArray[np.float64]

_DESIGN, _EACH = 512, 64
"""The most schemes of the design, and how many for each parameter; at most half of a budget, too."""
_LEFT = 10
"""One in so many trials of a budget is left for schemes with plain values in place of some."""
_ALONG = 0.3
"""The share of variations that go along what sets good schemes apart."""
_FIRST = 0.15
"""The share of variations that seek the best by the first objective alone."""
_BATCH = 24
"""The schemes that are tried together; no result depends on how many of them run at a time."""
_AGAIN = 10
"""The competitors that are measured again after a batch."""
_MOST_SEEDS = 8
"""How many seeds a competitor gets while the search goes on."""
_PATIENCE = 7
"""After so many batches without gain the search ends; where nothing keeps the limits, after three times
as many."""
_GAIN = 0.01
"""What counts as gain: the volume that the front dominates grew by this share."""
_COUNTED = 2048
"""On how many points the volume of the front is counted."""
_FRUITLESS = 20
"""How many times as many variations are drawn as are wanted before the space counts as used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    number: int
    parameters: ParameterSet


class SimulatorSearch:
    """A search for a backend whose measurements cost next to nothing.

    Args:
        seed: Decides the proposals.
    """

    def __init__(self, *, seed: int) -> None:
        self._seed = seed

    def go(self, trying: Trying, storage: Storage) -> None:
        """Search, and settle what may be recommended."""
        file, race = trying.file, _Race(trying, self._seed)
        try:
            race.go()
            settle(trying, race.finalists(), confirmation_seeds(file.seed, file.confirmations))
        finally:
            confirmed = trying.confirmed.confirmations
            kept = [trial for trial in trying.trials if trial.number in confirmed]
            trying.finalists = kept if confirmed else None
            keep(
                file.name, file.search_space, file.objectives, storage, kept or trying.candidates()
            )


class _Race:
    """The search before anything is settled."""

    def __init__(self, trying: Trying, seed: int) -> None:
        file = trying.file
        self.trying = trying
        self.cube = UnitCube(file.search_space)
        self.corner = file.objectives.limit
        self.evolution = Evolution(self.cube, self.corner, seed=seed, along=_ALONG, first=_FIRST)
        self.standing = Standing(file.objectives)
        self.trials: list[Trial] = []
        self.seen: set[tuple[object, ...]] = set()
        self.seeds = racing_seeds(file.seed, _MOST_SEEDS - 1)
        trials = file.budget.trials
        self.most = None if trials is None else trials - trials // _LEFT

    def go(self) -> None:
        """Try schemes until nothing more is gained, or the budget is used up."""
        file = self.trying.file
        most = min(_DESIGN, _EACH * self.cube.dimensions)
        if file.budget.trials is not None:
            most = min(most, -(-file.budget.trials // 2))
        design = self.evolution.design(most)
        self._try(self._new([*file.search_space.initial, *design]))
        best, waited = self._within(), 0
        while len(self.standing) and waited < (_PATIENCE if len(best) else 3 * _PATIENCE):
            if not self._try(self._variations(self._room())):
                return
            self._measure_competitors()
            now = self._within()
            before, volume = self._volumes(best, now)
            waited = 0 if volume > before * (1.0 + _GAIN) else waited + 1
            best = now if waited == 0 else best

    def _new(self, sets: Iterable[ParameterSet]) -> list[ParameterSet]:
        """Leave out what gives schemes that were tried; what gives none is tried, and fails."""
        new = []
        for parameters in sets:
            try:
                schemes: tuple[object, ...] = self.trying.schemes(parameters)
            except ValueError:
                schemes = tuple(sorted(parameters.items()))
            if schemes not in self.seen:
                self.seen.add(schemes)
                new.append(parameters)
        return new

    def _variations(self, count: int) -> list[ParameterSet]:
        known = self.standing.evaluated()
        found: list[ParameterSet] = []
        for _ in range(_FRUITLESS):
            if len(found) >= count:
                break
            found += self._new(self.evolution.vary(known, count))
        return found[:count]

    def _try(self, sets: Sequence[ParameterSet]) -> bool:
        """Try parameter sets within the budget; say whether there were any."""
        tried = False
        while batch := sets[: self._room()]:
            sets = sets[len(batch) :]
            first = len(self.trying.trials)
            asked = [_Asked(number=first + n, parameters=p) for n, p in enumerate(batch)]
            for one, trial in self.trying.batch(asked, series=False):
                tried = True
                if trial.state is TrialState.COMPLETE:
                    self.standing.add(self.cube.point(one.parameters), trial.figures)
                    self.trials.append(trial)
        return tried

    def _room(self) -> int:
        """How many parameter sets may be tried together now; 0 when the search's share is used up."""
        room = self.trying.room(_BATCH)
        return room if self.most is None else min(room, self.most - len(self.trying.trials))

    def _measure_competitors(self) -> None:
        chosen = self.standing.competitors(self.corner, _AGAIN)
        counts = self.standing.seeds
        chosen = [position for position in chosen if counts[position] < _MOST_SEEDS]
        wanted = [(self.trials[p], self.seeds[counts[p] - 1]) for p in chosen]
        for position, figures in zip(
            chosen, self.trying.again(wanted, confirms=False, series=False), strict=True
        ):
            if figures is not None:
                self.standing.again(position, figures)

    def _within(self) -> Floats:
        """The losses of what keeps the limits, shape ``(n, k)``."""
        if not len(self.standing):
            return np.empty((0, len(self.corner)))
        known = self.standing.evaluated()
        return known.losses[known.excess <= 0.0]

    def _volumes(self, *several: Floats) -> list[int]:
        """The volumes that sets of losses dominate, from where an objective is worth nothing."""
        ideal = np.vstack(several).min(axis=0, initial=np.inf)
        ideal = np.minimum(ideal, self.corner)
        points = counting_points(ideal, np.array(self.corner), count=_COUNTED)
        return [int(covers(losses, points).any(axis=0).sum()) for losses in several]

    def finalists(self) -> list[Trial]:
        """Give the trials that compete in the end, such that the first ones cover the front."""
        return [self.trials[p] for p in self.standing.finalists(self.corner)]


def racing_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Give the seeds with which competitors are measured again; none is *seed* or confirms anything."""
    taken = {seed, *confirmation_seeds(seed, 1000)}
    numbers = np.random.SeedSequence(seed, spawn_key=(3,)).generate_state(count + 64).tolist()
    return tuple(number for number in dict.fromkeys(numbers) if number not in taken)[:count]
