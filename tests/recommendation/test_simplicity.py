"""Tests for what counts as simple."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune.damon.damos import UNLIMITED, AccessPattern, Quota, Range, Watermarks, Weights
from autotune.recommendation.simplicity import knobs, plain_value, plainer
from autotune.space.space import ParameterSet, SearchSpace, load_search_space
from autotune.testing import prcl

ROOT = Path(__file__).parents[2]
AGE = {"pattern.min_age": 5_000_000}


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_search_space(ROOT / "search_spaces" / "prcl-quota.yaml")


def test_each_field_away_from_its_plain_value_is_a_knob() -> None:
    pattern = AccessPattern(
        size_bytes=Range(8192, 1 << 30), access_rate=Range(0.05, 0.5), age_us=Range(1, 2)
    )
    quota = Quota(
        time_us=1, size_bytes=1, reset_interval_us=2, weights=Weights(size=1, access_rate=1, age=1)
    )
    watermarks = Watermarks(interval_us=1, high=1.0, mid=0.5, low=0.0)
    plain = replace(prcl(), pattern=AccessPattern(size_bytes=Range(4096)))

    assert knobs([plain]) == 0
    assert knobs([replace(plain, pattern=pattern)]) == 6
    assert knobs([replace(plain, quota=quota)]) == 6
    assert knobs([replace(plain, watermarks=watermarks, apply_interval_us=5)]) == 2
    assert knobs([prcl(), prcl(time_us=5)]) == 2 + 3
    assert plain.pattern.size_bytes.max == UNLIMITED


def test_plain_values_are_those_within_the_range(space: SearchSpace) -> None:
    plain = {parameter.name: plain_value(parameter) for parameter in space.parameters}

    assert plain == {
        "pattern.min_age": None,
        "pattern.min_size": 4096,
        "limit": "none",
        "quota.time": None,
        "quota.size": None,
        "quota.reset_interval": 1_000_000,
        "quota.weights.access_rate": 0,
        "quota.weights.age": 0,
    }


def test_plainer_sets_have_all_or_one_parameter_plain_and_exist(space: SearchSpace) -> None:
    values: ParameterSet = {
        **AGE,
        "pattern.min_size": 65536,
        "limit": "time",
        "quota.time": 10_000,
        "quota.reset_interval": 1_000_000,
        "quota.weights.access_rate": 0,
        "quota.weights.age": 700,
    }

    found = list(plainer(values, space))

    for made in found:
        space.check(made)
    assert found == [
        {**AGE, "pattern.min_size": 4096, "limit": "none"},
        {**values, "pattern.min_size": 4096, "quota.weights.age": 0},
        {**values, "pattern.min_size": 4096},
        {**AGE, "pattern.min_size": 65536, "limit": "none"},
        {**values, "quota.weights.age": 0},
    ]


def test_what_is_plain_has_no_plainer_set(space: SearchSpace) -> None:
    assert list(plainer({**AGE, "pattern.min_size": 4096, "limit": "none"}, space)) == []
