from __future__ import annotations

import pytest

from autotune.runner.printed_figures import LastMatch, LongestMatch


def test_the_last_match_counts() -> None:
    match = LastMatch(r"^requests: ([0-9.,]+)$")

    for line in ("requests: 1", "requests: 12,345.5", "requests: none", "x requests: 7"):
        match(line)

    assert match.figure() == 12345.5


def test_without_a_match_there_is_no_number() -> None:
    match = LastMatch("(x)")
    match("y")

    assert match.figure() is None


def test_a_match_that_is_no_number_is_an_error() -> None:
    match = LastMatch("(x)")
    match("x")

    with pytest.raises(ValueError, match="could not convert"):
        match.figure()


def test_the_longest_of_all_matches_counts() -> None:
    match = LongestMatch(r"([0-9.]+ ?[mu]s) max", None)

    for line in ("900us max", "no 99 ms", "1.5 ms max 20us max", "7 us max"):
        match(line)

    assert match.figure() == 0.0015


def test_without_a_match_there_is_no_longest() -> None:
    match = LongestMatch("took (x)", "ms")
    match("y")

    assert match.figure() is None


def test_a_match_that_is_no_time_is_an_error_even_beside_others() -> None:
    match = LongestMatch(r"took (\w+)", "ms")

    for line in ("took 5", "took long", "took 7"):
        match(line)

    with pytest.raises(ValueError, match="'long' is no time: let the group match a number"):
        match.figure()
