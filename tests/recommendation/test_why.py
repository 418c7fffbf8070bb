"""Tests for what is behind a recommendation."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from autotune.objective.figures import Figures
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.why import Why, explain, with_ends
from autotune.space.fields import Value
from autotune.space.space import SearchSpace, load_search_space
from autotune.trial import Trial, TrialState
from tests.recommendation.test_plateau import SPACES, tried
from tests.recommendation.test_worth import OBJECTIVES


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_search_space(SPACES / "prcl.yaml")


def with_cliff(values: dict[str, Value]) -> Figures:
    """Below an age of 1 s the workload thrashes; older memory is less."""
    age_s = float(values["pattern.min_age"]) / 1e6
    return {
        "memory_saving": 0.4 * math.exp(-age_s / 20.0),
        "slowdown": 0.2 if age_s < 1.0 else 0.01 * math.exp(-age_s / 20.0),
        "cpu_use": 0.01,
    }


@pytest.fixture(scope="module")
def trials(space: SearchSpace) -> list[Trial]:
    return tried(space, 200, with_cliff)


def chosen(*front: Trial) -> Recommendation:
    options = tuple(Recommended(trial=one, figures=one.figures) for one in front)
    return Recommendation(front=options, thrown_out={}, confirmed={}, hypervolume=0.0)


@pytest.fixture(scope="module")
def ranked(trials: list[Trial]) -> list[Trial]:
    within = [one for one in trials if one.figures["slowdown"] <= 0.02]
    return sorted(within, key=lambda one: -one.figures["memory_saving"])


@pytest.fixture(scope="module")
def why(trials: list[Trial], ranked: list[Trial], space: SearchSpace) -> Why:
    return explain(trials, chosen(ranked[0], ranked[40]), space, OBJECTIVES)


def test_what_matters_is_told_for_each_objective(why: Why) -> None:
    assert why.importances["slowdown"]["pattern.min_age"] > 0.8
    assert why.importances["memory_saving"]["pattern.min_age"] > 0.8


def test_the_cliff_is_where_the_limited_figure_jumps(why: Why) -> None:
    assert why.cliff is not None
    assert (why.cliff.parameter, why.cliff.figure) == ("pattern.min_age", "slowdown")
    assert why.cliff.low < 1_000_000 < why.cliff.high
    assert why.cliff.high / why.cliff.low < 3.0
    assert why.cliff.at_low == 0.2
    assert why.cliff.at_high == pytest.approx(0.0095, abs=0.0005)
    assert why.cliff.text.startswith("slowdown is 20% around pattern.min_age ")


def test_the_neighbour_is_the_nearest_trial_that_is_not_as_good(
    why: Why, trials: list[Trial], ranked: list[Trial], space: SearchSpace
) -> None:
    thrashing = [one for one in trials if one.figures["slowdown"] == 0.2]
    only = explain([ranked[0], *thrashing], chosen(ranked[0]), space, OBJECTIVES)
    beside = only.neighbours[ranked[0].number]

    near = trials[beside.number]
    assert near.figures["slowdown"] == 0.2
    assert beside.reason == "slowdown 20.00% > 2%"
    assert beside.differs["pattern.min_age"] == (
        ranked[0].parameters["pattern.min_age"],
        near.parameters["pattern.min_age"],
    )
    assert beside.text.startswith(f"trial {near.number} beside it (pattern.min_age ")
    assert why.neighbours[ranked[40].number].reason.startswith("memory_saving is ")


def test_the_second_best_is_the_next_on_the_front(
    why: Why, trials: list[Trial], ranked: list[Trial], space: SearchSpace
) -> None:
    assert why.second == ranked[40].number
    assert explain(trials, chosen(ranked[0]), space, OBJECTIVES).second is None


def test_equal_trials_give_equal_records(
    why: Why, trials: list[Trial], ranked: list[Trial], space: SearchSpace
) -> None:
    assert explain(trials, chosen(ranked[0], ranked[40]), space, OBJECTIVES) == why


def test_a_figure_that_changes_evenly_has_no_cliff(space: SearchSpace) -> None:
    def even(values: dict[str, Value]) -> Figures:
        share = math.log(float(values["pattern.min_age"]) / 1e5) / math.log(600.0)
        return {"memory_saving": share, "slowdown": 0.02 * share, "cpu_use": 0.0}

    found = tried(space, 200, even)

    assert explain(found, chosen(found[0]), space, OBJECTIVES).cliff is None


def test_a_jump_that_is_far_below_the_limit_is_no_cliff(space: SearchSpace) -> None:
    def small(values: dict[str, Value]) -> Figures:
        fast = float(values["pattern.min_age"]) < 1_000_000
        return {"memory_saving": 0.1, "slowdown": 0.001 if fast else 0.0, "cpu_use": 0.0}

    found = tried(space, 200, small)

    assert explain(found, chosen(found[0]), space, OBJECTIVES).cliff is None


def test_without_trials_there_is_nothing_to_tell(space: SearchSpace) -> None:
    assert explain([], chosen(), space, OBJECTIVES) == Why()


def test_failed_trials_are_no_neighbours(space: SearchSpace, ranked: list[Trial]) -> None:
    lost = Trial(
        number=999,
        state=TrialState.FAILED,
        seed=0,
        parameters=ranked[0].parameters,
        reason="it got lost",
    )

    assert explain([ranked[0], lost], chosen(ranked[0]), space, OBJECTIVES).neighbours == {}


def test_what_lies_at_an_end_has_a_note_beside_its_own(
    trials: list[Trial], ranked: list[Trial], space: SearchSpace
) -> None:
    parameters = {**ranked[0].parameters, "pattern.min_age": 60_000_000}
    at_end = replace(ranked[0], parameters=parameters)
    option = Recommended(trial=at_end, figures=at_end.figures, note="it has two outcomes")
    inside = Recommended(trial=ranked[5], figures=ranked[5].figures)
    both = replace(chosen(), front=(option, inside))

    noted = with_ends(both, trials, space, OBJECTIVES, aggregation_us=100_000)

    assert str(noted.front[0].note).startswith(
        "it has two outcomes; it lies at the upper end of pattern.min_age"
    )
    assert noted.front[1].note is None
    nothing_sure = replace(both, front=(), unsure=(option,))
    assert with_ends(nothing_sure, trials, space, OBJECTIVES, aggregation_us=100_000).unsure == (
        noted.front[0],
    )
