from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import UNLIMITED
from autotune.formats import damo_notation as notation
from tests.strategies import DURATIONS_US, FRACTIONS, SIZES


@given(SIZES | st.just(UNLIMITED))
def test_a_size_that_is_written_reads_the_same(size_bytes: int | float) -> None:
    assert notation.size(notation.size_text(size_bytes)) == size_bytes


@given(DURATIONS_US | st.just(UNLIMITED), st.sampled_from(["", " "]))
def test_a_time_that_is_written_reads_the_same(time_us: int | float, space: str) -> None:
    assert notation.time_us(notation.time_text(time_us, space=space)) == time_us


@given(FRACTIONS)
def test_a_rate_that_is_written_reads_the_same(fraction: float) -> None:
    assert notation.rate(notation.rate_text(fraction)) == fraction


@given(FRACTIONS)
def test_a_share_that_is_written_reads_the_same(fraction: float) -> None:
    assert float(notation.permille(notation.permille_number(fraction)) / 1000) == fraction


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["h", "m", "s", "ms", "us"]))))
def test_a_time_in_several_parts_is_their_sum(parts: list[tuple[int, str]]) -> None:
    units = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
    text = " ".join(f"{number} {unit}" for number, unit in [(0, "s"), *parts])

    assert notation.time_us(text) == sum(number * units[unit] for number, unit in parts)


TIME = "write a number and one of ns, us, ms, s, m, h, d, as in 100ms"
SIZE = "write bytes, or a number and one of K, M, G, T, as in 64M"
RATE = "write percent, from 0 to 100"


@pytest.mark.parametrize(
    ("reader", "value", "message"),
    [
        (notation.size, "4k", f"'4k' is not a size: {SIZE}"),
        (notation.size, "0x1000", f"'0x1000' is not a size: {SIZE}"),
        (notation.size, "", f"'' is not a size: {SIZE}"),
        (notation.size, -1, f"-1 is not a size: {SIZE}"),
        (notation.size, True, f"True is not a size: {SIZE}"),
        (notation.size, None, f"None is not a size: {SIZE}"),
        (notation.size, "1 M 2 K", f"'1 M 2 K' is not a size: {SIZE}"),
        (notation.time_us, "2mins", f"'2mins' is not a time: {TIME}"),
        (notation.time_us, "10 sec", f"'10 sec' is not a time: {TIME}"),
        (notation.time_us, "1 s 5", f"'1 s 5' is not a time: {TIME}"),
        (notation.time_us, "100ns", "'100ns' is not a whole number of microseconds"),
        (notation.rate, "5 samples", f"'5 samples' is not an access rate: {RATE}"),
        (notation.rate, "-5", f"'-5' is not an access rate: {RATE}"),
        (notation.count, "1.5", "'1.5' is not a whole number"),
        (notation.count, "many", "'many' is not a number: write digits only"),
        (notation.weight, "0.05 %", "'0.05 %' is not a whole number"),
        (
            notation.whole_size,
            "max",
            "'max' is for upper bounds and reset intervals: write a number",
        ),
        (notation.whole_size, "16E", "'16E' is too large: write 15E at most"),
        (
            notation.whole_time_us,
            "99999999999999999999s",
            "'99999999999999999999s' is too large: write 213503982d at most",
        ),
        (notation.whole_time_us, 2**64, f"{2**64} is too large: write 213503982d at most"),
        (notation.least_rate, "9" * 20, f"'{'9' * 20}' is too large: write 100% at most"),
        (notation.boolean, 1, "'1' is neither true nor false: write one of these"),
    ],
)
def test_anything_else_is_refused_with_the_choices(
    reader: Callable[[object], object], value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        reader(value)


@pytest.mark.parametrize("value", [2**64 - 1, "18446744073709551615", "16E", 2**70, "9" * 99])
def test_what_the_kernel_cannot_hold_is_no_bound(value: object) -> None:
    assert notation.size(value) == UNLIMITED
