from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from autotune.space.space import ParameterSet
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.prior import Prior, Surface
from autotune.surrogate.sought import Sought
from tests.surrogate.formulas import CUBE, OBJECTIVES, kernel, prior

SOUGHT = Sought(OBJECTIVES)
SEEDS = (11, 12, 13, 14)


def surface(say: Prior | None) -> Surface:
    return Surface(SOUGHT, CUBE, say, SEEDS)


def some(count: int) -> list[ParameterSet]:
    return Evolution(CUBE, (0.0, 0.02, 1.0), seed=5).design(count)


class Asked:
    def __init__(self) -> None:
        self.seeds: list[int] = []

    def __call__(self, asked: Sequence[tuple[ParameterSet, int]]) -> list[dict[str, float] | None]:
        self.seeds += [seed for _, seed in asked]
        return [
            None if values["limit"] == "both" else kernel()(values, seed) for values, seed in asked
        ]


def test_what_is_known_is_not_asked_again() -> None:
    asked = Asked()
    known = surface(asked)
    one, *rest = [values for values in some(16) if values["limit"] != "both"]

    assert known.add([one, one]) == [0]
    assert known.add([*rest, one]) == [*range(1, len(rest) + 1), 0]
    assert len(asked.seeds) == known.runs == len(known) == len(rest) + 1
    assert set(asked.seeds) == set(SEEDS[:4])  # sets begin with different seeds


def test_a_limit_counts_new_sets_only() -> None:
    known = surface(prior(kernel()))
    sets = some(8)
    known.add(sets[:2])

    assert known.add(sets, limit=3) == [0, 1, 2, 3, 4]


def test_sets_without_schemes_are_not_on_it() -> None:
    sets = some(32)
    both = sum(values["limit"] == "both" for values in sets)
    known = surface(Asked())

    assert len(known.add(sets)) == len(sets) - both < len(sets)


def test_the_mean_is_of_all_seeds_that_were_asked() -> None:
    known = surface(prior(kernel()))
    [values] = some(1)
    known.add([values])
    known.repeat([0], 4)
    known.repeat([0], 4)

    rows = [SOUGHT.row(kernel()(values, seed)) for seed in SEEDS]
    assert known.mean[0] == pytest.approx(np.mean(rows, axis=0))
    assert known.runs == 4


def test_the_spread_of_a_set_is_drawn_towards_the_spread_of_similar_sets() -> None:
    known = surface(prior(kernel(noise=0.1)))
    known.add(some(64))
    known.repeat(range(64), 4)

    slowdown, size = known.spread[:, 1], SOUGHT.slopes(known.mean)[:, 1]
    figures = SOUGHT.figures(known.mean)[:, 1]
    own = [
        np.std([kernel(noise=0.1)(v, s)["slowdown"] for s in SEEDS], ddof=1) for v in known.sets
    ]
    truth = 0.1 * figures
    assert (
        np.abs(np.log(slowdown * size / truth)).mean() < 0.6 * np.abs(np.log(own / truth)).mean()
    )


def test_a_set_that_was_asked_once_has_the_spread_of_its_neighbours() -> None:
    known = surface(prior(kernel(noise=0.1)))
    known.add(some(64))
    known.repeat(range(0, 64, 2), 4)

    assert (known.spread[1::2, 1] > 0.0).all()
    assert known.blur[1::2] == pytest.approx(known.spread[1::2])
    assert known.blur[::2] == pytest.approx(known.spread[::2] / 2.0)


def test_without_a_prior_there_are_sets_alone() -> None:
    known = surface(None)
    known.add(some(4))
    known.repeat(range(4), 4)

    assert len(known) == 4
    assert not known.mean.any()
    assert not known.spread.any()
    assert known.runs == 0


def test_a_surface_of_nothing_has_no_rows_and_all_figures() -> None:
    known = surface(prior(kernel()))

    assert known.mean.shape == known.spread.shape == known.blur.shape
    assert known.mean.shape[0] == 0 < known.mean.shape[1]
