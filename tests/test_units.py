from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.units import (
    format_duration,
    format_share,
    format_size,
    parse_duration,
    parse_share,
    parse_size,
)

NUMBERS = st.integers(0, 2**64 - 1) | st.builds(
    lambda number, unit: number * unit,
    st.integers(0, 2000),
    st.sampled_from((1000, 1024, 1 << 20, 60_000_000, 1 << 40)),
)
SPACES = st.sampled_from(("", " "))


@given(NUMBERS)
def test_a_size_reads_back_the_same(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes


@given(NUMBERS, SPACES)
def test_a_duration_reads_back_the_same(duration_us: int, space: str) -> None:
    assert parse_duration(format_duration(duration_us, space=space)) == duration_us


@given(st.floats(0.0, allow_infinity=False, allow_nan=False), SPACES)
def test_a_share_reads_back_the_same_to_the_last_bit(share: float, space: str) -> None:
    assert parse_share(format_share(share, space=space)) == share


@given(NUMBERS)
def test_no_larger_unit_would_leave_a_whole_size(size_bytes: int) -> None:
    number = int(format_size(size_bytes)[:-1])

    assert number % 1024 or number == 0 or format_size(size_bytes).endswith("E")


def test_a_unit_of_size_is_a_power_of_1024_however_it_is_spelled() -> None:
    units = {
        f"{letter}{suffix}": 1024**power
        for power, letter in enumerate("KMGTPE", start=1)
        for suffix in ("", "B", "iB", "i")
    } | {"B": 1}

    assert {unit: parse_size(f"1{unit}") for unit in units} == units
    assert {unit: parse_size(f" 1,000.0 {unit} ") for unit in units if unit[0] != "E"} == {
        unit: 1000 * size_bytes for unit, size_bytes in units.items() if unit[0] != "E"
    }


@pytest.mark.parametrize(
    ("parse", "most", "more"),
    [(parse_size, "15E", "16E"), (parse_duration, "213503982d", "99999999999999999999s")],
)
def test_more_than_the_kernel_can_hold_is_told_the_most(
    parse: Callable[[str], int], most: str, more: str
) -> None:
    assert parse(most) < 2**64

    with pytest.raises(ValueError, match=f"'{more}' is too large: write {most} at most"):
        parse(more)


def test_a_unit_of_duration_is_what_it_always_is() -> None:
    units = {
        "us": 1,
        "ms": 1000,
        "s": 1000 * 1000,
        "sec": 1000 * 1000,
        "m": 60 * 1000 * 1000,
        "min": 60 * 1000 * 1000,
        "h": 60 * 60 * 1000 * 1000,
        "d": 24 * 60 * 60 * 1000 * 1000,
    }

    for count, space in ((3, ""), (2, " ")):
        assert {unit: parse_duration(f"{count}{space}{unit}") for unit in units} == {
            unit: count * duration_us for unit, duration_us in units.items()
        }


@pytest.mark.parametrize("parse", [parse_size, parse_duration, parse_share])
def test_nothing_needs_no_unit(parse: Callable[[str], float]) -> None:
    assert parse("0") == parse("0.0") == 0


@given(st.integers(0, 10**6), st.integers(0, 6))
def test_decimals_are_read_exactly(number: int, decimals: int) -> None:
    text = f"{number / 10**decimals:.{decimals}f}"

    assert parse_duration(f"{text}s") == Fraction(text) * 1_000_000


@pytest.mark.parametrize(
    "text", ["", "4", "-4K", "64MX", "4k", "4 K K", "5i", "5iB", "5BB", "1e3K", "1,00K", "K", "4%"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    message = f"'{text}' is not a size: write a number and one of B, K, M, G, T, as in 64M"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "5", "-5s", "5S", "5ns", "5 s s", "1m30s", "5%", "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    message = (
        f"'{text}' is not a duration: write a number and one of us, ms, s, m, h, d, as in 100ms"
    )

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "0.05", "5", "-5%", "5%%", "5 s"])
def test_what_is_no_share_is_refused(text: str) -> None:
    message = f"'{text}' is not a share: write a number and %, as in 5%"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_share(text)


def test_a_part_of_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^'0\.3K' is not a whole number of bytes$"):
        parse_size("0.3K")


def test_a_part_of_a_microsecond_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^'1\.5us' is not a whole number of microseconds$"):
        parse_duration("1.5us")
