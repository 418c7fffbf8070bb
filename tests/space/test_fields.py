from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Quota,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.space.fields import FIELDS, SHARE, build_scheme

NAMES = st.sampled_from(sorted(FIELDS))


@given(name=NAMES, number=st.integers(4096, 1 << 40))
def test_a_value_reads_as_it_prints(name: str, number: int) -> None:
    field = FIELDS[name]
    value = min(field.most, number / (1 << 40) if field.quantity is SHARE else number)

    assert field.parse(field.format(value)) == value


@pytest.mark.parametrize("name", [name for name in FIELDS if ".max_" in name])
def test_an_upper_bound_may_be_open(name: str) -> None:
    assert FIELDS[name].parse("max") == UNLIMITED
    assert FIELDS[name].format(UNLIMITED) == "max"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("quota.time", "999us", "999us is below 1ms, the least here"),
        ("quota.size", "4095B", "4095B is below 4K, the least here"),
        ("pattern.min_access_rate", "101%", "101% is above 100%, the most here"),
        ("quota.weights.age", "4294967296", "4294967296 is above 4294967295, the most here"),
        ("target_nid", "-1", "'-1' is not a count: write a whole number, as in 300"),
        (
            "pattern.min_age",
            "max",
            "'max' is not a duration: write a number and one of us, ms, s, m, h, d, as in 100ms",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        FIELDS[name].parse(text)

    assert str(error.value) == message


def test_without_fields_a_scheme_selects_everything() -> None:
    assert build_scheme(Action.STAT, {}) == Scheme(action=Action.STAT)


def test_every_field_arrives_where_it_belongs() -> None:
    values: dict[str, int | float] = {
        "pattern.min_size": 1,
        "pattern.max_size": 2,
        "pattern.min_access_rate": 0.25,
        "pattern.max_access_rate": 0.5,
        "pattern.min_age": 5,
        "pattern.max_age": 6,
        "quota.time": 7000,
        "quota.size": 8192,
        "quota.reset_interval": 9,
        "quota.weights.size": 10,
        "quota.weights.access_rate": 11,
        "quota.weights.age": 12,
        "watermarks.interval": 13,
        "watermarks.high": 0.75,
        "watermarks.mid": 0.5,
        "watermarks.low": 0.25,
        "apply_interval": 14,
        "target_nid": 1,
    }

    scheme = build_scheme(Action.MIGRATE_COLD, values)

    assert values.keys() == FIELDS.keys()
    assert scheme == Scheme(
        action=Action.MIGRATE_COLD,
        pattern=AccessPattern(
            size_bytes=Range(1, 2), access_rate=Range(0.25, 0.5), age_us=Range(5, 6)
        ),
        quota=Quota(
            time_us=7000,
            size_bytes=8192,
            reset_interval_us=9,
            weights=Weights(size=10, access_rate=11, age=12),
        ),
        watermarks=Watermarks(interval_us=13, high=0.75, mid=0.5, low=0.25),
        apply_interval_us=14,
        target_nid=1,
    )


@pytest.mark.parametrize("limit", ["quota.time", "quota.size"])
def test_one_limit_makes_a_quota_of_a_second(limit: str) -> None:
    quota = build_scheme(Action.PAGEOUT, {limit: 8192}).quota

    assert quota is not None
    assert quota.reset_interval_us == 1_000_000
    assert [getattr(quota.weights, field.name) for field in fields(Weights)] == [0, 0, 0]


def test_weights_without_a_limit_make_no_quota() -> None:
    assert build_scheme(Action.PAGEOUT, {"quota.weights.age": 1}).quota is None


def test_watermarks_need_all_three_levels() -> None:
    with pytest.raises(ValueError, match=r"^watermarks\.mid") as error:
        build_scheme(Action.PAGEOUT, {"watermarks.high": 0.5, "watermarks.low": 0.1})

    assert str(error.value) == "watermarks.mid is missing: watermarks need high, mid and low"
