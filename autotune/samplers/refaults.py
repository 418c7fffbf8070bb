"""The rule of a daemon that steers the min age by how much comes back from swap."""

from __future__ import annotations

from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.samplers.age_line import AgeSampler
from autotune.samplers.at_once import own_position
from autotune.samplers.distributions import is_given
from autotune.samplers.told import figure, measured_trials
from autotune.space.space import SearchSpace

START_US = 10_000_000
"""Where the daemon begins."""
MOST_SHARE = 0.05
"""The share of refaults above which the min age rises."""
LEAST_SHARE = 0.10
"""The min age falls by how far the share of refaults is below this."""
ANONYMOUS_WEIGHT = 3.0
"""How many refaults a page counts for that comes back from swap."""


def next_age_us(age_us: float, swapped_out_bytes: float, swapped_in_bytes: float) -> float:
    """Give the min age that follows from what a run with another min age has shown.

    The share of refaults is what came back, weighted, over what DAMON paged out. Above 5 % of refaults,
    the min age grows by the excess; else it falls by what the share is below 10 %.

    Args:
        age_us: The min age of the run.
        swapped_out_bytes: What was paged out.
        swapped_in_bytes: What came back.

    >>> next_age_us(10e6, 1000.0, 50.0), next_age_us(10e6, 1000.0, 0.0)
    (11000000.0, 9000000.0)
    """
    share = (
        ANONYMOUS_WEIGHT * swapped_in_bytes / swapped_out_bytes if swapped_out_bytes > 0.0 else 0.0
    )
    change = share - MOST_SHARE if share > MOST_SHARE else share - LEAST_SHARE
    return age_us * (1.0 + change)


class RefaultsSampler(AgeSampler):
    """Follows the rule of DAMA, a daemon of 2026 for DAMON_RECLAIM, from trial to trial.

    The daemon looks at a live system every few seconds; here it looks at each trial as a whole. It
    begins at 10 s. It counts pages that come back from swap thrice, and page cache once; the workload's
    own page cache is not told apart here, and counts for nothing. The daemon lowers the min age only
    while the kernel itself reclaims memory, which it does not do where memory isn't short: here the
    min age falls whenever it doesn't rise.

    A proposal that doesn't know the outcome of the trials before it yet, as in a batch, takes each of
    them for a repetition of the last outcome that is known.

    Args:
        space: The search space.
        seed: Seed for what a given set leaves open; the rule has nothing random.

    Raises:
        InputError: As `AgeLine` does.
    """

    figures = ("swap_out_bytes", "swap_in_bytes")

    def __init__(self, space: SearchSpace, *, seed: int) -> None:
        super().__init__(space, name="refaults", seed=seed)

    def age_us(self, study: Study, trial: FrozenTrial) -> int:
        """Give the age that follows from the last trial that was measured."""
        known = [
            (one, age_us)
            for one in measured_trials(study)
            if one.number < trial.number and (age_us := self.line.age_of(one.params)) is not None
        ]
        if not known:
            return self.line.nearest_us(START_US)
        last, begun_us = known[-1]
        out, back = (figure(last, name, "refaults") for name in self.figures)
        since = own_position(study, trial) - own_position(study, last) - (not is_given(last))
        age = float(begun_us)
        for _ in range(1 + since):
            age = next_age_us(age, out, back)
        return self.line.nearest_us(age)
