from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from autotune.space.space import ParameterSet
from autotune.surrogate.correction import Correction
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.plain_sets import plain_sets
from autotune.surrogate.prior import Prior
from autotune.surrogate.proposed import Expected
from tests.surrogate.formulas import (
    CUBE,
    OBJECTIVES,
    SPACE,
    Kernel,
    breaking,
    kernel,
    prior,
    true_volume,
)

TRUE = kernel()


def correction(say: list[Prior], seed: int = 0, guess: Prior | None = None) -> Correction:
    return Correction(SPACE, OBJECTIVES, say, seed=seed, first=200, step=32, guess=guess)


def tune(
    say: list[Prior],
    run: Kernel = TRUE,
    *,
    trials: int = 8,
    starts: int = 20,
    seed: int = 0,
    guess: Prior | None = None,
) -> Correction:
    """Run what is proposed, two at a time."""
    found = correction(say, seed, guess)
    had: dict[str, int] = {}
    while starts > 0:
        batch = found.suggest(
            min(2, starts), new=trials - len(had), price=(lambda _: 1) if had else None
        )
        if not batch:
            break
        for start in batch:
            key = str(start.parameters)
            assert start.again == (key in had)
            had[key] = had.get(key, 0) + 1
            found.tell(start.parameters, run(start.parameters, 500 + had[key]))
            starts -= 1
    assert len(had) <= trials
    return found


def sure(found: Correction) -> list[ParameterSet]:
    return [values for values, expected in found.expected() if expected.within >= 0.95]


@cache
def reachable() -> float:
    """What a search of a kernel without noise comes to, with the seven that it would run."""
    exact = kernel(noise=0.0)
    found = tune([prior(exact)], exact, trials=12, starts=12, seed=3)
    return true_volume(TRUE, sure(found))


@pytest.mark.parametrize("seed", range(2))
def test_with_a_prior_that_is_right_eight_trials_are_enough(seed: int) -> None:
    found = tune([prior(TRUE)], seed=seed)

    assert true_volume(TRUE, sure(found)) > 0.93 * reachable()
    assert breaking(TRUE, sure(found)) < 0.05


@pytest.mark.parametrize(
    "wrong", [kernel(cost=2.0), kernel(cost=0.5), kernel(age=3.0)], ids=["dear", "cheap", "old"]
)
def test_with_a_prior_that_is_off_eight_trials_find_most(wrong: Kernel) -> None:
    found = tune([prior(wrong)])

    assert true_volume(TRUE, sure(found)) > 0.6 * reachable()
    assert breaking(TRUE, sure(found)) < 0.05


def test_another_prior_that_fits_better_is_gone_over_to() -> None:
    wrong, right = prior(kernel(age=4.0)), prior(TRUE)

    found = tune([wrong, prior(kernel(cost=20.0)), right], trials=6, starts=14)

    assert found.learning.prior == 2
    assert true_volume(TRUE, sure(found)) > 0.8 * reachable()


def test_a_prior_that_says_nothing_of_what_was_run_is_not_gone_over_to() -> None:
    def silent(asked: Sequence[tuple[ParameterSet, int]]) -> list[None]:
        return [None] * len(asked)

    found = tune([prior(TRUE), silent], trials=4, starts=8)

    assert found.learning.prior == 0
    assert sure(found)


def test_a_prior_that_is_right_is_kept() -> None:
    found = tune([prior(TRUE), prior(kernel(cost=3.0))], trials=4, starts=4)

    assert found.learning.prior == 0


def test_without_a_prior_plain_schemes_come_first_and_more_trials_find_more() -> None:
    few, many = tune([], trials=4, starts=4), tune([], trials=14, starts=18)

    assert [values["limit"] for values, _ in few.expected()] == ["none"] * 4
    volumes = [true_volume(TRUE, sure(found)) for found in (few, many)]
    assert volumes[0] < volumes[1]
    assert volumes[1] > 0.7 * reachable()


