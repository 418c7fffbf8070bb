"""What a prior says: figures of many parameter sets, with their spread from run to run.

A prior is a function, such as a simulator of the machine that measures. It need not be right:
`autotune.surrogate.corrected` learns where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autotune.objective.figures import Figures
from autotune.space.fields import Value
from autotune.space.space import ParameterSet
from autotune.surrogate.covering import GROWING, reach
from autotune.surrogate.gaussian_process import Layout
from autotune.surrogate.log_variance import too_low
from autotune.surrogate.sought import Sought
from autotune.surrogate.unit_cube import UnitCube

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Prior: TypeAlias = Callable[[Sequence[tuple[ParameterSet, int]]], Sequence[Figures | None]]
"""Gives the figures of parameter sets, each with a seed; None where they give no possible schemes."""

Key: TypeAlias = tuple[tuple[str, Value], ...]

_NEIGHBOURS = 12
"""The spread of a set is drawn towards the spread of so many sets with similar figures,"""
_SHRUNK = 4.0
"""as if that were known from so many runs more."""
_TURNS = 4
"""Sets begin with one of so many seeds, in turn."""
_DIGITS = 9
"""Figures that are equal in so many digits after the point are equal."""
_LEAST = 0.1
"""The least spread of a set, as a share of the usual spread."""


class Surface:
    """Parameter sets, and what a prior says of each. It grows as more is asked.

    Without a prior it holds the parameter sets alone: all means and spreads are 0.

    Args:
        sought: The figures that count.
        cube: The parameters.
        prior: What is asked; None is no prior.
        seeds: The seeds that the prior is asked with, at most so many of each set.
        guessed: Whether the prior knows no more than what is usual.
    """

    def __init__(
        self,
        sought: Sought,
        cube: UnitCube,
        prior: Prior | None,
        seeds: Sequence[int],
        *,
        guessed: bool = False,
    ) -> None:
        self.guessed = guessed
        self._sought = sought
        self._cube = cube
        self._prior = prior
        self._seeds = seeds
        self._turns = min(_TURNS, len(seeds))
        self._rows: dict[Key, int] = {}
        self._turn: list[int] = []
        self.sets: list[ParameterSet] = []
        self.runs = 0
        """How many runs the prior made."""
        self._said: list[list[Floats]] = []
        self._points: list[Floats] = []
        self._coordinates: list[Floats] = []
        self._reaches: list[Floats | None] = []
        self._parameter = cube.layout([]).parameter
        self._spread: Floats | None = None
        self._mean: Floats | None = None

    def __len__(self) -> int:
        """Give the number of parameter sets, n."""
        return len(self.sets)

    @property
    def has_prior(self) -> bool:
        """Whether there is a prior."""
        return self._prior is not None

    @property
    def tells_noise(self) -> bool:
        """Whether there is a prior that says by how much runs differ."""
        return self.has_prior and not self.guessed

    def row(self, values: ParameterSet) -> int | None:
        """Give the row of a set; None if it has no place."""
        return self._rows.get(key_of(values))

    def points(self, rows: Ints) -> Floats:
        """Give sets as points of the unit cube, shape ``(m, d)``."""
        return np.array([self._points[row] for row in rows])

    def layout(self, rows: Ints, trend: Floats) -> Layout:
        """Lay the sets of *rows* out; see `UnitCube.layout`."""
        coordinates = np.array([self._coordinates[row] for row in rows])
        return Layout(
            coordinates=coordinates.reshape(len(rows), len(self._parameter)),
            parameter=self._parameter,
            trend=trend,
        )

    def reaches(self, rows: Ints) -> Floats | None:
        """Give how far the schemes of *rows* reach, shape ``(m, r)``; None if that can't be said.

        See `autotune.surrogate.covering`.
        """
        found = [self._reaches[row] for row in rows]
        known = [one for one in found if one is not None]
        return np.array(known) if known and len(known) == len(found) else None

    @property
    def bent(self) -> NDArray[np.bool_]:
        """Which figures' scales are logarithmic beyond a unit, shape ``(f,)``."""
        return self._sought.bent

    @property
    def grows(self) -> list[bool]:
        """Which figures are no less for schemes that cover others."""
        return [name in GROWING for name in self._sought.names]

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which figures have no limit, shape ``(f,)``."""
        limited = {constraint.name for constraint in self._sought.objectives.constraints}
        return np.array([name not in limited for name in self._sought.names])

    def excess(self, scaled: Floats) -> Floats:
        """See `Sought.excess`."""
        return self._sought.excess(scaled)

    @property
    def length_scales(self) -> Floats:
        """See `UnitCube.length_scales`."""
        return self._cube.length_scales

    def usual_noise(self, size: Floats) -> Floats:
        """Give the usual standard deviation of one run on the figures' scales, shape ``(f,)``.

        Args:
            size: By how much figures usually differ, of the same shape.
        """
        return self._sought.usual_noise(size)

    @property
    def mean(self) -> Floats:
        """The mean of each figure over the prior's runs, on its scale, shape ``(n, f)``."""
        if self._mean is None:
            nothing = np.zeros(len(self._sought.names))
            means = np.array([np.mean(s, axis=0) if s else nothing for s in self._said])
            self._mean = means.reshape(len(self._said), len(nothing))
        return self._mean

    @property
    def blur(self) -> Floats:
        """The standard deviation of `mean`, which few runs give, shape ``(n, f)``."""
        counts = np.array([max(1, len(said)) for said in self._said])
        return np.asarray(self.spread / np.sqrt(counts)[:, None])

    @property
    def spread(self) -> Floats:
        """The standard deviation of one run on the figure's scale, shape ``(n, f)``.

        It is that of the set's own runs and of the runs of sets with similar figures, together, and not
        much less than usual: of a simulator, sets that do nothing have none.
        """
        if self._spread is None:
            self._spread = self._spreads()
        return self._spread

    def add(self, sets: Iterable[ParameterSet], *, limit: int | None = None) -> list[int]:
        """Ask about sets, once each.

        Args:
            sets: What is known already is not asked again.
            limit: At most so many new sets count.

        Returns:
            The rows of *sets* that have a place on the surface, each row once.
        """
        fresh: dict[Key, ParameterSet] = {}
        keys = []
        for values in sets:
            key = key_of(values)
            keys.append(key)
            if key not in self._rows and (limit is None or len(fresh) < limit):
                fresh[key] = values
        turns = [(len(self.sets) + number) % self._turns for number in range(len(fresh))]
        said = self._ask(
            [
                (values, self._seeds[turn])
                for values, turn in zip(fresh.values(), turns, strict=True)
            ]
        )
        for (key, values), figures, turn in zip(fresh.items(), said, turns, strict=True):
            if figures is not None or (not self.has_prior and self._is_possible(values)):
                self._rows[key] = len(self.sets)
                self._turn.append(turn)
                self.sets.append(values)
                self._points.append(self._cube.point(values))
                self._reaches.append(reach(self._cube.space.schemes(values)))
                [coordinates] = self._cube.layout([values]).coordinates
                self._coordinates.append(coordinates)
                self._said.append([] if figures is None else [figures])
        return list(dict.fromkeys(self._rows[key] for key in keys if key in self._rows))

    def _is_possible(self, values: ParameterSet) -> bool:
        try:
            self._cube.space.schemes(values)
        except ValueError:
            return False
        return True

    def repeat(self, rows: Iterable[int], count: int) -> None:
        """Ask about the sets of *rows* again, with further seeds, until each was asked *count* times."""
        if not self.has_prior:
            return
        count = min(count, len(self._seeds))
        asked = [
            (row, self._seed(row, number))
            for row in rows
            for number in range(len(self._said[row]), count)
        ]
        said = self._ask([(self.sets[row], seed) for row, seed in asked])
        for (row, _), figures in zip(asked, said, strict=True):
            if figures is not None:
                self._said[row].append(figures)

    def asked(self, row: int) -> int:
        """Give how often the prior was asked about a set."""
        return len(self._said[row])

    def figures(self, row: int, number: int) -> Figures:
        """Give what one run of a set showed, from 0 on."""
        return dict(
            zip(
                self._sought.names,
                self._sought.figures(self._said[row][number]).tolist(),
                strict=True,
            )
        )

    def away(self, row: int) -> Floats:
        """Give how far each run of a set was from their mean, on the figures' scales: ``(runs, f)``."""
        said = np.array(self._said[row])
        return np.asarray(said - said.mean(axis=0))

    def _seed(self, row: int, number: int) -> int:
        """Give the seed of a run of a set, from 0 on.

        Sets begin with different seeds: else all might be unlucky with the one seed that is asked first.
        """
        if number < self._turns:
            number = (self._turn[row] + number) % self._turns
        return self._seeds[number]

    def shown(self, row: int, seeds: int) -> Key:
        """Give what the prior says of a set with the first seeds: equal of sets that do the same.

        It must have been asked so often, at least as often as sets begin with different seeds.
        """
        turn = self._turn[row]
        turned = [self._said[row][(at - turn) % self._turns] for at in range(self._turns)]
        said = np.array((*turned, *self._said[row][self._turns : seeds])).ravel()
        return tuple((str(at), value) for at, value in enumerate(np.round(said, _DIGITS).tolist()))

    def _ask(self, asked: Sequence[tuple[ParameterSet, int]]) -> list[Floats | None]:
        if not asked:
            return []
        self._mean = self._spread = None
        if self._prior is None:
            return [None] * len(asked)
        self.runs += len(asked)
        said = self._prior(asked)
        return [None if one is None else self._sought.row(one) for one in said]

    def _spreads(self) -> Floats:
        """Draw the variance of each set towards that of its neighbours by figures."""
        means = self.mean
        several = [row for row, said in enumerate(self._said) if len(said) > 1]
        if not several:
            return np.zeros_like(means)
        variances = np.array([np.var(self._said[row], axis=0, ddof=1) for row in several])
        freedoms = np.array([len(self._said[row]) - 1.0 for row in several])
        own, own_freedom = np.zeros_like(means), np.zeros(len(means))
        own[several], own_freedom[several] = variances, freedoms
        size = np.where(means.std(axis=0) > 0.0, means.std(axis=0), 1.0)
        apart = (((means[:, None, :] - means[several][None, :, :]) / size) ** 2).sum(axis=2)
        count = min(_NEIGHBOURS, len(several))
        near = np.argpartition(apart, count - 1, axis=1)[:, :count]
        # Logarithms, since few sets with two outcomes would rule all others; their mean is a little low.
        low = too_low(freedoms)
        usual = np.sqrt((variances * freedoms[:, None]).sum(axis=0) / freedoms.sum())
        floored = np.maximum(variances, (_LEAST * usual) ** 2)
        weights = freedoms[near][:, :, None]
        logs = (np.log(np.maximum(floored, 1e-300)) - low[:, None])[near]
        around = np.exp((logs * weights).sum(axis=1) / weights.sum(axis=1))
        together = own * own_freedom[:, None] + around * _SHRUNK
        spreads = np.sqrt(together / (own_freedom[:, None] + _SHRUNK))
        return np.asarray(np.maximum(spreads, _LEAST * usual))


def key_of(values: ParameterSet) -> Key:
    """Give what equal parameter sets have in common, whatever their order."""
    return tuple(sorted(values.items()))
