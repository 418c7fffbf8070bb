from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autotune.study.confirming import confirmation_seeds

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(0, 40))
def test_seeds_are_fresh(seed: int, count: int) -> None:
    fresh = confirmation_seeds(seed, count)

    assert len({seed, *fresh}) == count + 1
    assert all(0 <= number < 2**32 for number in fresh)


@given(seeds, st.integers(0, 20), st.integers(0, 20))
def test_more_confirmations_begin_with_the_same_seeds(seed: int, few: int, more: int) -> None:
    assert confirmation_seeds(seed, few + more)[:few] == confirmation_seeds(seed, few)
