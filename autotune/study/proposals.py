"""Optuna at arm's length: proposals are asked for, outcomes are told."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.samplers import BaseSampler

from autotune.objective.figures import violation
from autotune.objective.objective import Direction, Objectives
from autotune.samplers.distributions import distributions
from autotune.samplers.told import tell_figures, tell_no_figures
from autotune.space.space import ParameterSet, SearchSpace
from autotune.study.storage import Storage
from autotune.trial import Trial, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Parameters to try.

    Attributes:
        number: Number of the trial.
        parameters: By name. A conditional parameter that does not exist here is left out.
        asked: Optuna's trial.
    """

    number: int
    parameters: ParameterSet
    asked: optuna.Trial


class Proposals:
    """Asks an Optuna study for parameters, and tells it the outcome of each proposal.

    Args:
        name: Name of the study.
        space: What is tuned.
        objectives: What is sought.
        sampler: Makes the proposals.
        storage: Keeps the study.

    Raises:
        RunError: If the storage fails. All methods raise it too.
    """

    def __init__(
        self,
        name: str,
        space: SearchSpace,
        objectives: Objectives,
        sampler: BaseSampler,
        storage: Storage,
    ) -> None:
        self._space = space
        self._objectives = objectives
        self._sampler = sampler
        self._storage = storage
        with storage.translated():
            self._study = _created(name, objectives, storage, sampler)

    def enqueue(self, parameter_sets: Sequence[ParameterSet]) -> None:
        """Give parameter sets that are proposed first, in their order."""
        with self._storage.translated():
            for values in parameter_sets:
                self._study.enqueue_trial(dict(values))

    def ask(self, count: int) -> list[Proposal]:
        """Give *count* proposals; no proposal knows the outcome of another proposal."""
        with self._storage.translated():
            trials = [self._study.ask() for _ in range(count)]
            return [
                Proposal(number=t.number, parameters=self._space.suggest(t), asked=t)
                for t in trials
            ]

    def tell(self, proposal: Proposal, trial: Trial) -> None:
        """Tell Optuna the outcome of a proposal."""
        with self._storage.translated():
            if trial.state is TrialState.FAILED:
                self._study.tell(proposal.asked, state=optuna.trial.TrialState.FAIL)
                return
            if trial.state is TrialState.CENSORED:
                self._tell_least(proposal, trial)
                return
            for constraint in self._objectives.constraints:
                proposal.asked.set_constraint(
                    str(constraint), violation(trial.figures, constraint)
                )
            tell_figures(self._sampler, proposal.asked, trial.figures)
            # The signs stay as they are: Optuna knows the directions.
            asked = [trial.figures[o.name] for o in self._objectives.objectives]
            self._study.tell(proposal.asked, asked)

    def _tell_least(self, proposal: Proposal, trial: Trial) -> None:
        """Tell Optuna of a trial that was ended early: by how much it breaks a constraint at least.

        Optuna takes constraints only with values. The values are what is worth nothing, or worse where
        that is known; no figure of the trial is.
        """
        known = trial.at_least
        for constraint in self._objectives.constraints:
            least = violation(known, constraint) if constraint.name in known else 0.0
            proposal.asked.set_constraint(str(constraint), least)
        tell_no_figures(self._sampler, proposal.asked)
        values = [
            max(known[o.name], o.reference)
            if o.name in known and o.direction is Direction.MINIMIZE
            else o.reference
            for o in self._objectives.objectives
        ]
        self._study.tell(proposal.asked, values)


def keep(
    name: str,
    space: SearchSpace,
    objectives: Objectives,
    storage: Storage,
    trials: Sequence[Trial],
) -> None:
    """Keep trials that no sampler of Optuna's proposed, as a study of finished trials.

    Optuna counts trials from 0; so each has its number in the study as the user attribute ``trial``.

    Raises:
        RunError: If the storage fails.
    """
    known = distributions(space)
    with storage.translated():
        study = _created(name, objectives, storage, None)
        study.add_trials(
            optuna.trial.create_trial(
                params=dict(trial.parameters),
                distributions={one: known[one] for one in trial.parameters},
                values=[trial.figures[o.name] for o in objectives.objectives],
                user_attrs={"trial": trial.number},
                system_attrs={
                    f"constraints:{constraint}": violation(trial.figures, constraint)
                    for constraint in objectives.constraints
                },
            )
            for trial in trials
        )


def _created(
    name: str, objectives: Objectives, storage: Storage, sampler: BaseSampler | None
) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=name,
        storage=storage.optuna,
        sampler=sampler,
        directions=[
            "maximize" if o.direction is Direction.MAXIMIZE else "minimize"
            for o in objectives.objectives
        ],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([o.name for o in objectives.objectives])
    return study
