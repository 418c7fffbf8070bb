"""Tests for how sure a scheme is to keep the limits: against noise of known kinds, with fixed seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import t as student

from autotune.objective.expression import Expression
from autotune.objective.figures import Figures
from autotune.objective.objective import (
    KNOWN_NAMES,
    Direction,
    Objective,
    Objectives,
    parse_constraint,
)
from autotune.recommendation.probability import beliefs

LIMIT = 0.02
FRESH = 200
"""Fresh runs of each scheme, by which a probability is judged."""


def within(*constraints: str) -> Objectives:
    metric = Expression.parse("memory_saving", KNOWN_NAMES)
    return Objectives(
        name="test",
        objectives=(
            Objective(
                metric=metric,
                name="memory_saving",
                direction=Direction.MAXIMIZE,
                reference=0.0,
            ),
        ),
        constraints=tuple(parse_constraint(text) for text in constraints),
    )


OBJECTIVES = within("slowdown <= 2%")


def runs(*slowdowns: float) -> list[Figures]:
    return [{"memory_saving": 0.25, "slowdown": slowdown} for slowdown in slowdowns]


Noise = Callable[[np.random.Generator, int], np.ndarray]


def normal(random: np.random.Generator, count: int) -> np.ndarray:
    return random.normal(size=count)


def skewed(random: np.random.Generator, count: int) -> np.ndarray:
    return (np.exp(random.normal(size=count)) - math.exp(0.5)) / 2.16


def clusters(random: np.random.Generator, count: int) -> np.ndarray:
    """One scheme in five has a bad cluster, in which one run in seven is."""
    bad = (random.random() < 0.2) & (random.random(count) < 0.15)
    return 8.0 * bad + 0.5 * random.normal(size=count)


def foretold(noise: Noise, count: int, *, schemes: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the probabilities of some schemes, and the shares of fresh runs that keep the limit."""
    random = np.random.default_rng(3)
    measured, kept = {}, []
    for number in range(schemes):
        middle = random.uniform(0.0, 0.035)
        spread = (0.001 + 0.08 * middle) * math.exp(0.5 * random.normal())
        slowdowns = middle + spread * noise(random, count + FRESH)
        measured[number] = runs(*slowdowns[:count].tolist())
        kept.append(float((slowdowns[count:] <= LIMIT).mean()))
    found = beliefs(measured, OBJECTIVES)
    return np.array([found[number].within for number in measured]), np.array(kept)


@pytest.mark.parametrize("count", [2, 3, 5, 40])
@pytest.mark.parametrize("noise", [normal, skewed, clusters])
def test_what_is_foretold_comes_true_as_often_as_foretold(noise: Noise, count: int) -> None:
    probability, kept = foretold(noise, count, schemes=1500)

    for low, high in itertools.pairwise([0.0, 0.2, 0.5, 0.8, 0.9, 0.95, 1.01]):
        some = (low <= probability) & (probability < high)
        assert some.sum() > 10
        assert kept[some].mean() == pytest.approx(probability[some].mean(), abs=0.2)
    sure = probability >= 0.95
    assert sure.mean() > 0.4
    assert kept[sure].mean() >= 0.97


@pytest.mark.parametrize("noise", [normal, skewed, clusters])
def test_a_mean_lies_in_its_interval_as_often_as_the_interval_says(noise: Noise) -> None:
    random = np.random.default_rng(4)
    truths = random.uniform(0.0, 0.035, size=600)
    middle = (
        float(noise(np.random.default_rng(5), 400_000).mean()) if noise is not clusters else None
    )
    measured = {}
    for number, truth in enumerate(truths.tolist()):
        slowdowns = truth + 0.001 * noise(random, 4)
        measured[number] = runs(*slowdowns.tolist())
    shift = 0.001 * (middle if middle is not None else 8.0 * 0.2 * 0.15)

    found = beliefs(measured, OBJECTIVES)

    inside = [
        abs(one.mean["slowdown"] - truth - shift)
        <= student.ppf(0.975, one.freedom) * one.error["slowdown"]
        for one, truth in zip(found.values(), truths.tolist(), strict=True)
    ]
    assert (0.92 if noise is normal else 0.85) <= np.mean(inside) <= 0.99


def test_one_run_is_as_sure_as_the_runs_of_other_schemes_let_it_be() -> None:
    calm = {number: runs(0.0080, 0.0081, 0.0082) for number in range(1, 9)}
    wild = {number: runs(0.001, 0.008, 0.015) for number in range(1, 9)}

    after_calm = beliefs({0: runs(0.0085), **calm}, OBJECTIVES)[0]
    after_wild = beliefs({0: runs(0.0085), **wild}, OBJECTIVES)[0]

    assert after_calm.within > 0.99
    assert 0.7 < after_wild.within < 0.95
    assert after_calm.spread["slowdown"] < after_wild.spread["slowdown"]
    assert math.isfinite(after_calm.freedom)


def test_few_runs_that_agree_by_chance_take_their_spread_from_similar_schemes() -> None:
    others = {number: runs(0.004, 0.010, 0.016) for number in range(1, 9)}

    lucky = beliefs({0: runs(0.0100, 0.0101), **others}, OBJECTIVES)[0]
    alone = beliefs({0: runs(0.0100, 0.0101)}, OBJECTIVES)[0]

    assert lucky.spread["slowdown"] > 20 * alone.spread["slowdown"]
    assert lucky.within < alone.within


