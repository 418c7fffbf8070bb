"""Simulate, then correct: which schemes a real kernel should run next, and what is believed of each.

The prior is searched first. From then on its figures are corrected by what the kernel shows, the search
goes on from the corrected figures, and the kernel runs what raises the volume of what can be recommended
most: a new scheme, or once more a scheme that was run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune.objective.objective import Objectives
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.corrected import Corrected
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.improvement import best_points, counting_points
from autotune.surrogate.learning import Learning
from autotune.surrogate.not_sure import first_repeats, least_daring, until_sure
from autotune.surrogate.one_core import on_one_core
from autotune.surrogate.plain_sets import PlainLine, plain_sets
from autotune.surrogate.prior import Prior, key_of
from autotune.surrogate.prior_search import passes, search_prior
from autotune.surrogate.proposed import Expected, Left, Start
from autotune.surrogate.recommendable import Believed
from autotune.surrogate.shortlist import box, evaluated, foremost, shortlist
from autotune.surrogate.sought import WIDE_SHARE, Sought
from autotune.surrogate.unit_cube import UnitCube
from autotune.surrogate.worthwhile import worth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FIRST = 1200
"""The most that the prior is asked about before the kernel runs anything."""
_STEP = 96
"""What the prior is asked about between two batches of the kernel."""
_WITHOUT, _ROUNDS = 192, 3
"""Without a prior, so many sets that fill the space are weighed before each batch, and then so many
variations, so many times."""
_SEEDS = 12
"""With so many seeds the prior says what spread a scheme has that may be run."""
_MOST, _KEPT = 3000, 1000
"""When so many schemes are looked at, so many of them are kept."""
_FIRST_REPEATS = 2
"""Without a prior, so many runs of schemes that were run before come first: they tell the noise."""
_OF_A_GUESS = 4
"""What is usual is asked about so many times fewer sets than a prior that knows the workload."""
_LEAST_BESIDE = 0.1
"""Without a prior: nothing is run only because there is room for it."""
_PLAIN = 17
"""Without a prior, so many plain sets are weighed."""


class Correction:
    """Proposes runs for a real kernel. Equal arguments and equal figures give equal proposals.

    Args:
        space: What is tuned.
        objectives: What is sought.
        priors: What may be known before, the likeliest first; empty if nothing is. The first is used
            until the kernel shows that another fits better.
        seed: Seed, 0 or more.
        first: How many parameter sets a prior is asked about before the kernel runs what it proposes.
        step: How many more between two batches.
        also: Parameter sets that are weighed beside those that are found.
        guess: Where there are no *priors*: what is usual of workloads, of which little can be expected.
        alike: Gives equal values for parameter sets of which the kernel runs the same, and None of a set
            that can't do anything in a run: it is never proposed.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Objectives,
        priors: Sequence[Prior],
        *,
        seed: int,
        first: int = _FIRST,
        step: int = _STEP,
        also: Sequence[ParameterSet] = (),
        guess: Prior | None = None,
        alike: Callable[[ParameterSet], Hashable] = key_of,
    ) -> None:
        self._alike = alike
        self._also = (*also, *space.initial, *plain_sets(space))
        if not priors:
            self._also = (*self._also, *plain_sets(space, np.linspace(0.0, 1.0, _PLAIN).tolist()))
        self._space = space
        self._sought = Sought(objectives) if priors else Sought(objectives, WIDE_SHARE)
        self._cube = UnitCube(space)
        asked: list[Prior | None] = [*priors] if priors else [guess]
        if not priors:
            first, step = first // _OF_A_GUESS, step // _OF_A_GUESS
        self._first, self._step = first, _WITHOUT if asked == [None] else step
        self.learning = Learning(
            self._sought,
            self._cube,
            asked,
            seed=seed,
            guessed=not priors and guess is not None,
            gone_over=self._search,
        )
        """What is known of schemes."""
        self._evolution = Evolution(self._cube, tuple(self._sought.corner), seed=seed)
        self._random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
        self._failed: list[ParameterSet] = []
        self._pool: list[int] = []
        self.left: Left | None = None
        """What was left to gain when runs were last proposed; None before that."""
        self._line = None if priors else PlainLine(space)
        if self.learning.surface.has_prior:
            self._search()

    @property
    def _least_beside(self) -> float:
        """A run that is made beside another is worth more than this share of what that is worth."""
        return 0.0 if self.learning.surface.tells_noise else _LEAST_BESIDE

    @on_one_core
    def _search(self) -> None:
        """Look for the front of what the prior says."""
        search_prior(
            self.learning.surface, self._sought, self._evolution, self._first, _SEEDS, self._also
        )
        self._pool = list(range(len(self.learning.surface)))

    def tell(self, parameters: ParameterSet, figures: Mapping[str, float] | None) -> None:
        """Tell what a run showed; None if it failed, so that it is not proposed again.

        Of a run that was ended early only some figures are known: the least that they can be.
        """
        keeps = False
        if figures is None:
            self._failed.append(parameters)
        else:
            row = self._sought.row(figures)
            keeps = bool(self._sought.excess(row) <= 0.0)
            self.learning.tell(parameters, row)
        if self._line is not None:
            self._line.tell(parameters, keeps=keeps)

    @on_one_core
    def suggest(
        self,
        count: int,
        *,
        new: int,
        price: Callable[[ParameterSet], int | None] | None = None,
    ) -> list[Start]:
        """Give up to *count* runs to make together, the most worthwhile first.

        Args:
            count: How many at most.
            new: How many of them may be of schemes that were not run.
            price: How many starts of the workload a repeat of a parameter set takes, 1 or more; None
                where it can't be repeated. Without it, nothing is.
        """
        if new and (plain := self._plain(min(count, new))):
            return [Start(parameters=one, again=False, gain=1.0) for one in plain]
        model = self.learning.model()
        if model is None:
            sets = self._evolution.design(min(count, new))
            return [Start(parameters=one, again=False, gain=1.0) for one in sets]
        return self._choose(model, count, new, price)

    def _plain(self, count: int) -> list[ParameterSet]:
        """Give the plain sets that come next. What can't do anything keeps all limits without a run."""
        line = self._line
        while line is not None and (sets := line.next(count)):
            idle = [values for values in sets if self._alike(values) is None]
            for values in idle:
                line.tell(values, keeps=True)
            if left := [values for values in sets if values not in idle]:
                return left
        return []

    def _short(self, model: Corrected) -> list[int]:
        """Ask the prior about variations of what is best by the corrected figures; give a shortlist."""
        surface, sought = self.learning.surface, self._sought
        told, _ = self.learning.rows(surface)
        added: list[int] = []
        for _ in range(1 if surface.has_prior else _ROUNDS):
            self._pool = list(dict.fromkeys((*self._pool, *told.tolist(), *added)))
            pool = np.array(self._pool, dtype=np.int64)
            known = evaluated(sought, surface.points(pool), model.each(pool)[0], model.noise(pool))
            added = surface.add(self._evolution.vary(known, self._step))
        self._pool = list(dict.fromkeys((*self._pool, *added)))
        pool = np.array(self._pool, dtype=np.int64)
        for seeds in passes(_SEEDS) if surface.has_prior else (1,):
            means, deviations = model.each(pool)
            noise = model.noise(pool)
            short: list[int] = pool[shortlist(sought, means, deviations, noise)].tolist()
            surface.repeat(short, seeds)
            if seeds == _SEEDS and all(surface.asked(row) >= _SEEDS for row in short):
                break
        if len(pool) > _MOST:
            self._pool = pool[foremost(sought, means, deviations, noise, _KEPT)].tolist()
        return short

    def _choose(
        self,
        model: Corrected,
        count: int,
        new: int,
        price: Callable[[ParameterSet], int | None] | None,
    ) -> list[Start]:
        told, _ = self.learning.rows(self.learning.surface)
        run = list(dict.fromkeys(told.tolist()))
        short = self._short(model) if new else []
        rows = [*run, *self._unlike(short, run, trusted=not model.shaken)]
        which = np.array(rows, dtype=np.int64)
        noise = model.noise(which)
        means, deviations = model.each(which)
        ends = box(self._sought, means, deviations, noise)
        if ends is None:
            return self._least_daring(model, which[len(run) :], min(count, new))
        prices = (
            [price(self.learning.surface.sets[row]) for row in run] if price is not None else []
        )
        if not self.learning.surface.tells_noise and (
            first := self._first_repeats(run, prices, count)
        ):
            return first
        points = np.concatenate((counting_points(*ends), best_points(*ends)))
        believed = Believed(
            sought=self._sought,
            normals=model.together(which),
            noise=noise,
            freedom=self.learning.freedom(model, which),
            points=points,
            correlation=model.correlation,
            outcomes=self.learning.outcomes(which, means, noise),
        )
        chosen: list[Start] = []
        had = list(range(len(run)))
        while len(chosen) < count:
            may_be_new = sum(not start.again for start in chosen) < new
            fresh = [at for at in range(len(run), len(rows)) if at not in had and may_be_new]
            found = worth(
                believed,
                had,
                fresh,
                prices,
                self._random,
                trusted=self.learning.surface.tells_noise,
            )
            each: Mapping[int, float] = found.each
            if (
                not chosen
                and not self.learning.surface.tells_noise
                and believed.volume(had) == 0.0
            ):
                again = [at for at, price in enumerate(prices) if price is not None]
                each = until_sure(believed, each, again, fresh)
            if not chosen:
                self.left = Left(
                    volume=believed.volume(had),
                    gain=max((*each.values(), found.hope), default=0.0),
                    stake=float(ends[1][0] - ends[0][0]),
                )
            if not each:
                break
            best = max(each, key=lambda at: (each[at], -at))
            if chosen and each[best] <= self._least_beside * chosen[0].gain:
                break
            chosen.append(
                Start(
                    parameters=self.learning.surface.sets[rows[best]],
                    again=best < len(run),
                    gain=each[best],
                )
            )
            believed = believed.after(best)
            had = list(dict.fromkeys((*had, best)))
        return chosen

    def _unlike(self, short: Sequence[int], run: Sequence[int], *, trusted: bool) -> list[int]:
        """Leave out what is the same as a scheme that was run or failed, or that comes before.

        Schemes are the same if the kernel runs the same, and if a trusted prior shows the same of them
        with every seed: a quota that limits nothing is none.
        """
        had: set[Hashable] = {None, *(self._alike(values) for values in self._failed)}
        left = []
        for row in (*run, *short):
            kinds = {self._alike(self.learning.surface.sets[row])}
            if trusted and self.learning.surface.tells_noise:
                kinds.add(self.learning.surface.shown(row, _SEEDS))
            if row not in run and not had & kinds:
                left.append(row)
            had |= kinds
        return left

    def _first_repeats(self, run: list[int], prices: list[int | None], count: int) -> list[Start]:
        """Give the first repeats of schemes, by which noise is known."""
        wanted = min(_FIRST_REPEATS - self.learning.repeats, count)
        can = [row for row, price in zip(run, prices, strict=False) if price is not None]
        if wanted <= 0 or not can:
            return []
        told, seen = self.learning.rows(self.learning.surface)
        shown = np.array([seen[told == row].mean(axis=0) for row in can])
        taken = first_repeats(self._sought, shown, wanted)
        if taken:
            self.left = Left(volume=0.0, gain=1.0, stake=np.inf)
        return [
            Start(parameters=self.learning.surface.sets[can[at]], again=True, gain=1.0)
            for at in taken
        ]

    def _least_daring(self, model: Corrected, rows: Ints, count: int) -> list[Start]:
        """Give what to run where nothing is likely to keep the limits: with a prior, nothing."""
        self.left = Left(volume=0.0, gain=0.0, stake=0.0)
        if self.learning.surface.tells_noise or not len(rows):
            return []
        means, deviations = model.each(rows)
        deviations = np.hypot(deviations, model.noise(rows))
        found = least_daring(self._sought, means, deviations, count)
        if found:
            self.left = Left(volume=0.0, gain=max(found.values()), stake=np.inf)
        return [
            Start(parameters=self.learning.surface.sets[int(rows[at])], again=False, gain=chance)
            for at, chance in found.items()
        ]

    @on_one_core
    def expected(self) -> list[tuple[ParameterSet, Expected]]:
        """Give what is believed of each scheme that was run."""
        model = self.learning.model()
        if model is None:
            return []
        told, _ = self.learning.rows(self.learning.surface)
        if not len(told):
            return []
        rows = np.array(list(dict.fromkeys(told.tolist())), dtype=np.int64)
        (means, deviations), noise = model.each(rows), model.noise(rows)
        freedom = self.learning.freedom(model, rows)
        within = self._sought.within(means, np.hypot(deviations, noise), freedom)
        within = self.learning.outcomes(rows, means, noise).likely(within)
        figures, slopes = self._sought.figures(means), self._sought.slopes(means)

        def named(row: Floats) -> dict[str, float]:
            return dict(zip(self._sought.names, row.tolist(), strict=True))

        return [
            (
                self.learning.surface.sets[row],
                Expected(
                    mean=named(figures[at]),
                    error=named(deviations[at] * slopes[at]),
                    spread=named(noise[at] * slopes[at]),
                    freedom=float(freedom[at]),
                    within=float(within[at]),
                ),
            )
            for at, row in enumerate(rows.tolist())
        ]
