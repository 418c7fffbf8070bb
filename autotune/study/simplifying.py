"""Trying whether schemes are as good without some of their knobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotune.recommendation.front import Recommended
from autotune.recommendation.plateau import as_good, at_stake
from autotune.recommendation.simplicity import knobs, plainer
from autotune.space.space import ParameterSet
from autotune.study.measuring_pool import Schemes
from autotune.study.trying import Trying
from autotune.trial import Trial, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    number: int
    parameters: ParameterSet


def simpler(trying: Trying, schemes: Sequence[Recommended]) -> list[Trial]:
    """Try schemes with plain values in place of some, within the budget.

    Args:
        trying: Measures; knows all that was tried before.
        schemes: What is to be made simpler.

    Returns:
        The trials that have fewer knobs than one of *schemes*, and are as good as that by first figures.
    """
    known = {trial.schemes: trial for trial in trying.trials if trial.schemes}
    wanted: dict[Schemes, ParameterSet] = {}
    beside: list[tuple[Recommended, Schemes]] = []
    for option in schemes:
        for values in plainer(option.trial.parameters, trying.file.search_space):
            try:
                made = trying.schemes(values)
            except ValueError:
                continue
            if knobs(made) < knobs(option.trial.schemes):
                beside.append((option, made))
                if made not in known:
                    wanted.setdefault(made, values)
    if not beside:
        return []
    known |= _tried(trying, [*wanted.values()])
    objectives = trying.file.objectives
    measured = [trial for trial in trying.trials if trial.state is TrialState.COMPLETE]
    stakes = at_stake(measured, objectives)
    good: dict[int, Trial] = {}
    for option, made in beside:
        if (
            made in known
            and known[made].state is TrialState.COMPLETE
            and as_good(known[made].figures, option, objectives, stakes)
        ):
            good[known[made].number] = known[made]
    return list(good.values())


def _tried(trying: Trying, sets: Sequence[ParameterSet]) -> dict[Schemes, Trial]:
    """Try parameter sets, as many as the budget allows."""
    first = len(trying.trials)
    asked = [
        _Asked(number=first + place, parameters=values)
        for place, values in enumerate(sets[: trying.room(len(sets))])
    ]
    if not asked:
        return {}
    return {trial.schemes: trial for _, trial in trying.batch(asked, series=False)}
