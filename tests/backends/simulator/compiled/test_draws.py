from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.compiled.draws import chosen, make_draws, uniform
from tests.backends.simulator.reference import draws as reference
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


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0), (-1e-9, 0), (1.0, 13), (1.1, 13)])
def test_a_sure_thing_draws_nothing(chance: float, expected: int) -> None:
    draws = np.array([1, 2], dtype=np.uint64)

    assert chosen(draws, np.uint64(13), chance) == expected
    assert draws.tolist() == [1, 2]


@given(WORDS, st.integers(1, 2**53 - 1), WORDS)
def test_a_bit_is_chosen_if_the_fraction_that_it_draws_is_below_the_chance(
    bits: int, part: int, word: int
) -> None:
    draws, generator = np.array([word, 1], dtype=np.uint64), Xoroshiro((word, 1))

    taken = int(chosen(draws, np.uint64(bits), part / 2**53))

    things = [number for number in range(64) if bits >> number & 1]
    assert taken == sum(1 << number for number in reference.chosen(generator, things, part))
    assert draws.tolist() == generator.state


@pytest.mark.parametrize("chance", [0.03, 0.5, 0.8])
def test_bits_are_chosen_as_often_as_they_should_be(chance: float) -> None:
    draws = make_draws(np.random.SeedSequence(0))
    words, bits = 4_000, 0b1011

    taken = [int(chosen(draws, np.uint64(bits), chance)) for _ in range(words)]

    for number in (0, 1, 3):
        share = sum(word >> number & 1 for word in taken) / words
        assert share == pytest.approx(chance, abs=5 * (chance * (1 - chance) / words) ** 0.5)
    assert not any(word & ~bits for word in taken)
