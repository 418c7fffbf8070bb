"""A handful of schemes that covers a front: few, told apart by more than noise, as simple as can be.

A set of schemes is worth the volume that it dominates beyond DAMON off, up to the corner at which every
objective is worth nothing any more. The scheme with the best first objective is taken first. Then the
scheme that adds most is taken, until the next adds too little; then single schemes are exchanged as long
as that adds volume. At last a scheme gives way to a simpler one that noise does not tell from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from autotune.objective import pareto
from autotune.surrogate.improvement import counting_points

Floats = NDArray[np.float64]

LEAST_ADDED = 0.01
"""A scheme that adds less than this share of the volume is left out."""
NEGLIGIBLE = 0.01
"""Figures that differ by less than this share of what is at stake in an objective are alike, measured
from the corner to the best scheme."""
_MOST_LOST = 0.02
"""The share of what is at stake that a simpler scheme may be worse by, however large the noise is; also
the share of the volume that may be lost by all of them, and of the best first objective."""
_CONFIDENCE = 0.95
_MOST_CELLS = 2_000_000
_COUNTED = 4096
_ROUNDS = 20
_MOST_TRIED = 50
_FEW = 10
"""Of so few schemes the volume is summed over all their subsets."""
_ROUNDING = 1e-9
_NORMAL = 1e6
"""With more degrees of freedom Student's t is the normal distribution."""
NO_GAIN = 1e-9
"""A figure counts as better than without DAMON only if it is better by more than this; for figures above
1, by this share. Means over time round differently when a run takes a microsecond longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A scheme that may be taken.

    Attributes:
        number: Number of its trial.
        losses: The objectives' figures, less is better, shape ``(k,)``.
        errors: How uncertain each of these means is: standard deviations, shape ``(k,)``.
        freedom: The degrees of freedom of Student's t for that.
        knobs: How many of its fields are away from their plain values.
        within: The probability that the next run keeps all limits.
    """

    number: int
    losses: tuple[float, ...]
    errors: tuple[float, ...]
    freedom: float
    knobs: int
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which options are taken.

    Attributes:
        taken: Numbers of trials, the best first objective first.
        left: Why each other option is not taken, by number.
    """

    taken: tuple[int, ...]
    left: dict[int, str]


def choose(
    options: Sequence[Option],
    off: tuple[float, ...] | None,
    corner: tuple[float, ...],
    *,
    most: int,
    off_name: str = "DAMON off",
) -> Choice:
    """Choose at most *most* schemes.

    Args:
        options: In any order; equal options give an equal choice.
        off: The losses without DAMON; None if an objective has no value there. What is not better than
            that in any objective, by more than noise, is not taken.
        corner: The losses at which each objective is worth nothing any more.
        most: 1 or more.
        off_name: What the point without DAMON is called.
    """
    left: dict[int, str] = {}
    better = []
    for option in sorted(options, key=lambda one: one.number):
        if why := why_not_better(option, off, off_name):
            left[option.number] = why
        else:
            better.append(option)
    if not better:
        return Choice(taken=(), left=left)
    chooser = _Chooser(better, off, np.array(corner))
    taken = chooser.choose(most)
    left.update(chooser.why_left(taken, most))
    taken.sort(key=lambda one: (one.losses, one.number))
    return Choice(taken=tuple(one.number for one in taken), left=dict(sorted(left.items())))


def why_not_better(option: Option, off: tuple[float, ...] | None, off_name: str) -> str | None:
    """Say why an option is no better than leaving DAMON off; None if it is."""
    if off is None:
        return None
    gains = [there - here for here, there in zip(option.losses, off, strict=True)]
    if all(gain <= NO_GAIN * max(1.0, abs(there)) for gain, there in zip(gains, off, strict=True)):
        return f"{off_name} is better by the confirmed figures"
    told = _quantile(option.freedom)
    if all(
        gain <= told * error
        for gain, error in zip(gains, option.errors, strict=True)
        if gain > 0.0
    ):
        return f"noise hides whether it is better than {off_name}"
    return None


def _quantile(freedom: float) -> float:
    """How many standard deviations are more than noise, to one side."""
    return float(stdtrit(min(freedom, _NORMAL), _CONFIDENCE))


class _Chooser:
    """Chooses among options, all of which are better than leaving DAMON off."""

    def __init__(
        self, options: Sequence[Option], off: tuple[float, ...] | None, corner: Floats
    ) -> None:
        self._options = options
        self._off = [] if off is None else [off]
        self._corner = corner
        self._all = 0.0
        self._row = {option.number: row for row, option in enumerate(options)}
        self._losses = np.array([option.losses for option in options])
        self._on_front = pareto.pareto_front(self._losses)
        self._errors = np.array([option.errors for option in options])
        self._told = np.array([_quantile(option.freedom) for option in options])
        known = np.array([*self._losses.tolist(), *self._off])
        stake, spread = corner - known.min(axis=0), np.ptp(known, axis=0)
        self._stake = np.where(stake > 0.0, stake, np.where(spread > 0.0, spread, 1.0))

    def choose(self, most: int) -> list[Option]:
        """Give the options that are taken."""
        worth = self._worth_a_look()
        covers, weights = self._places(worth)
        self._all = float(covers.any(axis=0) @ weights)
        rows = self._rows(worth)
        alike = np.array([self._alike(option)[rows] for option in worth])
        first = self._first(worth, covers, weights)
        taken = self._greedy(first, alike, covers, weights, most)
        self._exchange(taken, alike, covers, weights)
        return self._simplified([worth[place] for place in taken])

    def _rows(self, options: Sequence[Option]) -> list[int]:
        return [self._row[option.number] for option in options]

    def _worth_a_look(self) -> list[Option]:
        """Give all options that no other dominates; of equal options the simplest."""
        apart: dict[tuple[float, ...], Option] = {}
        for option, on in zip(self._options, self._on_front.tolist(), strict=True):
            if on and (
                option.losses not in apart or _preferred(option) < _preferred(apart[option.losses])
            ):
                apart[option.losses] = option
        return list(apart.values())

    def _first(self, options: Sequence[Option], covers: NDArray[np.bool_], weights: Floats) -> int:
        """Give the option that adds most of those with the best first objective, or nearly so."""
        losses = np.array([option.losses[0] for option in options])
        near = losses <= losses.min() + _MOST_LOST * self._stake[0]
        alone = np.where(near, covers @ weights, -1.0)
        return int(np.lexsort((losses, -alone))[0])

    def _places(self, options: Sequence[Option]) -> tuple[NDArray[np.bool_], Floats]:
        """Say which option covers which places beyond DAMON off, and how large each place is."""
        losses = np.array([option.losses for option in options])
        off = np.array(self._off).reshape(-1, losses.shape[1])
        inside = np.concatenate((losses, off))
        inside = inside[(inside < self._corner).all(axis=1)]
        if not len(inside):
            return np.zeros((len(options), 1), dtype=np.bool_), np.zeros(1)
        edges = [np.unique(column) for column in inside.T]
        if math.prod(len(edge) for edge in edges) * len(options) <= _MOST_CELLS:
            widths = [
                np.diff(np.append(edge, end))
                for edge, end in zip(edges, self._corner.tolist(), strict=True)
            ]
            places = np.stack([g.ravel() for g in np.meshgrid(*edges, indexing="ij")], axis=1)
            weights = np.prod([g.ravel() for g in np.meshgrid(*widths, indexing="ij")], axis=0)
        else:
            ideal = inside.min(axis=0)
            places = counting_points(ideal, self._corner, count=_COUNTED)
            weights = np.full(len(places), float(np.prod(self._corner - ideal)) / len(places))
        beyond = ~_covers(off, places).any(axis=0)
        return _covers(losses, places[beyond]), np.asarray(weights[beyond])

    def _greedy(
        self,
        first: int,
        alike: NDArray[np.bool_],
        covers: NDArray[np.bool_],
        weights: Floats,
        most: int,
    ) -> list[int]:
        """Take the first option, then what adds most, until that is too little."""
        taken = [first]
        covered = covers[first].copy()
        apart = ~alike[first]
        while len(taken) < most:
            gains = ((covers & ~covered) @ weights) * apart
            best = int(np.argmax(gains))
            if gains[best] <= 0.0 or gains[best] < LEAST_ADDED * self._all:
                break
            taken.append(best)
            covered |= covers[best]
            apart &= ~alike[best]
        return taken

    @staticmethod
    def _exchange(
        taken: list[int], alike: NDArray[np.bool_], covers: NDArray[np.bool_], weights: Floats
    ) -> None:
        """Exchange single options, but for the first, as long as that adds volume."""
        for _ in range(_ROUNDS):
            before = list(taken)
            for position in range(1, len(taken)):
                rest = [*taken[:position], *taken[position + 1 :]]
                gains = (covers & ~covers[rest].any(axis=0)) @ weights
                gains = np.where(alike[rest].any(axis=0), -1.0, gains)
                best = int(np.argmax(gains))
                if gains[best] > gains[taken[position]] * (1.0 + _ROUNDING):
                    taken[position] = best
            if taken == before:
                return

    def _simplified(self, taken: list[Option]) -> list[Option]:
        """Let schemes give way to simpler or surer schemes, while next to no volume is lost."""
        least = self._volume(taken) - self._may_be_lost(taken)
        for position, option in enumerate(taken):
            places = np.flatnonzero(self._as_good(option)).tolist()
            others = sorted((self._options[place] for place in places), key=_preferred)
            for other in others[: _MOST_TRIED if len(taken) <= _FEW else _FEW]:
                if _preferred(other)[:2] >= _preferred(option)[:2]:
                    break
                instead = [*taken[:position], other, *taken[position + 1 :]]
                if self._volume(instead) >= least:
                    taken[position] = other
                    break
        return self._apart(taken)

    def _may_be_lost(self, taken: Sequence[Option]) -> float:
        """Give the volume that simplicity may cost: what noise hides of it, within bounds."""
        whole = self._volume(taken)
        worse = [
            replace(option, losses=tuple(np.add(option.losses, option.errors).tolist()))
            for option in taken
        ]
        hidden = whole - self._volume(worse)
        return min(max(hidden, LEAST_ADDED * whole), _MOST_LOST * whole)

    def _apart(self, taken: Sequence[Option]) -> list[Option]:
        """Leave out what came to be like another taken scheme."""
        kept: list[Option] = []
        for option in taken:
            alike = self._alike(option)
            if not any(alike[row] for row in self._rows(kept)):
                kept.append(option)
        return kept

    def _volume(self, options: Iterable[Option]) -> float:
        """The volume that options dominate beyond DAMON off."""
        losses = [*(option.losses for option in options), *self._off]
        return _dominated(losses, self._corner) - _dominated(self._off, self._corner)

    def _noise(self, option: Option) -> Floats:
        """By how much the means of each scheme may differ from those of one by chance."""
        told = np.maximum(self._told, _quantile(option.freedom))
        return np.asarray(told[:, None] * np.hypot(self._errors, np.array(option.errors)))

    def _alike(self, option: Option) -> NDArray[np.bool_]:
        """Which schemes differ from one by noise, or by next to nothing, in all objectives."""
        least = np.maximum(self._noise(option), NEGLIGIBLE * self._stake)
        return np.asarray((np.abs(self._losses - np.array(option.losses)) <= least).all(axis=1))

    def _as_good(self, option: Option) -> NDArray[np.bool_]:
        """Which schemes are worse than one by noise at most, and by little, in all objectives."""
        allowed = np.minimum(self._noise(option), _MOST_LOST * self._stake)
        least = np.maximum(allowed, NEGLIGIBLE * self._stake)
        return np.asarray((self._losses - np.array(option.losses) <= least).all(axis=1))

    def why_left(self, taken: Sequence[Option], most: int) -> dict[int, str]:
        """Say why each other option is not taken, by its number."""
        alike = [self._alike(option) for option in taken]
        numbers = {option.number for option in taken}
        return {
            option.number: self._why(
                option,
                taken,
                [one for one, like in zip(taken, alike, strict=True) if like[row]],
                most,
            )
            for row, option in enumerate(self._options)
            if option.number not in numbers
        }

    def _why(
        self, option: Option, taken: Sequence[Option], like: Sequence[Option], most: int
    ) -> str:
        for other in taken:
            if other not in like and _dominates(other.losses, option.losses):
                return f"trial {other.number} is better by the confirmed figures"
        if like:
            other = min(like, key=_preferred)
            how = ""
            if other.knobs < option.knobs:
                how = ", which is simpler"
            elif _preferred(other)[:2] < _preferred(option)[:2]:
                how = ", which is surer to keep the limits"
            return f"as good as trial {other.number}{how}"
        if not self._on_front[self._row[option.number]]:
            return "a trial that is not recommended is better by the confirmed figures"
        added = self._volume([*taken, option]) - self._volume(taken)
        share = added / self._all if self._all > 0.0 else 0.0
        if share >= LEAST_ADDED and len(taken) >= most:
            return (
                f"{most} schemes cover the front, and it would add {100.0 * share:.1f} % to them"
            )
        return f"it adds less than {100.0 * LEAST_ADDED:g} % to what the others cover"


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _dominated(losses: Sequence[tuple[float, ...]], corner: Floats) -> float:
    """Give the volume that a few points dominate up to a corner."""
    if len(losses) > _FEW:
        return pareto.hypervolume(losses, corner)
    if not losses:
        return 0.0
    points = np.minimum(np.array(losses), corner)
    subsets = np.arange(1, 1 << len(points))[:, None] >> np.arange(len(points)) & 1
    meets = np.where(subsets[:, :, None] == 1, points, -np.inf).max(axis=1)
    signs = np.where(subsets.sum(axis=1) % 2 == 1, 1.0, -1.0)
    return float(signs @ np.prod(corner - meets, axis=1))


def _preferred(option: Option) -> tuple[int, float, tuple[float, ...], int]:
    """What to go by among equals: simple, then sure."""
    return (option.knobs, -round(option.within, 2), option.losses, option.number)


def _covers(losses: Floats, places: Floats) -> NDArray[np.bool_]:
    """Say which losses, shape ``(m, k)``, dominate which places, shape ``(p, k)``: ``(m, p)``."""
    covers = np.ones((len(losses), len(places)), dtype=np.bool_)
    for one, other in zip(losses.T, places.T, strict=True):
        covers &= one[:, None] <= other
    return covers
