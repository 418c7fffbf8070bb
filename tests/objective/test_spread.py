from __future__ import annotations

import statistics

import pytest

from autotune.objective.spread import Spread, spreads, student_t


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (4, 2.7764),
        (9, 2.2622),
        (30, 2.0423),
        (999, 1.9623),
    ],
)
def test_the_quantile_is_that_of_printed_tables(freedom: int, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, abs=5e-5)


def test_mean_and_range_are_those_of_all_seeds() -> None:
    spread = Spread.of([0.25, 0.5, 1.5])

    assert (spread.mean, spread.low, spread.high) == (0.75, 0.25, 1.5)


@pytest.mark.parametrize(("beyond", "more"), [(1.001, True), (0.999, False)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_more_than_noise_begins_where_the_interval_leaves_0(
    beyond: float, more: bool, sign: float
) -> None:
    noise = [-0.01, 0.0, 0.01]
    # Half the interval of three figures whose standard deviation is 0.01.
    half = 4.30265 * statistics.stdev(noise) / 3**0.5

    spread = Spread.of([sign * (beyond * half + one) for one in noise])

    assert spread.more_than_noise is more


@pytest.mark.parametrize(
    ("figures", "more"),
    [
        ([0.05], None),
        ([0.05, 0.05], True),
        ([0.0, 0.0, 0.0], False),
        ([1e-12, 1e-12, 1e-12], False),
    ],
)
def test_one_seed_shows_no_noise_and_equal_figures_have_none(
    figures: list[float], more: bool | None
) -> None:
    assert Spread.of(figures).more_than_noise is more


def test_a_figure_without_a_value_with_one_seed_has_no_spread() -> None:
    found = spreads([{"a": 1.0, "b": 1.0}, {"a": 3.0, "b": None}])

    assert list(found) == ["a", "b"]
    assert found["a"] is not None
    assert found["a"].mean == 2.0
    assert found["b"] is None


def test_a_spread_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="a spread needs a figure"):
        Spread.of([])


def test_a_figure_whose_zero_means_nothing_is_neither_noise_nor_more() -> None:
    found = spreads([{"a": 5.0, "b": 5.0}, {"a": 5.1, "b": 5.1}], without_zero={"a"})

    assert found["a"] == Spread(mean=5.05, low=5.0, high=5.1, more_than_noise=None)
    assert found["b"] == Spread(mean=5.05, low=5.0, high=5.1, more_than_noise=True)
