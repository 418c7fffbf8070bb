"""The simple auto-tuner of the talk: samples of the min age, a polynomial through them, its peak."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.polynomial import Polynomial
from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.samplers.age_line import AgeSampler
from autotune.samplers.at_once import given_trials, own_position
from autotune.samplers.told import figure, measured_trials
from autotune.space.space import SearchSpace

REFUSED = -1000.0
"""The score of a run that is more than 20 % slower."""
_MOST_SLOWDOWN = 0.20
_EXPLORED_SHARE = 0.6
_NEAR_SHARE = 0.1
_RUNS_A_REGION = 5
_MOST_DEGREE = 10


def score(saving: float, slowdown: float) -> float:
    """Give the score of a run: half of the saving less half of the slowdown, in percent.

    >>> score(0.5, 0.1), score(0.5, 0.21)
    (20.0, -1000.0)
    """
    return REFUSED if slowdown > _MOST_SLOWDOWN else 50.0 * saving - 50.0 * slowdown


def explored_ages(low: float, high: float, runs: int, random: np.random.Generator) -> list[float]:
    """Give ages from all over a range: its ends, the borders of equal regions, and random ages.

    There is a region for every five runs. Each region has as many random ages, or one more.

    Args:
        low: The lowest age.
        high: The highest age.
        runs: How many ages, at least 1. Fewer than two runs get the lowest age only.
        random: Draws the ages.
    """
    regions = max(1, runs // _RUNS_A_REGION)
    borders = np.linspace(low, high, regions + 1)
    ages = [float(low)]
    for number, (begin, end) in enumerate(itertools.pairwise(borders)):
        left = runs - regions - 1
        count = max(left // regions + (number < left % regions), 0)
        ages += [float(end), *random.uniform(begin, end, count).tolist()]
    return ages[:runs]


def peak(
    ages: Sequence[float], scores: Sequence[float], low: float, high: float, runs: int
) -> float:
    """Give the age from *low* to *high* at which a polynomial through the scores is highest.

    The degree is a third of the number of runs, at most 10. A refused run counts like the worst run that
    was not refused.

    Args:
        ages: The ages of the runs, at least one.
        scores: Their scores.
        low: The lowest age.
        high: The highest age.
        runs: The number of runs that decides the degree.
    """
    values = np.array(scores, dtype=float)
    allowed = values[values != REFUSED]
    values[values == REFUSED] = allowed.min() if len(allowed) else 0.0
    degree = min(runs // 3, _MOST_DEGREE, len(set(ages)) - 1) if np.ptp(values) > 0.0 else 0
    with warnings.catch_warnings():
        # Two ages may be so close together that they determine one coefficient less.
        warnings.simplefilter("ignore", np.exceptions.RankWarning)
        fitted = Polynomial.fit(np.array(ages, dtype=float), values, degree, domain=(low, high))
    # A leading coefficient that is 0 but for rounding would make the turning points inaccurate.
    fitted = fitted.trim(1e-9 * float(np.abs(fitted.coef).max()))
    turning = fitted.deriv().roots() if degree > 1 else np.array([])
    inside = [float(r.real) for r in turning if np.isreal(r) and low <= r.real <= high]
    return max((low, *sorted(inside), high), key=lambda age: float(fitted(age)))


class PolyfitSampler(AgeSampler):
    """The simple auto-tuner of DAMON's authors, as they published it in DAMOOS in 2021.

    Of the runs, 60 % explore the ages of the search space, which the authors let go from 0 to 60 s: see
    `explored_ages`. The other runs are random ages within a tenth of the range around the two best, half
    of the runs around each. Then a polynomial is fitted: see `peak`. The age of its peak is the tuner's
    answer, and the last proposal of a study.

    The authors took the saving of resident memory. Here memory that still holds what was swapped out
    counts as held, as everywhere in this program.

    Given parameter sets count as runs, and if they differ from the plain values by nothing but the min
    age, the polynomial goes by them, too.

    Args:
        space: The search space.
        seed: Seed of the random ages.
        n_trials: Number of trials, the last proposal included.

    Raises:
        InputError: As `AgeLine` does.
    """

    figures = ("memory_saving", "slowdown")

    def __init__(self, space: SearchSpace, *, seed: int, n_trials: int) -> None:
        super().__init__(space, name="polyfit", seed=seed)
        self._seed = seed
        self._n_trials = n_trials

    def age_us(self, study: Study, trial: FrozenTrial) -> int:
        """Give the next age."""
        runs = max(self._n_trials - given_trials(study) - 1, 0)
        exploring = int(_EXPLORED_SHARE * runs)
        position = own_position(study, trial)
        if position < exploring:
            ages = explored_ages(*self._ends_us, exploring, np.random.default_rng(self._seed))
            return self.line.nearest_us(ages[position])
        if position < runs:
            explored = {
                n: s
                for n, s in self._scores(study).items()
                if n < trial.number - position + exploring
            }
            best = sorted(explored.values(), key=lambda one: (-one[1], one[0]))[:2]
            around = best[-1:] if position - exploring >= (runs - exploring) // 2 else best[:1]
            return self.line.nearest_us(self._near(around, position))
        return self.line.nearest_us(self.answer_us(study))

    @property
    def _ends_us(self) -> tuple[float, float]:
        return float(self.line.low_us), float(self.line.high_us)

    def _near(self, around: Sequence[tuple[int, float]], position: int) -> float:
        """Give a random age within a tenth of the range around an age, if one is known."""
        low, high = self._ends_us
        if around:
            [(age_us, _)] = around
            width = _NEAR_SHARE * (high - low)
            low, high = max(age_us - width, low), min(age_us + width, high)
        return float(np.random.default_rng((self._seed, position)).uniform(low, high))

    def answer_us(self, study: Study) -> float:
        """Give the age of the polynomial's peak; the middle of the ages if nothing was measured."""
        low, high = self._ends_us
        scores = self._scores(study).values()
        if not scores:
            return (low + high) / 2
        ages = [age for age, _ in scores]
        return peak(ages, [value for _, value in scores], low, high, self._n_trials - 1)

    def _scores(self, study: Study) -> Mapping[int, tuple[int, float]]:
        """Give age and score of the measured trials on the line, by number."""
        return {
            one.number: (age, score(*(figure(one, name, "polyfit") for name in self.figures)))
            for one in measured_trials(study)
            if (age := self.line.age_of(one.params)) is not None
        }
