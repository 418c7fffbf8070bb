from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import kendalltau  # ships no types

from autotune.evaluation.agreement import (
    Ranking,
    own_ranking,
    own_transfer,
    ranking,
    told_apart,
    transfer,
)
from autotune.objective.pareto import hypervolume

Figures = NDArray[np.float64]

REFERENCE = np.array([0.0, 0.5])

# Few distinct values, so that ties are common; quarters, so that sums are exact.
quarters = st.integers(-8, 8).map(lambda count: count / 4)


def figures(*shape: int) -> st.SearchStrategy[Figures]:
    return arrays(np.float64, shape, elements=quarters)


def all_pairs(schemes: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(schemes), 2))


two_rankings = st.integers(2, 9).flatmap(lambda n: st.tuples(figures(n), figures(n)))
several_seeds = st.tuples(st.integers(2, 7), st.integers(2, 4)).flatmap(
    lambda shape: figures(*shape)
)
points = st.integers(1, 7).flatmap(lambda n: st.tuples(figures(n, 2), figures(n, 2)))


@given(st.integers(2, 9).flatmap(lambda n: st.tuples(*[st.permutations(range(n))] * 2)))
def test_without_ties_tau_is_kendalls(orders: tuple[list[int], list[int]]) -> None:
    first, second = (np.array(order, dtype=np.float64) for order in orders)

    tau = ranking(first, second, all_pairs(len(first))).tau

    assert tau == pytest.approx(kendalltau(first, second).statistic)


@given(two_rankings)
def test_with_ties_the_score_is_kendalls_without_his_correction_for_them(
    rankings: tuple[Figures, Figures],
) -> None:
    first, second = rankings
    pairs = all_pairs(len(first))
    untied = [sum(side[a] != side[b] for a, b in pairs) for side in rankings]
    assume(all(untied))

    score = ranking(first, second, pairs).score

    # tau-b divides by the geometric mean of the untied pairs.
    expected = kendalltau(first, second).statistic * np.sqrt(np.prod(untied))
    assert score == pytest.approx(expected)


@given(several_seeds)
def test_pairs_are_told_apart_where_the_gap_of_means_exceeds_both_spreads(
    measured: Figures,
) -> None:
    pairs = told_apart(measured)

    for a, b in all_pairs(len(measured)):
        gap = abs(sum(measured[a]) - sum(measured[b])) / measured.shape[1]
        spreads = [max(measured[scheme]) - min(measured[scheme]) for scheme in (a, b)]
        assert ((a, b) in pairs) == all(gap > spread for spread in spreads)


def test_one_seed_tells_apart_what_is_further_apart_than_the_least() -> None:
    single = np.array([[0.0], [0.5], [2.0]])

    assert told_apart(single, least=1.0) == [(0, 2), (1, 2)]


@given(several_seeds)
def test_a_monotone_prediction_agrees_on_all_pairs_told_apart(measured: Figures) -> None:
    pairs = told_apart(measured)
    means = measured.mean(axis=1)

    assert ranking(means, means**3 + 7.0, pairs) == Ranking(score=len(pairs), pairs=len(pairs))
    assert ranking(means, -means, pairs) == Ranking(score=-len(pairs), pairs=len(pairs))


def test_a_tie_in_the_prediction_counts_as_a_pair_and_scores_nothing() -> None:
    agreed = ranking(np.array([1.0, 2.0]), np.array([5.0, 5.0]), [(0, 1)])

    assert agreed == Ranking(score=0, pairs=1)


def test_pooled_rankings_weigh_by_their_pairs() -> None:
    pooled = Ranking(score=1, pairs=1) + Ranking(score=-3, pairs=3)

    assert pooled.tau == -0.5


def test_there_is_no_tau_of_no_pairs() -> None:
    assert Ranking(score=0, pairs=0).tau is None


def test_the_own_ranking_is_the_mean_over_seeds_left_out() -> None:
    # Seed 0 has the two the other way round; the means of any other two keep the order.
    measured = np.array([[3.0, 0.0, 0.0], [2.0, 2.0, 4.0]])
    # Seed 0 against mean (0, 3): opposed. Seed 1 against (1.5, 3) and seed 2 against (1.5, 2): agreeing.

    own = own_ranking(measured, [(0, 1)])

    assert own is not None
    assert own.score == pytest.approx((-1 + 1 + 1) / 3)


@given(st.integers(2, 7).flatmap(figures), st.integers(2, 4))
def test_seeds_that_agree_have_a_perfect_own_ranking(scheme: Figures, seeds: int) -> None:
    measured = np.repeat(scheme[:, None], seeds, axis=1)
    pairs = told_apart(measured)

    assert own_ranking(measured, pairs) == Ranking(score=len(pairs), pairs=len(pairs))


def test_one_seed_has_no_own_ranking_and_no_own_transfer() -> None:
    assert own_ranking(np.zeros((4, 1)), [(0, 1)]) is None
    assert own_transfer(np.full((4, 1, 2), -1.0), REFERENCE) is None


@given(points)
def test_transfer_is_between_nothing_and_all(sets: tuple[Figures, Figures]) -> None:
    measured, predicted = sets
    assume(hypervolume(measured, REFERENCE) > 0.0)

    share = transfer(measured, predicted, REFERENCE)

    assert share is not None
    assert 0.0 <= share <= 1.0


@given(points)
def test_a_prediction_with_the_right_front_transfers_everything(
    sets: tuple[Figures, Figures],
) -> None:
    measured, _ = sets
    assume(hypervolume(measured, REFERENCE) > 0.0)

    # Other figures, in the same order in each coordinate.
    assert transfer(measured, 3.0 * measured + 1.0, REFERENCE) == pytest.approx(1.0)


def test_transfer_is_the_share_of_the_area_by_hand() -> None:
    # Saving 40 % for 10 %, and 60 % for 30 %, with nothing beyond 50 %: 0.4 x 0.2 + 0.6 x 0.2 = 0.2.
    measured = np.array([[-0.4, 0.1], [-0.6, 0.3]])
    predicted = np.array([[-0.4, 0.1], [-0.3, 0.3]])

    share = transfer(measured, predicted, REFERENCE)

    assert share == pytest.approx(0.4 * 0.4 / 0.2)


def test_there_is_no_transfer_where_nothing_is_better_than_the_reference() -> None:
    assert transfer(np.array([[0.1, 0.1]]), np.array([[-0.5, 0.1]]), REFERENCE) is None


def test_seeds_that_agree_transfer_everything_to_each_other() -> None:
    once = np.array([[-0.4, 0.1], [-0.6, 0.3], [-0.1, 0.4]])

    assert own_transfer(np.repeat(once[:, None, :], 3, axis=1), REFERENCE) == pytest.approx(1.0)


def test_a_seed_with_another_front_lowers_the_own_transfer() -> None:
    # Either seed finds one scheme, and the other scheme is the only good one of the other seed.
    measured = np.array([[[-0.5, 0.0], [0.1, 0.0]], [[0.1, 0.0], [-0.5, 0.0]]])

    assert own_transfer(measured, REFERENCE) == pytest.approx(0.0)
