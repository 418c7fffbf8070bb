"""Tests for what is as good as a scheme, and for schemes at the ends of ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autotune.objective.figures import Figures
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommended
from autotune.recommendation.plateau import Plateau, at_an_end, plateau
from autotune.space.fields import Value
from autotune.space.space import ParameterSet, SearchSpace, load_search_space
from autotune.surrogate.unit_cube import UnitCube
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import load_workload_file
from tests.recommendation.test_worth import OBJECTIVES

SPACES = Path(__file__).parents[2] / "search_spaces"
MS = 1_000
AGGREGATION_US = 100_000


@pytest.fixture(scope="module")
def prcl() -> SearchSpace:
    return load_search_space(SPACES / "prcl.yaml")


@pytest.fixture(scope="module")
def quota() -> SearchSpace:
    return load_search_space(SPACES / "prcl-quota.yaml")


def trial(number: int, values: ParameterSet, figures: Figures) -> Trial:
    return Trial(
        number=number,
        state=TrialState.COMPLETE,
        seed=0,
        parameters=values,
        figures=figures,
    )


def tried(
    space: SearchSpace, count: int, figures: Callable[[dict[str, Value]], Figures]
) -> list[Trial]:
    points = np.random.default_rng(0).random((count, len(space.parameters)))
    sets = [UnitCube(space).values(point) for point in points]
    return [trial(number, values, figures(values)) for number, values in enumerate(sets)]


def flat_between(values: dict[str, Value]) -> Figures:
    """Ages from 300 ms to 1.5 s save most, whatever the size is up to 4 MiB."""
    age, size = float(values["pattern.min_age"]), float(values["pattern.min_size"])
    good = 300 * MS <= age <= 1500 * MS and size <= 4 << 20
    return {"memory_saving": 0.4 if good else 0.2, "slowdown": 0.01}


def best(trials: Sequence[Trial], spread: float = 0.0) -> Recommended:
    found = max(trials, key=lambda one: (one.figures["memory_saving"], -one.number))
    figures = ("memory_saving", "slowdown")
    belief = Belief(
        mean={name: found.figures[name] for name in figures},
        error=dict.fromkeys(figures, 0.0),
        spread=dict.fromkeys(figures, spread),
        freedom=math.inf,
        within=1.0,
    )
    return Recommended(trial=found, figures=found.figures, belief=belief)


def found(space: SearchSpace, trials: Sequence[Trial], option: Recommended) -> Plateau:
    around = plateau(option, trials, space, OBJECTIVES, modelled=True)
    assert around is not None
    return around


def test_a_plateau_is_the_box_in_which_all_trials_are_as_good(prcl: SearchSpace) -> None:
    trials = tried(prcl, 400, flat_between)

    around = found(prcl, trials, best(trials))

    low, high = (float(end) for end in around.box["pattern.min_age"])
    assert 300 * MS <= low < 400 * MS
    assert 1100 * MS < high <= 1500 * MS
    assert around.box["pattern.min_size"][0] == 4096
    assert 2 << 20 < float(around.box["pattern.min_size"][1]) <= 4 << 20
    inside = [
        one
        for one in trials
        if low <= float(one.parameters["pattern.min_age"]) <= high
        and float(one.parameters["pattern.min_size"]) <= float(around.box["pattern.min_size"][1])
    ]
    assert len(inside) == around.trials
    assert {one.figures["memory_saving"] for one in inside} == {0.4}
    assert around.text.startswith("any min_age from 3")
    assert ", min_size up to 3." in around.text
    assert around.text.endswith(f" (all {around.trials} trials there are as good)")


def test_a_parameter_that_does_not_matter_may_have_any_value(prcl: SearchSpace) -> None:
    def by_age(values: dict[str, Value]) -> Figures:
        good = float(values["pattern.min_age"]) <= 1500 * MS
        return {"memory_saving": 0.4 if good else 0.2, "slowdown": 0.01}

    trials = tried(prcl, 400, by_age)

    around = found(prcl, trials, best(trials))

    assert "whatever min_size" in around.text
    assert around.text.startswith("any min_age up to 1.")
    assert set(around.box) == {"pattern.min_age"}


def test_noise_widens_a_plateau_by_a_little(prcl: SearchSpace) -> None:
    random = np.random.default_rng(1)

    def noisy(_: dict[str, Value]) -> Figures:
        return {"memory_saving": 0.4 + 0.004 * random.normal(), "slowdown": 0.01}

    trials = tried(prcl, 100, noisy)
    middle = next(one for one in trials if abs(one.figures["memory_saving"] - 0.4) < 1e-4)
    exact, unsure = (best([middle], spread=spread) for spread in (0.0, 0.004))

    without = plateau(exact, trials, prcl, OBJECTIVES)
    with_noise = plateau(unsure, trials, prcl, OBJECTIVES)

    assert with_noise is not None
    assert without is None or without.trials < with_noise.trials


def test_a_trial_beyond_a_limit_is_not_as_good(prcl: SearchSpace) -> None:
    def costly(values: dict[str, Value]) -> Figures:
        fast = float(values["pattern.min_age"]) < 1000 * MS
        return {"memory_saving": 0.4, "slowdown": 0.0201 if fast else 0.0199}

    trials = tried(prcl, 200, costly)
    slow = next(one for one in trials if one.figures["slowdown"] == 0.0199)

    around = found(prcl, trials, Recommended(trial=slow, figures=slow.figures))

    assert float(around.box["pattern.min_age"][0]) >= 1000 * MS


def test_few_trials_tell_nothing(prcl: SearchSpace) -> None:
    trials = tried(prcl, 3, flat_between)

    assert plateau(best(trials), trials, prcl, OBJECTIVES, modelled=True) is None


def governed(values: dict[str, Value]) -> Figures:
    """The quota decides all; where there is none, the limit is broken."""
    if values["limit"] != "size":
        return {"memory_saving": 0.5, "slowdown": 0.1}
    share = math.log(float(values["quota.size"]) / (1 << 20)) / math.log(1024)
    return {"memory_saving": 0.4 * share, "slowdown": 0.02 * share**2}


def test_where_a_quota_decides_a_model_says_what_counts(quota: SearchSpace) -> None:
    trials = [
        replace(one, number=number)
        for number, one in enumerate(tried(quota, 600, governed))
        if one.parameters["limit"] == "size"
    ]
    option = best([one for one in trials if float(one.parameters["quota.size"]) < 64 << 20])

    around = found(quota, trials, option)

    assert around.modelled
    assert plateau(option, trials, quota, OBJECTIVES) is None
    assert "whatever quota.weights.age" in around.text
    assert "pattern.min_age" not in around.box
    low, high = (float(end) for end in around.box["quota.size"])
    own = float(option.trial.parameters["quota.size"])
    assert own / 1.5 <= low <= own <= high <= own * 1.5
    assert around.text.endswith("(a model's word, for each alone)")


def test_what_may_not_be_moved_is_the_rest(quota: SearchSpace) -> None:
    trials = tried(quota, 60, governed)
    own = next(one for one in trials if one.parameters["limit"] == "size")
    around = [
        replace(own, number=100 + n, parameters={**own.parameters, "quota.weights.age": weight})
        for n, weight in enumerate((0, 300, 700, 1000))
    ]
    option = Recommended(trial=own, figures=own.figures)

    found = plateau(option, [*trials, *around], quota, OBJECTIVES)

    assert found is not None
    assert found.text.startswith("whatever quota.weights.age, the rest as it is (all ")
    assert found.box["quota.size"] == (own.parameters["quota.size"],) * 2


def scheme_at(space: SearchSpace, **values: Value) -> Recommended:
    parameters = {"pattern.min_age": 1_000_000, "pattern.min_size": 65536} | {
        f"pattern.{name}": value for name, value in values.items()
    }
    space.check(parameters)
    made = trial(0, parameters, {"memory_saving": 0.4, "slowdown": 0.01})
    return Recommended(trial=made, figures=made.figures)


def said(option: Recommended, space: SearchSpace, aggregation_us: int = 10_000) -> str | None:
    return at_an_end(option, None, space, aggregation_us=aggregation_us)


def test_a_scheme_at_an_end_of_a_range_says_how_to_widen_it(prcl: SearchSpace) -> None:
    assert said(scheme_at(prcl, min_age=100_000), prcl) == (
        "it lies at the lower end of pattern.min_age (100ms to 1m): widen that with "
        "pattern.min_age: {low: 50ms} in the search space's parameters"
    )
    assert said(scheme_at(prcl, min_age=60_000_000), prcl) == (
        "it lies at the upper end of pattern.min_age (100ms to 1m): widen that with "
        "pattern.min_age: {high: 2m} in the search space's parameters"
    )


@pytest.mark.parametrize(
    ("values", "aggregation_us"),
    [
        ({}, 10_000),
        ({"min_size": 4096}, 10_000),  # the plain value
        ({"min_age": 100_000}, 100_000),  # the kernel counts no shorter ages
    ],
)
def test_an_end_beyond_which_is_nothing_is_no_end(
    prcl: SearchSpace, values: dict[str, Value], aggregation_us: int
) -> None:
    assert said(scheme_at(prcl, **values), prcl, aggregation_us) is None


def test_an_end_of_what_does_not_matter_is_no_end(prcl: SearchSpace) -> None:
    around = Plateau(trials=9, box={"pattern.min_size": (4096, 65536)}, text="")

    assert at_an_end(scheme_at(prcl, min_age=100_000), around, prcl, aggregation_us=10_000) is None


def test_the_remedy_is_a_search_space_that_can_be_read(prcl: SearchSpace, tmp_path: Path) -> None:
    text = said(scheme_at(prcl, min_age=100_000), prcl)
    assert text is not None
    (tmp_path / "tiny.cfg").write_text("a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n")
    (tmp_path / "my.yaml").write_text(
        "workload: {pattern: tiny.cfg}\nsearch_space:\n  base: prcl\n  parameters:\n    "
        f"{text.split('widen that with ')[1].split(' in the search')[0]}\n"
    )

    space = load_workload_file(tmp_path / "my.yaml").search_space

    assert next(p for p in space.parameters if p.name == "pattern.min_age").range == "50ms to 1m"
