"""The figures that objectives and constraints ask for, on scales that suit a normal distribution.

A slowdown of 200 % is as far from one of 100 % as one of 2 % from one of 1 %; a slowdown of 0.1 % is as
good as none. So a figure x that has a unit u, a share of its limit or of its reference, is seen as
``asinh(x / u)``: linear below u, logarithmic above. A figure without a unit is seen as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from autotune.objective.objective import Direction, Objectives

Floats = NDArray[np.float64]


_SURE, _SURE_OF_MEANS = 0.95, 0.5
"""Where the rule for limits is about several runs, or about means."""
_SHARE = 0.25
"""The unit of a figure, as a share of its limit: costs that are off by a factor are off by an offset."""
WIDE_SHARE = 0.5
"""The share where no prior may be off: runs of a scheme differ evenly within the limit."""

_NOISE, _NOISE_OF_SIZE = 0.2, 0.03
"""The usual noise of a figure with a unit, on its scale, and of a figure without, as a share of usual
differences: of workloads of some seconds in the micro-VM."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is sought, in numbers.

    Attributes:
        objectives: Objectives and constraints. The *figures* of all methods are those of `names`, in
            that order, along the last axis.
        share: The unit of a figure, as a share of its limit.
    """

    objectives: Objectives
    share: float = _SHARE

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the f figures: of the k objectives, then of constraints on further figures."""
        asked = [one.name for one in self.objectives.objectives]
        return tuple(dict.fromkeys((*asked, *(one.name for one in self.objectives.constraints))))

    @property
    def sure(self) -> float:
        """With this probability a scheme must keep all limits in its next run."""
        hold = self.objectives.hold
        if hold.share is not None:
            return hold.share
        return _SURE_OF_MEANS if hold.worst_of is None else _SURE

    @property
    def margin(self) -> float:
        """So many deviations of a run lie between its mean and a limit that it is sure to keep."""
        return float(ndtri(self.sure))

    @property
    def corner(self) -> Floats:
        """The losses at which each objective is worth nothing any more, shape ``(k,)``."""
        return np.array(self.objectives.limit)

    @property
    def _units(self) -> Floats:
        """The unit of each figure, shape ``(f,)``; 0 for a figure without a unit."""
        units = dict.fromkeys(self.names, 0.0)
        for objective in self.objectives.objectives:
            units[objective.name] = abs(objective.reference)
        for constraint in self.objectives.constraints:
            units[constraint.name] = abs(constraint.bound) or units[constraint.name]
        return self.share * np.array(list(units.values()))

    def usual_noise(self, size: Floats) -> Floats:
        """Give by how much runs of one scheme usually differ, a standard deviation, shape ``(f,)``.

        Args:
            size: By how much the figures of schemes differ, on their scales, shape ``(f,)``.
        """
        return np.where(self._units > 0.0, _NOISE, _NOISE_OF_SIZE * size)

    @property
    def bent(self) -> NDArray[np.bool_]:
        """Which figures have a unit: their scales are logarithmic beyond it, shape ``(f,)``."""
        return np.asarray(self._units > 0.0)

    def row(self, figures: Mapping[str, float]) -> Floats:
        """Give the figures of one measurement, scaled, shape ``(f,)``; NaN for one that is missing."""
        return self.scaled(np.array([figures.get(name, np.nan) for name in self.names]))

    def scaled(self, figures: Floats) -> Floats:
        """Give figures on their scales."""
        units = self._units
        return np.where(
            units > 0.0, np.arcsinh(figures / np.where(units > 0.0, units, 1.0)), figures
        )

    def figures(self, scaled: Floats) -> Floats:
        """Give figures back from their scales."""
        units = self._units
        return np.where(units > 0.0, np.sinh(np.where(units > 0.0, scaled, 0.0)) * units, scaled)

    def slopes(self, scaled: Floats) -> Floats:
        """Give by how much a figure changes where it changes by 1 on its scale."""
        units = self._units
        return np.where(units > 0.0, np.cosh(np.where(units > 0.0, scaled, 0.0)) * units, 1.0)

    def losses(self, scaled: Floats) -> Floats:
        """Give the objectives' figures from scaled figures; less is better, shape ``(..., k)``."""
        count = len(self.objectives.objectives)
        signs = np.array(
            [
                -1.0 if o.direction is Direction.MAXIMIZE else 1.0
                for o in self.objectives.objectives
            ]
        )
        return np.asarray(self.figures(scaled)[..., :count] * signs)

    def room(self, scaled: Floats) -> Floats:
        """Give how far scaled figures are within each of c constraints; below 0 they break it."""
        names, found = self.names, []
        for constraint in self.objectives.constraints:
            at = names.index(constraint.name)
            bounds = np.zeros(len(names))
            bounds[at] = constraint.bound
            room = self.scaled(bounds)[at] - scaled[..., at]
            found.append(room if constraint.upper else -room)
        return np.stack(found, axis=-1) if found else np.zeros((*scaled.shape[:-1], 0))

    def of_constraints(self, figures: Floats) -> Floats:
        """Give for each constraint what *figures* have for its figure, shape ``(..., c)``."""
        at = [self.names.index(constraint.name) for constraint in self.objectives.constraints]
        return figures[..., at]

    def least_of_constraints(self, figures: Floats) -> Floats:
        """Give the least of what *figures* have for figures with a constraint, or for all: ``(...)``."""
        of = self.of_constraints(figures) if self.objectives.constraints else figures
        return np.asarray(of.min(axis=-1))

    def excess(self, scaled: Floats) -> Floats:
        """Give the worst violation on its scale, shape ``(...)``; 0 within all limits."""
        return np.asarray(np.max(-self.room(scaled), axis=-1, initial=0.0))

    def within(
        self, scaled: Floats, deviations: Floats, freedom: Floats | float = np.inf
    ) -> Floats:
        """Give the probability that all constraints hold, shape ``(...)``.

        Args:
            scaled: What is expected.
            deviations: The scale of each figure's deviation from that, of the same shape.
            freedom: Degrees of freedom of Student's t, which the deviation follows: of all, or of
                each scheme.

        The chances to break one constraint or the next are added: whether they come together is not
        known.
        """
        room, deviation = self.room(scaled), self.of_constraints(deviations)
        surely = np.where(room >= 0.0, np.inf, -np.inf)
        away = np.divide(room, deviation, out=surely, where=deviation > 0.0)
        freedoms = np.asarray(freedom)[..., None]
        return np.asarray(np.maximum(0.0, 1.0 - stdtr(freedoms, -away).sum(axis=-1)))
