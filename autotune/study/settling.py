"""Measuring the finalists of a search with fresh seeds, until it is known how sure each is.

The seeds go in rounds to fewer and fewer schemes: those that can still be recommended, and cover the
front best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autotune.objective.figures import minimised
from autotune.objective.objective import Objectives
from autotune.recommendation.belief import Belief
from autotune.recommendation.probability import beliefs
from autotune.study.events import ConfirmationFinished
from autotune.study.trying import Trying
from autotune.surrogate.improvement import counting_points, covers
from autotune.trial import Trial

ROUNDS = ((4, 16, 0.5), (10, 10, 0.8), (40, 8, 0.9))
"""Of each round: with how many seeds a scheme is measured when the round is over; how many schemes take
part; how probable it must be, after the round, that a scheme keeps the limits, for the next round."""


def settle(trying: Trying, finalists: Sequence[Trial], seeds: Sequence[int]) -> None:
    """Measure finalists again, and the schemes that the search space gives.

    Args:
        trying: Measures, and keeps the figures as confirmations.
        finalists: The best come first.
        seeds: Fresh seeds; no scheme is measured with more.
    """
    objectives = trying.file.objectives
    published = trying.published()
    taking_part = [*finalists]
    done = 0
    for count, most, sure in ROUNDS:
        taking_part = taking_part[:most]
        beside = published if done == 0 else []
        together = {trial.number: trial for trial in (*taking_part, *beside)}
        if not (wanted := [(trial, s) for trial in together.values() for s in seeds[done:count]]):
            return
        # The samples of the first round are enough to look at.
        trying.again(wanted, confirms=True, series=done == 0)
        done = min(count, len(seeds))
        trying.emit(ConfirmationFinished(done=done, total=len(seeds)))
        confirmations = trying.confirmed.confirmations
        known = beliefs({n: one.figures for n, one in confirmations.items()}, objectives)
        taking_part = _covering(
            [t for t in taking_part if t.number in known], known, sure, objectives
        )


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
