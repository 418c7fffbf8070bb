"""Tests for the handful of schemes that covers a front."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from autotune.objective import pareto
from autotune.recommendation.handful import Choice, Option, choose

CORNER = (0.0, 0.02)
"""Losses: nothing saved, and the limit of a slowdown."""
OFF = (0.0, 0.0)


def option(
    number: int,
    saving: float,
    slowdown: float,
    *,
    error: tuple[float, float] = (0.0, 0.0),
    knobs: int = 2,
    within: float = 1.0,
) -> Option:
    return Option(
        number=number,
        losses=(-saving, slowdown),
        errors=error,
        freedom=20.0,
        knobs=knobs,
        within=within,
    )


def chosen(options: Sequence[Option], most: int = 7) -> Choice:
    return choose(options, OFF, CORNER, most=most)


def curve(count: int, *, seed: int = 0) -> list[Option]:
    random = np.random.default_rng(seed)
    return [
        option(number, float(0.4 * share**0.6), float(0.019 * share + 0.0005))
        for number, share in enumerate(random.random(count).tolist())
    ]


def volume(options: Sequence[Option]) -> float:
    return pareto.hypervolume([one.losses for one in options], CORNER)


@pytest.mark.parametrize("most", [2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_handful_is_nearly_the_best_that_there_is(most: int, seed: int) -> None:
    options = curve(14, seed=seed)

    taken = chosen(options, most).taken

    top = min(one.losses[0] for one in options)
    best = max(
        volume(some)
        for some in itertools.combinations(options, most)
        if min(one.losses[0] for one in some) <= top + 0.02 * 0.4
    )
    assert len(taken) == most
    assert volume([options[number] for number in taken]) >= 0.99 * best


def test_seven_of_many_cover_nine_tenths_of_a_front() -> None:
    options = curve(400)

    taken = chosen(options).taken

    assert len(taken) == 7
    assert volume([options[number] for number in taken]) >= 0.89 * volume(options)
    savings = [-options[number].losses[0] for number in taken]
    assert savings == sorted(savings, reverse=True)
    assert savings[0] >= max(-one.losses[0] for one in options) - 0.02 * 0.4


def test_volumes_of_many_schemes_with_three_objectives_are_counted() -> None:
    random = np.random.default_rng(0)
    options = []
    for number, (share, use) in enumerate(random.random((300, 2)).tolist()):
        figures = (-0.4 * share**0.6, 0.019 * share * (1.2 - 0.2 * use), 0.1 + 0.8 * use)
        options.append(
            Option(
                number=number,
                losses=figures,
                errors=(0.0, 0.0, 0.0),
                freedom=math.inf,
                knobs=2,
                within=1.0,
            )
        )

    taken = choose(options, (0.0, 0.0, 0.0), (*CORNER, 1.0), most=7).taken

    losses = [one.losses for one in options]
    whole = pareto.hypervolume(losses, (*CORNER, 1.0))
    assert pareto.hypervolume([losses[n] for n in taken], (*CORNER, 1.0)) >= 0.85 * whole


def test_what_adds_less_than_a_hundredth_is_left_out() -> None:
    found = chosen([option(0, 0.4, 0.010), option(1, 0.3, 0.00995)])

    assert found.taken == (0,)
    assert found.left == {1: "it adds less than 1 % to what the others cover"}


def test_what_is_clearly_worse_is_left_to_what_is_better() -> None:
    found = chosen([option(0, 0.4, 0.010), option(1, 0.3, 0.012)])

    assert found.left == {1: "trial 0 is better by the confirmed figures"}


def test_more_than_asked_for_are_left_out_with_what_they_would_add() -> None:
    found = chosen([option(0, 0.4, 0.018), option(1, 0.3, 0.008), option(2, 0.1, 0.001)], most=2)

    assert found.taken == (0, 1)
    assert found.left[2].startswith("2 schemes cover the front, and it would add ")


@pytest.mark.parametrize(
    ("one", "other", "taken", "why"),
    [
        ((4, 1.0), (2, 1.0), 1, "as good as trial 1, which is simpler"),
        ((2, 0.96), (2, 0.99), 1, "as good as trial 1, which is surer to keep the limits"),
        ((2, 1.0), (4, 1.0), 0, "as good as trial 0, which is simpler"),
        ((2, 0.96), (3, 1.0), 0, "as good as trial 0, which is simpler"),
        ((2, 1.0), (2, 1.0), 0, "as good as trial 0"),
    ],
)
def test_of_schemes_that_noise_does_not_tell_apart_the_simplest_and_surest_is_taken(
    one: tuple[int, float], other: tuple[int, float], taken: int, why: str
) -> None:
    noise = (0.004, 0.0002)
    options = [
        option(0, 0.402, 0.0100, error=noise, knobs=one[0], within=one[1]),
        option(1, 0.400, 0.0101, error=noise, knobs=other[0], within=other[1]),
    ]

    found = chosen(options)

    assert found.taken == (taken,)
    assert found.left == {1 - taken: why}


def test_a_simpler_scheme_that_costs_more_than_noise_does_not_replace_a_better_one() -> None:
    options = [option(0, 0.40, 0.010, knobs=9), option(1, 0.36, 0.011, knobs=2)]

    assert chosen(options).taken == (0,)


def test_large_noise_is_no_reason_to_give_much_away_for_simplicity() -> None:
    noise = (0.05, 0.0001)
    options = [
        option(0, 0.40, 0.010, error=noise, knobs=9),
        option(1, 0.36, 0.010, error=noise, knobs=2),
    ]

    assert chosen(options).taken == (0,)


def test_a_scheme_that_noise_does_not_tell_from_off_is_not_taken() -> None:
    options = [
        option(0, 0.002, 0.001, error=(0.002, 0.001)),
        option(1, -0.01, 0.0),
        option(2, 1e-12, 0.0),
    ]

    found = chosen(options)

    assert found.taken == ()
    assert found.left == {
        0: "noise hides whether it is better than DAMON off",
        1: "DAMON off is better by the confirmed figures",
        2: "DAMON off is better by the confirmed figures",
    }


def test_where_off_is_unknown_every_scheme_may_be_taken() -> None:
    assert choose([option(1, -0.01, 0.001)], None, CORNER, most=7).taken == (1,)


def test_a_scheme_beyond_the_corner_is_taken_if_there_is_nothing_else() -> None:
    beyond = Option(
        number=3, losses=(-0.2, 0.03), errors=(0.0, 0.0), freedom=9.0, knobs=2, within=1.0
    )

    assert chosen([beyond]).taken == (3,)


def test_nothing_is_taken_of_nothing() -> None:
    assert chosen([]) == Choice(taken=(), left={})


def test_the_order_of_options_does_not_matter() -> None:
    options = curve(60)

    assert chosen(options) == chosen(options[::-1])
    assert {*chosen(options).taken, *chosen(options).left} == set(range(60))
