"""Measuring the finalists of a search with fresh seeds, until it is known how sure each is.

The seeds go in rounds to fewer and fewer schemes: those that can still be recommended, and cover the
front best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autotune.objective.figures import minimised
from autotune.objective.objective import Objectives
from autotune.recommendation import front
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommended
from autotune.recommendation.probability import beliefs
from autotune.study.events import ConfirmationFinished
from autotune.study.simplifying import simpler
from autotune.study.trying import Trying
from autotune.surrogate.improvement import counting_points, covers
from autotune.trial import Trial

ROUNDS = ((4, 16, 0.5), (10, 10, 0.7), (20, 8, 0.85))
"""Of each round: with how many seeds a scheme is measured when the round is over; how many schemes take
part; how probable it must be, after the round, that a scheme keeps the limits, for the next round."""
_SIMPLER = 2
"""So often at most the schemes of the front are tried with fewer knobs."""
_STEPS = (10, 20)
"""With how many seeds a scheme of the front is measured first, before it is with all."""
_MOST_ROUNDS = 20
"""So often at most the schemes of the front are measured with seeds that they lack."""


def settle(trying: Trying, finalists: Sequence[Trial], seeds: Sequence[int]) -> None:
    """Measure finalists again, and the schemes that the search space gives.

    In the end, what would be recommended is measured with all seeds, until it stays so: else a scheme
    that was lucky with few seeds would be recommended sooner than one that is known better.

    Args:
        trying: Measures, and keeps the figures as confirmations.
        finalists: The best come first.
        seeds: Fresh seeds; no scheme is measured with more.
    """
    objectives = trying.file.objectives
    taking_part = [*finalists]
    beside = trying.published()
    for count, most, sure in ROUNDS:
        _measure(trying, [*taking_part[:most], *beside], seeds[:count])
        beside = []
        known = _known(trying)
        taking_part = _covering(
            [t for t in taking_part[:most] if t.number in known], known, sure, objectives
        )
    taking_part = [*finalists]
    for _ in range(_SIMPLER):
        plain = simpler(trying, _would_be_recommended(trying, taking_part))
        if not _measure(trying, plain, seeds[: ROUNDS[1][0]]):
            break
        taking_part += plain
    for _ in range(_MOST_ROUNDS):
        chosen = [option.trial for option in _would_be_recommended(trying, taking_part)]
        lacking = [trial for trial in chosen if _count(trying, trial) < len(seeds)]
        if not lacking:
            return
        least = min(_count(trying, trial) for trial in lacking)
        step = next((step for step in _STEPS if step > least), len(seeds))
        if not _measure(trying, lacking, seeds[:step]):
            return


def _count(trying: Trying, trial: Trial) -> int:
    """With how many fresh seeds a trial was measured."""
    confirmation = trying.confirmed.confirmations.get(trial.number)
    return 0 if confirmation is None else len(confirmation.figures)


def _measure(trying: Trying, trials: Sequence[Trial], seeds: Sequence[int]) -> bool:
    """Measure trials with those of the seeds that each lacks; say whether any lacked one."""
    confirmations = trying.confirmed.confirmations
    wanted = []
    for trial in {trial.number: trial for trial in trials}.values():
        before = confirmations.get(trial.number)
        if before is None or before.failure is None:
            done = 0 if before is None else len(before.figures)
            wanted += [(trial, seed) for seed in seeds[done:]]
    if wanted:
        # The samples of a scheme's first runs are enough to look at.
        first = seeds[: ROUNDS[0][0]]
        for series in (True, False):
            some = [(trial, seed) for trial, seed in wanted if (seed in first) is series]
            trying.again(some, confirms=True, series=series)
        total = trying.file.confirmations
        trying.emit(ConfirmationFinished(done=min(len(seeds), total), total=total))
    return bool(wanted)


def _known(trying: Trying) -> dict[int, Belief]:
    confirmations = trying.confirmed.confirmations
    runs = {number: one.figures for number, one in confirmations.items()}
    return beliefs(runs, trying.file.objectives)


def _would_be_recommended(trying: Trying, finalists: Sequence[Trial]) -> list[Recommended]:
    """Give the front that the confirmations lead to, or the scheme that most probably belongs there."""
    confirmed = trying.confirmed
    chosen = front.recommend(
        [trial for trial in finalists if trial.number in confirmed.confirmations],
        trying.published(),
        confirmed.confirmations,
        trying.pool.off(*confirmed.baselines.values()),
        trying.file.objectives,
        _known(trying),
        most=trying.file.recommend,
    )
    return [*chosen.shown]


def _covering(
    trials: Sequence[Trial], known: Mapping[int, Belief], sure: float, objectives: Objectives
) -> list[Trial]:
    """Order trials by what each adds to the front of those before it; who is not sure comes last."""
    order = sorted(trials, key=lambda trial: -known[trial.number].within)
    waiting = [trial for trial in order if known[trial.number].within >= sure]
    if not waiting:
        return order[:2]
    losses = np.array([minimised(known[trial.number].mean, objectives) for trial in waiting])
    corner = np.array(objectives.limit)
    points = counting_points(np.minimum(losses.min(axis=0), corner), corner)
    covered = covers(losses, points)
    chosen: list[Trial] = []
    free = np.ones(len(points), dtype=np.bool_)
    while (adds := (covered & free).sum(axis=1)).any():
        best = int(np.argmax(adds))
        chosen.append(waiting[best])
        free &= ~covered[best]
    return chosen
