from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.draws import binomial, make_draws, uniform
from tests.backends.simulator.reference.draws import Xoroshiro

WORDS = st.integers(0, 2**64 - 1)


def test_the_reference_gives_the_numbers_of_the_authors_program() -> None:
    generator = Xoroshiro((1, 2))

    drawn = [generator.next() for _ in range(5)]

    # State 1, 2: the first outputs of xoroshiro128plus.c.
    assert drawn == [
        3,
        412_333_834_243,
        2_360_170_716_294_286_339,
        9_295_852_285_959_843_169,
        2_797_080_929_874_688_578,
    ]


@given(WORDS, WORDS)
def test_draws_are_those_of_xoroshiro(one: int, two: int) -> None:
    draws, generator = np.array([one, two], dtype=np.uint64), Xoroshiro((one, two))

    drawn = [uniform(draws) for _ in range(20)]

    assert drawn == [generator.uniform() for _ in range(20)]
    assert draws.tolist() == generator.state


def test_streams_of_different_sequences_differ() -> None:
    one, two = (make_draws(sequence) for sequence in np.random.SeedSequence(0).spawn(2))

    assert [uniform(one) for _ in range(5)] != [uniform(two) for _ in range(5)]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0), (-1e-9, 0), (1.0, 7), (1.1, 7)])
def test_a_sure_thing_draws_nothing(chance: float, expected: int) -> None:
    draws = np.array([1, 2], dtype=np.uint64)

    assert binomial(draws, 7, chance) == expected
    assert draws.tolist() == [1, 2]


@given(st.integers(0, 60), st.floats(0.01, 0.99), WORDS)
def test_a_binomial_count_is_that_many_independent_draws(
    count: int, chance: float, word: int
) -> None:
    draws, generator = np.array([word, 1], dtype=np.uint64), Xoroshiro((word, 1))

    true = binomial(draws, count, chance)

    assert true == sum(generator.uniform() < chance for _ in range(count))
