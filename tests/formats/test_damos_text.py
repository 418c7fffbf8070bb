from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.errors import InputError
from autotune.formats import damos_text
from tests.strategies import ONE_LINE_SCHEMES

PRCL = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(10_000_000)
    ),
)
QUOTA = Quota(size_bytes=500 << 20, reset_interval_us=1_000_000)
WEIGHTED = replace(QUOTA, weights=Weights(access_rate=3, age=7))
WATERMARKS = Watermarks(interval_us=5_000_000, high=1.0, mid=0.999, low=0.0)
PATTERN_TEXT = "4K max 0 0 10s max pageout"


def read(text: str) -> Scheme:
    (scheme,) = damos_text.loads(text, "x.damos")
    return scheme


def test_seven_fields_are_a_pattern_and_an_action() -> None:
    assert read(PATTERN_TEXT) == PRCL


def test_nine_fields_add_a_size_quota() -> None:
    assert read(f"{PATTERN_TEXT} 500M 1s") == replace(PRCL, quota=QUOTA)


def test_twelve_fields_add_weights() -> None:
    assert read(f"{PATTERN_TEXT} 500M 1s 0 3 7") == replace(PRCL, quota=WEIGHTED)


def test_seventeen_fields_add_watermarks() -> None:
    scheme = read(f"{PATTERN_TEXT} 500M 1s 0 3 7 free_mem_rate 5s 1000 999 0")

    assert scheme == replace(PRCL, quota=WEIGHTED, watermarks=WATERMARKS)


def test_eighteen_fields_have_the_time_quota_before_the_size_quota() -> None:
    scheme = read(f"{PATTERN_TEXT} 10ms 500M 1s 0 3 7 free_mem_rate 5s 1000 999 0")

    quota = replace(WEIGHTED, time_us=10_000)
    assert scheme == replace(PRCL, quota=quota, watermarks=WATERMARKS)


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("0 0 1s", None),
        ("0us 0B max", None),
        ("max max 1s", None),
        ("10ms 0B max", Quota(time_us=10_000, reset_interval_us=UNLIMITED)),
        ("10 0 1000", Quota(time_us=10_000, reset_interval_us=1_000_000)),
        ("0 1 0", Quota(size_bytes=1, reset_interval_us=0)),
    ],
)
def test_a_quota_of_0_or_max_is_no_limit(text: str, quota: Quota | None) -> None:
    assert read(f"{PATTERN_TEXT} {text} 0 0 0 none 0 0 0 0") == replace(PRCL, quota=quota)


@pytest.mark.parametrize(
    "text",
    [
        "4096 max min min 10000000 max pageout",
        "4K\tmax\t\t0%  0%\t 10s max  PAGEOUT\r",
        "4KiB max 0.0 0 10000ms max PageOut",
        "4,096 18446744073709551615 min 0 10s 18446744073709551615 pageout",
    ],
)
def test_there_are_several_notations_for_one_scheme(text: str) -> None:
    assert read(text) == PRCL


@pytest.mark.parametrize("text", ["5 max", "5% 100%", "5 100", "5 200%"])
def test_an_upper_rate_of_100_percent_or_more_is_none(text: str) -> None:
    assert read(f"min max {text} min max stat").pattern.access_rate == Range(0.05)


def test_comments_and_empty_lines_are_skipped() -> None:
    text = f"# one\n\n   # two\n{PATTERN_TEXT}\n \t\n{PATTERN_TEXT}"

    assert damos_text.loads(text, "x.damos") == (PRCL, PRCL)


@given(st.lists(ONE_LINE_SCHEMES, max_size=4))
def test_what_is_written_reads_the_same(schemes: Sequence[Scheme]) -> None:
    assert damos_text.loads(damos_text.dumps(schemes), "x.damos") == tuple(schemes)


@given(ONE_LINE_SCHEMES)
def test_a_line_has_7_fields_without_quota_and_watermarks_and_else_18(scheme: Scheme) -> None:
    plain = scheme.quota is None and scheme.watermarks is None

    assert len(damos_text.line(scheme).split()) == (7 if plain else 18)


def test_lines_are_written_as_the_talks_write_them() -> None:
    ethp = replace(PRCL, action=Action.HUGEPAGE, pattern=AccessPattern(access_rate=Range(0.05)))

    assert damos_text.line(PRCL) == PATTERN_TEXT
    assert damos_text.line(ethp) == "min max 5 max min max hugepage"


def test_a_file_begins_with_a_comment_that_tells_the_fields() -> None:
    first = damos_text.dumps([PRCL]).splitlines()[0]

    assert first == "# size min max, access rate min max (percent), age min max, action"


GOAL = QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=1)


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        (replace(PRCL, filters=(Filter(type=FilterType.ANON),)), "filters"),
        (replace(PRCL, quota=Quota(goals=(GOAL,))), "quota.goals"),
        (replace(PRCL, apply_interval_us=1), "apply_interval_us"),
        (Scheme(action=Action.MIGRATE_COLD, target_nid=0), "target_nid"),
    ],
)
def test_what_the_format_has_no_field_for_is_named(scheme: Scheme, name: str) -> None:
    message = f"{name}: the one-line format has no field for it; use damo's JSON"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        damos_text.line(scheme)


def test_watermarks_between_two_permille_are_refused() -> None:
    scheme = replace(PRCL, watermarks=Watermarks(interval_us=1, high=0.5, mid=0.4005, low=0.1))
    message = "watermarks.mid is 40.05%: the one-line format takes whole permille"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        damos_text.line(scheme)


@given(st.text(max_size=60) | st.from_regex(r"([0-9a-zA-Z%#.]{1,5} ){6,18}"))
def test_any_other_text_is_schemes_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert all(isinstance(item, Scheme) for item in damos_text.loads(text, "x.damos"))
