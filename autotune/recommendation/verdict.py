"""A recommendation in words, for every view: marks, and why a trial or a front came to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autotune.objective.figures import breaches, violation
from autotune.objective.objective import Constraint, Objectives
from autotune.recommendation.front import OFF, Recommendation, Recommended, knee
from autotune.recommendation.sureness import HOLDS, limits, why_not_sure
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


def reasons(
    trials: Sequence[Trial], recommendation: Recommendation | None, objectives: Objectives
) -> dict[int, str]:
    """Say why trials came to nothing: by number, sentences that are joined by semicolons.

    Args:
        trials: All trials of the study.
        recommendation: None while the study goes on.
        objectives: A trial that breaks one of their constraints by its first figures has that reason,
            unless it is on the front by its confirmed figures.
    """
    thrown_out = recommendation.thrown_out if recommendation else {}
    front = {option.trial.number for option in recommendation.front} if recommendation else set()
    found: dict[int, str] = {}
    for trial in trials:
        sentences = [trial.reason or "", trial.doubt or ""]
        if trial.state is TrialState.COMPLETE and trial.number not in front:
            sentences.append(breaches(trial.figures, objectives))
        if trial.number in thrown_out:
            sentences.append(f"not on the front: {thrown_out[trial.number]}")
        if text := "; ".join(sentence for sentence in sentences if sentence):
            found[trial.number] = text
    return found


def bounds(trials: Sequence[Trial], objectives: Objectives) -> list[str]:
    """Give each constraint with how many of the measured trials broke it by their first figures.

    A trial that was ended early is among them: it broke the constraint for which it was ended.
    """
    measured = [trial for trial in trials if trial.state is not TrialState.FAILED]
    return [
        f"{constraint}: broken by {sum(_breaks(trial, constraint) for trial in measured)} of "
        f"{len(measured)} measured trials"
        for constraint in objectives.constraints
    ]


def _breaks(trial: Trial, constraint: Constraint) -> bool:
    """Say whether a trial breaks a constraint, as far as its figures are known."""
    known = trial.at_least if trial.state is TrialState.CENSORED else trial.figures
    if constraint.name not in known and trial.state is TrialState.CENSORED:
        return False
    return violation(known, constraint) > 0.0


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
    kept = ", ".join(str(constraint) for constraint in objectives.constraints)
    if recommendation.unsure:
        return f"no scheme is sure enough to keep {limits(objectives)}"
    within = f" within {kept}" if kept else ""
    nothing_better = f"no scheme was better than leaving DAMON off{within}"
    if recommendation.thrown_out:
        thrown_out, confirmed = recommendation.thrown_out, recommendation.confirmed
        if not confirmed and all(HOLDS in why or OFF in why for why in thrown_out.values()):
            about_limits = all(HOLDS in why for why in thrown_out.values())
            too_seldom = f"no scheme keeps {limits(objectives)} surely enough"
            return too_seldom if about_limits else nothing_better
        if all(OFF in why for why in thrown_out.values()):
            return nothing_better
        if not thrown_out.keys() <= confirmed.keys():
            return "confirmation threw out every candidate"
        if any(_is_sure(confirmed[number], objectives) for number in thrown_out):
            return nothing_better
        return f"no scheme keeps {limits(objectives)} surely enough"
    measured = [trial for trial in trials if trial.state is not TrialState.FAILED]
    constraints = objectives.constraints
    if kept and all(any(_breaks(trial, bound) for bound in constraints) for trial in measured):
        never = [
            str(bound) for bound in constraints if all(_breaks(trial, bound) for trial in measured)
        ]
        if never:
            return "; ".join(f"no trial kept {constraint}" for constraint in never)
        return f"no trial kept all of {kept}"
    return nothing_better


def _is_sure(option: Recommended, objectives: Objectives) -> bool:
    why = why_not_sure(option.belief, option.figures, option.confirmations, objectives)
    return why is None
