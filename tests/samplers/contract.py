"""What every sampler promises: subclass it with a fixture `name`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import optuna
import pytest

from autotune import catalog
from autotune.samplers import make_sampler
from autotune.space.fields import Value
from autotune.space.parameters import Choices, Parameter
from autotune.space.space import SearchSpace, load_search_space

N_TRIALS = 32
BATCH = 4

Proposals = list[Mapping[str, Value]]


def shipped_space(name: str) -> SearchSpace:
    return load_search_space(catalog.find(name, "search_spaces", Path()))


def toy_figures(values: Mapping[str, Value], n_objectives: int) -> list[float]:
    """Closed forms of which the first is best where the second is worst."""
    numbers = [float(value) for value in values.values() if not isinstance(value, str)]
    age = numbers[0] / (1.0 + numbers[0])
    return [age, 1.0 - age, len(values) / 10][:n_objectives]


def in_upper_half(parameter: Parameter, value: Value) -> bool:
    """Whether a value lies in the upper half of a range on its scale, or of the choices."""
    if isinstance(parameter, Choices):
        return parameter.choices.index(value) >= len(parameter.choices) / 2
    low, high = float(parameter.low), float(parameter.high)
    return float(value) >= (math.sqrt(low * high) if parameter.log else (low + high) / 2)


def propose(
    name: str, space: SearchSpace, *, seed: int = 0, n_objectives: int = 3, failing: bool = False
) -> Proposals:
    """Let a sampler propose, in batches, for a study that hears of a constraint."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = make_sampler(
        name, seed=seed, space=space, n_trials=N_TRIALS, n_objectives=n_objectives
    )
    study = optuna.create_study(directions=["minimize"] * n_objectives, sampler=sampler)
    for given in space.initial:
        study.enqueue_trial(dict(given))
    proposals: Proposals = []
    while len(proposals) < N_TRIALS:
        trials = [study.ask() for _ in range(BATCH)]
        batch = [space.suggest(trial) for trial in trials]
        for trial, values in zip(trials, batch, strict=True):
            if failing and trial.number % 3 == 0:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                figures = toy_figures(values, n_objectives)
                trial.set_constraint("first <= 90%", figures[0] - 0.9)
                study.tell(trial, figures)
        proposals += batch
    return proposals


class SamplerContract:
    """Properties of the proposals, over a plain, a conditional and a several-scheme space."""

    n_objectives = 3

    @pytest.fixture(params=["prcl", "prcl-quota", "ethp"])
    def space(self, request: pytest.FixtureRequest) -> SearchSpace:
        return shipped_space(request.param)

    @pytest.fixture
    def proposals(self, name: str, space: SearchSpace) -> Proposals:
        return propose(name, space, n_objectives=self.n_objectives)

    def test_proposals_are_parameter_sets_of_the_space(
        self, proposals: Proposals, space: SearchSpace
    ) -> None:
        for values in proposals:
            space.check(values)

    def test_proposals_make_schemes(self, proposals: Proposals, space: SearchSpace) -> None:
        for values in proposals:
            assert len(space.schemes(values)) == len(space.templates)

    def test_given_sets_come_first(self, proposals: Proposals, space: SearchSpace) -> None:
        given = [dict(values) for values in space.initial]

        assert proposals[: len(given)] == given

    def test_the_same_seed_proposes_the_same(
        self, name: str, proposals: Proposals, space: SearchSpace
    ) -> None:
        assert propose(name, space, n_objectives=self.n_objectives) == proposals

    def test_another_seed_proposes_something_else(
        self, name: str, proposals: Proposals, space: SearchSpace
    ) -> None:
        assert propose(name, space, seed=1, n_objectives=self.n_objectives) != proposals

    def test_failed_trials_do_not_stop_it(self, name: str, space: SearchSpace) -> None:
        for values in propose(name, space, n_objectives=self.n_objectives, failing=True):
            space.check(values)

    def test_it_reaches_both_halves_of_every_range(
        self, proposals: Proposals, space: SearchSpace
    ) -> None:
        for parameter in space.parameters:
            seen = [values[parameter.name] for values in proposals if parameter.name in values]
            if not parameter.when:
                assert {in_upper_half(parameter, value) for value in seen} == {False, True}