def test_similar_are_schemes_with_figures_near_by() -> None:
    mild = {number: runs(0.0010, 0.0011, 0.0012) for number in range(1, 30)}
    harsh = {number: runs(0.1, 0.2, 0.3) for number in range(30, 60)}

    found = beliefs({0: runs(0.001), **mild, **harsh, 60: runs(0.2)}, OBJECTIVES)

    assert found[0].spread["slowdown"] < 0.0005
    assert found[60].spread["slowdown"] > 0.03


@pytest.mark.parametrize(("slowdown", "sure"), [(0.0199, 1.0), (0.02, 1.0), (0.0201, 0.0)])
def test_where_nothing_was_repeated_the_one_run_decides(slowdown: float, sure: float) -> None:
    belief = beliefs({3: runs(slowdown), 5: runs(0.001)}, OBJECTIVES)[3]

    assert belief.within == sure
    assert (belief.spread["slowdown"], belief.freedom) == (0.0, math.inf)


def test_figures_that_never_differ_are_sure() -> None:
    found = beliefs({0: runs(0.01, 0.01), 1: runs(0.03, 0.03), 2: runs(0.02)}, OBJECTIVES)

    assert [found[number].within for number in (0, 1, 2)] == [1.0, 0.0, 1.0]
    assert found[2].spread["slowdown"] == 0.0


def test_a_scheme_that_broke_the_limit_in_3_of_40_runs_is_not_sure_whatever_the_rest_is() -> None:
    rest = np.random.default_rng(0).normal(0.0, 1e-5, size=40).tolist()
    broke = runs(*([0.0201] * 3 + rest[3:]))

    assert beliefs({0: broke}, OBJECTIVES)[0].within < 0.95
    assert beliefs({0: runs(*rest)}, OBJECTIVES)[0].within > 0.99


def test_a_cluster_within_the_limit_is_no_reason_for_doubt_after_many_runs() -> None:
    clustered = beliefs({0: runs(*[0.001] * 30, *[0.0185] * 10)}, OBJECTIVES)[0]

    assert clustered.within > 0.95


def both(slowdowns: Sequence[float], faults: Sequence[float]) -> list[Figures]:
    return [
        {"memory_saving": 0.25, "slowdown": slowdown, "cpu_use": use}
        for slowdown, use in zip(slowdowns, faults, strict=True)
    ]


def test_of_several_limits_all_must_hold_and_runs_that_go_wrong_together_count_once() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0.015, 0.005, size=(2, 12))
    limits = within("slowdown <= 2%", "cpu_use <= 2%")
    apart = beliefs({0: both(noise[0].tolist(), noise[1].tolist())}, limits)[0]
    together = beliefs({0: both(noise[0].tolist(), noise[0].tolist())}, limits)[0]
    one = beliefs({0: both(noise[0].tolist(), noise[0].tolist())}, OBJECTIVES)[0]

    assert apart.within < together.within
    assert together.within == pytest.approx(one.within, abs=0.02)


def test_both_bounds_of_one_figure_hold_or_not() -> None:
    between = within("memory_saving >= 24%", "memory_saving <= 26%")
    measured = [{"memory_saving": saving} for saving in (0.24, 0.25, 0.26, 0.25)]

    found = beliefs({0: measured, 1: [{"memory_saving": 0.24}, {"memory_saving": 0.24}]}, between)

    above = beliefs({0: measured}, within("memory_saving >= 24%"))[0].within
    assert found[0].within < above
    assert beliefs({1: [{"memory_saving": 0.24}] * 2}, between)[1].within == 1.0


def test_a_bound_of_0_is_taken_as_it_is() -> None:
    found = beliefs({0: runs(-0.01, -0.012), 1: runs(0.01, 0.012)}, within("slowdown <= 0%"))

    assert found[0].within > 0.9
    assert found[1].within < 0.1


def test_without_limits_every_scheme_keeps_them() -> None:
    assert beliefs({0: runs(0.5, 0.9)}, within())[0].within == 1.0


def test_a_figure_that_a_run_lacks_is_left_out() -> None:
    measured = [{"memory_saving": 0.25, "slowdown": 0.01, "comeback_s": 1.0}, *runs(0.01)]

    belief = beliefs({0: measured}, OBJECTIVES)[0]

    assert set(belief.mean) == {"memory_saving", "slowdown"}
    assert belief.mean["memory_saving"] == 0.25


def test_a_trial_without_runs_has_no_belief() -> None:
    assert beliefs({}, OBJECTIVES) == {}
    assert set(beliefs({0: [], 1: runs(0.01, 0.02)}, OBJECTIVES)) == {1}


def test_equal_figures_give_equal_beliefs_in_any_order() -> None:
    random = np.random.default_rng(6)
    measured = {n: runs(*random.normal(0.01, 0.01, size=3).tolist()) for n in range(40)}
    turned = dict(reversed(measured.items()))

    assert beliefs(measured, OBJECTIVES) == beliefs(turned, OBJECTIVES)