def test_without_a_prior_the_search_goes_on_until_something_keeps_the_limits() -> None:
    dear = kernel(cost=8.0)
    middle = plain_sets(SPACE)[:2]

    found = tune([], dear, trials=12, starts=24)

    assert breaking(dear, middle[:1]) > 0.95
    assert sure(found) != []
    assert breaking(dear, sure(found)) < 0.05


def test_a_guess_that_is_far_off_does_no_harm() -> None:
    wrong = prior(kernel(cost=0.2, age=0.3))

    def volume(guess: Prior | None) -> float:
        found = tune([], trials=10, starts=24, guess=guess)
        assert breaking(TRUE, sure(found)) < 0.05
        return true_volume(TRUE, sure(found))

    assert volume(wrong) > 0.7 * volume(None) > 0.0
    assert volume(prior(kernel(age=1.5))) > 0.6 * reachable()


def test_without_a_prior_one_run_makes_nothing_sure() -> None:
    found = correction([])
    for values in plain_sets(SPACE):
        found.tell(values, TRUE(values, 1))
    once = found.expected()
    for values in plain_sets(SPACE):
        found.tell(values, TRUE(values, 2))
        found.tell(values, TRUE(values, 3))

    assert len(once) == 4
    assert all(expected.within < 0.95 for _, expected in once)
    assert sure(found) != []


def test_equal_seeds_and_figures_give_equal_runs() -> None:
    def runs(seed: int) -> list[tuple[ParameterSet, Expected]]:
        return tune([prior(TRUE)], trials=4, starts=6, seed=seed).expected()

    assert runs(1) == runs(1)
    assert runs(1) != runs(2)


def test_what_failed_is_not_proposed_again() -> None:
    found = correction([prior(TRUE)])
    proposed: list[str] = []
    for _ in range(3):
        for start in found.suggest(2, new=2):
            proposed.append(str(start.parameters))
            found.tell(start.parameters, None)

    assert len(set(proposed)) == len(proposed) == 6
    assert found.expected() == []


def test_no_more_new_schemes_are_proposed_than_may_be() -> None:
    found = correction([prior(TRUE)])
    for start in found.suggest(2, new=2):
        found.tell(start.parameters, TRUE(start.parameters, 1))

    again = found.suggest(2, new=0, price=lambda _: 2)
    one = found.suggest(2, new=1)

    assert again
    assert all(start.again for start in again)
    assert [start.again for start in one] == [False]


def test_where_nothing_is_within_the_limits_nothing_is_proposed() -> None:
    slow = kernel(cost=100.0, noise=0.001)

    found = tune([prior(slow)], slow)

    assert found.left is not None
    assert found.left.gain * found.left.stake < 0.001
    assert true_volume(slow, sure(found)) < 0.02 * reachable()


def test_what_is_left_to_gain_falls() -> None:
    gains = []
    found = correction([prior(TRUE)])
    for batch in range(8):
        for start in found.suggest(2, new=2, price=(lambda _: 1) if batch else None):
            found.tell(start.parameters, TRUE(start.parameters, batch))
        assert found.left is not None
        gains.append(found.left.gain)

    assert gains[-1] < 0.3 * gains[0]


def test_what_is_expected_has_the_size_of_what_is_seen() -> None:
    found = tune([prior(TRUE)])

    for values, expected in found.expected():
        runs = np.array([TRUE(values, seed)["slowdown"] for seed in range(900, 960)])
        away = expected.mean["slowdown"] - runs.mean()
        assert abs(away) < 4.0 * (expected.error["slowdown"] + expected.spread["slowdown"] / 8.0)
        assert 0.5 < expected.spread["slowdown"] / runs.std() < 3.0


def test_a_proposal_after_a_hundred_trials_takes_a_third_of_a_second() -> None:
    found = correction([])
    for values in Evolution(CUBE, (0.0, 0.02, 1.0), seed=5).design(128)[:98]:
        found.tell(values, TRUE(values, 1))
    for _ in range(2):
        for start in found.suggest(1, new=1):
            found.tell(start.parameters, TRUE(start.parameters, 1))

    begin = time.process_time()
    assert found.suggest(1, new=1, price=lambda _: 2)

    assert time.process_time() - begin < 1.0
