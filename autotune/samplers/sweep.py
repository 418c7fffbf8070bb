"""A plain sweep: geometrically spread min ages, from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.errors import InputError
from autotune.samplers.age_line import AgeLine, AgeSampler
from autotune.samplers.at_once import own_position
from autotune.space.space import SearchSpace

_FROM_0_US = 100_000
"""Where ages that begin at 0 go on: the usual aggregation interval, in which DAMON counts ages."""


def ages_us(line: AgeLine, count: int) -> list[int]:
    """Give *count* ages from the lowest to the highest, in microseconds, ascending.

    The ages of a range have equal ratios; if the lowest is 0, the ratios begin at 100 ms. Of ages that
    are choices, as many are left out between any two. A single age is the middle one.

    Args:
        line: The ages that there are.
        count: At least 1. If there are fewer different ages, there are fewer in the answer.
    """
    if line.choices_us:
        positions = _from_end_to_end(0.0, len(line.choices_us) - 1.0, count)
        return sorted({line.choices_us[round(position)] for position in positions})
    low, high = float(line.low_us), float(line.high_us)
    first = [0.0] if low == 0.0 and count > 1 else []
    begin = low or min(_FROM_0_US, high)
    logarithms = _from_end_to_end(np.log(begin), np.log(high), count - len(first))
    return sorted({line.nearest_us(age) for age in (*first, *np.exp([*logarithms]))})


def _from_end_to_end(low: float, high: float, count: int) -> Iterable[float]:
    return np.linspace(low, high, count).tolist() if count > 1 else [(low + high) / 2]


class SweepSampler(AgeSampler):
    """Proposes the ages of `ages_us` in order. After the last age, it begins again.

    Args:
        space: The search space. Its initial sets are tried anyway, so the sweep has fewer ages.
        seed: Seed for what a given set leaves open; the sweep has nothing random.
        n_trials: Number of trials.

    Raises:
        InputError: As `AgeLine` does, or if there are fewer ages to choose from than trials.
    """

    def __init__(self, space: SearchSpace, *, seed: int, n_trials: int) -> None:
        super().__init__(space, name="sweep", seed=seed)
        given = min(len(space.initial), n_trials)
        choices = len(self.line.choices_us)
        if choices and choices < n_trials - given:
            raise InputError(
                f"sampler sweep: search space '{space.name}' has {choices} ages to choose from, fewer "
                f"than {n_trials} trials: lower budget.trials to {given + choices}"
            )
        self._ages_us = ages_us(self.line, max(n_trials - given, 1))

    def age_us(self, study: Study, trial: FrozenTrial) -> int:
        """Give the next age."""
        return self._ages_us[own_position(study, trial) % len(self._ages_us)]
