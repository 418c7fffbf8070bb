from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import Action
from autotune.damon.monitoring import Intervals
from autotune.lint.notable import MOST_PROPOSALS, notable_proposals
from autotune.space.parameters import Choices, Numeric, Parameter, SchemeTemplate
from autotune.space.space import SearchSpace, load_search_space

ROOT = Path(__file__).parents[2]
NUMBERS = ("pattern.min_size", "pattern.min_age", "apply_interval", "pattern.max_size")


def space(*parameters: Parameter) -> SearchSpace:
    template = SchemeTemplate(name="stat", action=Action.STAT, parameters=parameters)
    return SearchSpace(name="any", templates=(template,))


def of_choices(*counts: int) -> SearchSpace:
    return space(
        *(
            Choices(name=name, field=name, choices=tuple(range(count)))
            for name, count in zip(NUMBERS, counts, strict=False)
        )
    )


def looked_at(name: str, low: float, high: float, where: Intervals) -> set[object]:
    one = space(Numeric(name=name, field=name, low=low, high=high))
    return {values[name] for values in notable_proposals(one, where)}


@given(st.lists(st.integers(2, 12), min_size=1, max_size=4))
def test_all_combinations_come_once_or_as_many_as_are_looked_at(counts: list[int]) -> None:
    everything = set(itertools.product(*map(range, counts)))

    found = [tuple(v.values()) for v in notable_proposals(of_choices(*counts), Intervals())]

    assert len(found) == min(len(everything), MOST_PROPOSALS)
    assert len(set(found)) == len(found)
    assert set(found) <= everything


def test_where_not_all_combinations_are_looked_at_each_value_of_each_parameter_is() -> None:
    proposals = list(notable_proposals(of_choices(12, 12, 12, 12), Intervals()))

    for name in NUMBERS:
        assert {values[name] for values in proposals} == set(range(12))


@given(
    st.tuples(st.integers(0, 10**8), st.integers(1, 10**7)),
    st.sampled_from([1_000, 5_000, 100_000, 1_000_000]),
)
def test_of_a_range_the_ends_are_looked_at_and_a_number_that_the_kernel_counts(
    span: tuple[int, int], step_us: int
) -> None:
    low, high = span[0], sum(span)

    found = looked_at("pattern.min_age", low, high, Intervals())

    counted = range(-(-low // step_us) * step_us, high + 1, step_us)
    assert {low, high} <= found
    assert not counted or {counted[0], counted[-1]} <= found


def test_a_share_is_counted_in_samples_and_a_size_in_pages() -> None:
    fine = Intervals(sampling_us=1_000, aggregation_us=8_000)

    assert looked_at("pattern.min_access_rate", 0.2, 0.8, fine) == {0.2, 0.25, 0.75, 0.8}
    assert looked_at("pattern.min_size", 5_000, 13_000, fine) == {5_000, 8_192, 12_288, 13_000}
    assert looked_at("quota.weights.age", 1, 9, fine) == {1, 9}


@pytest.mark.parametrize("name", ["ethp", "prcl", "prcl-quota"])
def test_what_is_looked_at_is_a_proposal_of_the_space(name: str) -> None:
    shipped = load_search_space(ROOT / "search_spaces" / f"{name}.yaml")

    for values in notable_proposals(shipped, Intervals()):
        shipped.check(values)
