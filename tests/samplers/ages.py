"""Studies of the samplers that vary the min age alone, on responses in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna
from optuna.samplers import BaseSampler

from autotune.damon.damos import Action
from autotune.samplers import make_sampler
from autotune.samplers.told import tell_figures
from autotune.space.parameters import Choices, Numeric, Parameter, SchemeTemplate
from autotune.space.space import ParameterSet, SearchSpace

AGE = "pattern.min_age"
S = 1_000_000

Response = Callable[[int], Mapping[str, float] | None]
"""The figures of a run by its min age in microseconds; None if the run fails."""


def ages(low: int, high: int, *, log: bool = False) -> Numeric:
    return Numeric(name=AGE, field=AGE, low=low, high=high, log=log)


def choice_of(*us: int) -> Choices:
    return Choices(name=AGE, field=AGE, choices=us)


def space_of(*parameters: Parameter, initial: tuple[ParameterSet, ...] = ()) -> SearchSpace:
    template = SchemeTemplate(name="pageout", action=Action.PAGEOUT, parameters=parameters)
    return SearchSpace(name="test", templates=(template,), initial=initial)


def study_of(
    name: str,
    space: SearchSpace,
    response: Response,
    *,
    trials: int,
    batch: int = 1,
    seed: int = 0,
) -> tuple[list[ParameterSet], optuna.Study, BaseSampler]:
    """Run a study; give what was proposed, in order, the study and its sampler."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = make_sampler(name, seed=seed, space=space, n_trials=trials, n_objectives=1)
    study = optuna.create_study(sampler=sampler)
    for given in space.initial[:trials]:
        study.enqueue_trial(dict(given))
    proposed: list[ParameterSet] = []
    while len(proposed) < trials:
        asked = [study.ask() for _ in range(min(batch, trials - len(proposed)))]
        sets = [space.suggest(trial) for trial in asked]
        for trial, values in zip(asked, sets, strict=True):
            space.check(values)
            figures = response(int(values[AGE]))
            if figures is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                tell_figures(sampler, trial, figures)
                study.tell(trial, 0.0)
        proposed += sets
    return proposed, study, sampler


def proposed_ages(
    name: str,
    space: SearchSpace,
    response: Response,
    *,
    trials: int,
    batch: int = 1,
    seed: int = 0,
) -> list[int]:
    """The ages that a sampler proposes, in order, in microseconds."""
    sets, _, _ = study_of(name, space, response, trials=trials, batch=batch, seed=seed)
    return [int(values[AGE]) for values in sets]
