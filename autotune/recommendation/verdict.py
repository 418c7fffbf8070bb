"""A recommendation in words, for every view: marks of schemes, and why a front is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autotune.objective.figures import broken
from autotune.objective.objective import Objectives
from autotune.recommendation.front import Recommendation, Recommended, knee
from autotune.trial import Trial, TrialState

BEST = "best"
"""The mark of the scheme with the best first objective."""

KNEE = "knee"
"""The mark of the balanced scheme."""


def marks(front: Sequence[Recommended], objectives: Objectives) -> Mapping[int, tuple[str, ...]]:
    """Give the marks of each scheme on a front, by the number of its trial; most schemes have none."""
    found: dict[int, tuple[str, ...]] = {option.trial.number: () for option in front}
    for mark, holder in ((BEST, next(iter(front), None)), (KNEE, knee(front, objectives))):
        if holder is not None:
            found[holder.trial.number] += (mark,)
    return found


def why_empty(
    trials: Sequence[Trial], recommendation: Recommendation, objectives: Objectives
) -> str:
    """Say why there is no scheme on a front, in one sentence without its full stop.

    Args:
        trials: All trials of the study.
        recommendation: A recommendation with an empty front.
        objectives: Their constraints may be why the front is empty.
    """
    if not trials:
        return "there was no trial"
    if all(trial.state is TrialState.FAILED for trial in trials):
        return "every trial failed"
    if recommendation.thrown_out:
        return "confirmation threw out every candidate"
    bounds = [str(constraint) for constraint in objectives.constraints]
    measured = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if bounds and all(broken(trial.figures, objectives) for trial in measured):
        return f"no trial kept {', '.join(bounds)}"
    within = f" within {', '.join(bounds)}" if bounds else ""
    return f"no scheme was better than leaving DAMON off{within}"
