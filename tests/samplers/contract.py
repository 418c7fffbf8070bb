"""What every sampler promises: subclass it with a fixture `name`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
import pytest

from autotune import catalog
from autotune.samplers import make_sampler
from autotune.samplers.told import tell_figures
from autotune.space.fields import Value
from autotune.space.parameters import Choices, Parameter
from autotune.space.space import SearchSpace, load_search_space

N_TRIALS = 32
BATCH = 4

FIGURES = {
    "memory_saving": 0.3,
    "slowdown": 0.01,
    "swap_out_bytes": 1e9,
    "swap_in_bytes": 1e7,
}
"""What a sampler that decides by figures is told of every trial."""

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
                tell_figures(sampler, trial, FIGURES)
                study.tell(trial, figures)
        proposals += batch
    return proposals


@functools.cache
def proposals_of(name: str, space: str, n_objectives: int) -> Proposals:
    """What a sampler proposes for a shipped space, with seed 0 and without failures."""
    return propose(name, shipped_space(space), n_objectives=n_objectives)


def refused(take: Callable[[Mapping[str, Value]], object], proposals: Proposals) -> list[str]:
    """Why proposals are not taken."""
    reasons = []
    for values in proposals:
        try:
            take(values)
        except ValueError as error:
            reasons.append(f"{values}: {error}")
    return reasons


SPACES = {name: shipped_space(name) for name in ("prcl", "prcl-quota", "ethp")}
"""A plain space, a conditional one, and one of several schemes."""


class SamplerContract:
    """Properties of the proposals; a test shows each space in which its property is missed."""

    n_objectives = 3

    @pytest.fixture
    def proposals(self, name: str) -> Mapping[str, Proposals]:
        return {space: proposals_of(name, space, self.n_objectives) for space in SPACES}

    def test_proposals_are_parameter_sets_of_the_space(
        self, proposals: Mapping[str, Proposals]
    ) -> None:
        reasons = {name: refused(SPACES[name].check, sets) for name, sets in proposals.items()}

        assert not any(reasons.values()), reasons

    def test_proposals_make_schemes(self, proposals: Mapping[str, Proposals]) -> None:
        reasons = {name: refused(SPACES[name].schemes, sets) for name, sets in proposals.items()}
        counts = {
            name: {len(space.schemes(values)) for values in proposals[name]}
            for name, space in SPACES.items()
            if not reasons[name]
        }

        assert not any(reasons.values()), reasons
        assert counts == {name: {len(space.templates)} for name, space in SPACES.items()}

    def test_given_sets_come_first(self, proposals: Mapping[str, Proposals]) -> None:
        given = {
            name: [dict(values) for values in space.initial] for name, space in SPACES.items()
        }

        assert {name: proposals[name][: len(sets)] for name, sets in given.items()} == given

    def test_the_same_seed_proposes_the_same(
        self, name: str, proposals: Mapping[str, Proposals]
    ) -> None:
        again = {
            key: propose(name, space, n_objectives=self.n_objectives)
            for key, space in SPACES.items()
        }

        assert again == proposals

    def test_another_seed_proposes_something_else(
        self, name: str, proposals: Mapping[str, Proposals]
    ) -> None:
        others = {
            key: propose(name, space, seed=1, n_objectives=self.n_objectives)
            for key, space in SPACES.items()
        }

        assert [key for key in SPACES if others[key] == proposals[key]] == []

    def test_failed_trials_do_not_stop_it(self, name: str) -> None:
        reasons = {
            key: refused(
                space.check, propose(name, space, n_objectives=self.n_objectives, failing=True)
            )
            for key, space in SPACES.items()
        }

        assert not any(reasons.values()), reasons

    def test_it_reaches_both_halves_of_every_range(
        self, proposals: Mapping[str, Proposals]
    ) -> None:
        halves = {
            (name, parameter.name): {
                in_upper_half(parameter, values[parameter.name])
                for values in proposals[name]
                if parameter.name in values
            }
            for name, space in SPACES.items()
            for parameter in space.parameters
            if not parameter.when
        }

        assert {key: seen for key, seen in halves.items() if seen != {False, True}} == {}
