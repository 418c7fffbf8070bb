from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.spans import Span, common, merged, without

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=10).map(
    lambda pairs: [(start, start + size) for start, size in pairs]
)


def addresses(spans: list[Span]) -> set[int]:
    """The second implementation: every address by itself."""
    return {address for start, end in spans for address in range(start, end)}


def is_in_order(spans: list[Span]) -> bool:
    return all(a[1] <= b[0] for a, b in itertools.pairwise(spans)) and all(
        start < end for start, end in spans
    )


@given(SPANS)
def test_a_union_has_every_address_and_no_two_spans_that_touch(spans: list[Span]) -> None:
    union = merged(spans)

    assert addresses(union) == addresses(spans)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(union))


@given(SPANS, SPANS)
def test_what_is_common_lies_in_both(spans: list[Span], others: list[Span]) -> None:
    found = common(merged(spans), merged(others))

    assert addresses(found) == addresses(spans) & addresses(others)
    assert is_in_order(found)


@given(SPANS, SPANS)
def test_what_is_left_lies_in_the_first_only(spans: list[Span], others: list[Span]) -> None:
    found = without(merged(spans), merged(others))

    assert addresses(found) == addresses(spans) - addresses(others)
    assert is_in_order(found)
