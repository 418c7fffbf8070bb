from __future__ import annotations

from pathlib import Path

import pytest

from autotune import catalog
from autotune.objective.figures import Figures
from autotune.objective.objective import load_objectives
from autotune.recommendation.importance import FEWEST_TRIALS, importances
from autotune.space.fields import Value
from autotune.space.space import SearchSpace, load_search_space
from autotune.trial import Trial, TrialState
from tests.samplers.contract import propose

OBJECTIVES = load_objectives(catalog.find("memory", "objectives", Path()))


@pytest.fixture
def space() -> SearchSpace:
    return load_search_space(catalog.find("prcl-quota", "search_spaces", Path()))


def figures(values: dict[str, Value]) -> Figures:
    """Saving depends on the age alone, slowdown on what the quota limits; CPU use on nothing."""
    limits = {"none": 0.4, "time": 0.1, "size": 0.2, "both": 0.0}
    return {
        "memory_saving": 1.0 / (1.0 + float(values["pattern.min_age"]) / 1e6),
        "slowdown": limits[str(values["limit"])],
        "cpu_use": 0.01,
    }


def trials(space: SearchSpace, count: int = 32) -> list[Trial]:
    return [
        Trial(
            number=number,
            state=TrialState.COMPLETE,
            seed=0,
            parameters=values,
            figures=figures(dict(values)),
        )
        for number, values in enumerate(propose("random", space)[:count])
    ]


def test_what_an_objective_depends_on_matters_most(space: SearchSpace) -> None:
    shares = importances(trials(space), space, OBJECTIVES)

    assert max(shares["memory_saving"].items(), key=lambda item: item[1])[0] == "pattern.min_age"
    assert max(shares["slowdown"].items(), key=lambda item: item[1])[0] == "limit"


def test_shares_add_up_to_1(space: SearchSpace) -> None:
    for shares in importances(trials(space), space, OBJECTIVES).values():
        assert sum(shares.values()) == pytest.approx(1.0)
        assert set(shares) == {parameter.name for parameter in space.parameters}


def test_what_never_changes_depends_on_nothing(space: SearchSpace) -> None:
    assert "cpu_use" not in importances(trials(space), space, OBJECTIVES)


def test_equal_trials_give_equal_shares(space: SearchSpace) -> None:
    first = importances(trials(space), space, OBJECTIVES)

    assert importances(trials(space), space, OBJECTIVES) == first


def test_few_trials_say_nothing(space: SearchSpace) -> None:
    assert importances(trials(space, FEWEST_TRIALS - 1), space, OBJECTIVES) == {}
