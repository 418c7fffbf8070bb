from __future__ import annotations

from pathlib import Path

import pytest

from autotune import document
from autotune.errors import InputError
from autotune.space.space import SearchSpace, read_search_space


def overridden(base: str, parameters: str) -> SearchSpace:
    keys = document.loads(f"space: {{base: {base}, parameters: {parameters}}}", "w.yaml")
    space, path = keys.take(
        "space", lambda value: read_search_space(value, relative_to=Path()), example="1"
    )
    assert path is not None
    assert path.name == f"{base}.yaml"
    return space


def ranges(space: SearchSpace) -> dict[str, str]:
    return {row.parameter: row.range for row in space.describe()}


def test_only_the_keys_that_are_given_change() -> None:
    space = overridden("prcl", "{pattern.min_age: {high: 30s}}")

    (row, _) = space.describe()
    assert (row.parameter, row.range, row.scale) == ("pattern.min_age", "100ms to 30s", "log")
    assert space.name == "prcl"


def test_no_overrides_leave_the_space_as_it_is() -> None:
    assert ranges(overridden("prcl", "{}")) == ranges(overridden("prcl", "{pattern.min_age: {}}"))


def test_a_range_may_become_choices_and_choices_a_range() -> None:
    space = overridden(
        "prcl-quota",
        "{pattern.min_age: {choices: [1s, 5s]}, quota.weights.age: {low: 1, high: 9, scale: log}}",
    )

    assert ranges(space)["pattern.min_age"] == "1s, 5s"
    assert ranges(space)["quota.weights.age"] == "1 to 9"


def test_a_plain_value_fixes_a_parameter() -> None:
    space = overridden("prcl", "{pattern.min_size: 4K}")

    assert list(ranges(space)) == ["pattern.min_age"]
    (scheme,) = space.schemes({"pattern.min_age": 1_000_000})
    assert scheme.pattern.size_bytes.min == 4096


def test_a_fixed_field_may_be_fixed_otherwise_or_become_a_parameter() -> None:
    fixed = overridden("prcl", "{pattern.max_access_rate: 10%}")
    varied = overridden("prcl", "{pattern.max_access_rate: {low: 0%, high: 20%}}")

    (scheme,) = fixed.schemes(fixed.initial[0])
    assert scheme.pattern.access_rate.max == 0.1
    assert ranges(varied)["pattern.max_access_rate"] == "0% to 20%"
    assert [values["pattern.max_access_rate"] for values in varied.initial] == [0.0] * 3


def test_a_field_that_was_open_may_be_added() -> None:
    space = overridden("prcl", "{quota.weights.age: 1000, quota.size: {low: 1M, high: 1G}}")

    (scheme,) = space.schemes(
        {"pattern.min_age": 1_000_000, "pattern.min_size": 4096, "quota.size": 1 << 20}
    )
    assert scheme.quota is not None
    assert scheme.quota.weights.age == 1000


def test_initial_sets_outside_the_new_ranges_are_not_used() -> None:
    ages = [
        values["pattern.min_age"]
        for values in overridden("prcl", "{pattern.min_age: {low: 4s, high: 30s}}").initial
    ]

    assert ages == [5_000_000, 10_000_000]


def test_initial_sets_go_on_without_what_was_fixed_as_they_have_it() -> None:
    same = overridden("prcl", "{pattern.min_size: 4K}")
    other = overridden("prcl", "{pattern.min_size: 64K}")

    assert [dict(values) for values in same.initial] == [
        {"pattern.min_age": 3_000_000},
        {"pattern.min_age": 5_000_000},
        {"pattern.min_age": 10_000_000},
    ]
    assert other.initial == ()


def test_a_switch_that_is_fixed_decides_what_exists() -> None:
    space = overridden("prcl-quota", "{limit: time}")

    assert list(ranges(space)) == [
        "pattern.min_age",
        "pattern.min_size",
        "quota.time",
        "quota.reset_interval",
        "quota.weights.access_rate",
        "quota.weights.age",
    ]
    assert not any(row.condition for row in space.describe())


def test_a_choice_that_is_gone_takes_along_what_depended_on_it() -> None:
    space = overridden("prcl-quota", "{limit: {choices: [none, size]}}")

    assert "quota.time" not in ranges(space)
    conditions = {row.parameter: row.condition for row in space.describe()}
    assert conditions["quota.size"] == conditions["quota.weights.age"] == "limit is size"


def test_a_parameter_that_is_fixed_keeps_its_condition() -> None:
    space = overridden("prcl-quota", "{quota.time: 10ms}")
    others = {
        "pattern.min_age": 1_000_000,
        "pattern.min_size": 4096,
    }
    quota = {
        "quota.reset_interval": 1_000_000,
        "quota.weights.access_rate": 0,
        "quota.weights.age": 0,
    }

    (unlimited,) = space.schemes({**others, "limit": "none"})
    (limited,) = space.schemes({**others, **quota, "limit": "time"})

    assert unlimited.quota is None
    assert limited.quota is not None
    assert limited.quota.time_us == 10_000


def test_with_several_schemes_overrides_carry_the_name_of_the_scheme() -> None:
    space = overridden("ethp", "{nohugepage.pattern.min_age: {high: 10s}}")

    assert ranges(space) == {
        "hugepage.pattern.min_access_rate": "5% to 100%",
        "nohugepage.pattern.min_age": "100ms to 10s",
    }


@pytest.mark.parametrize(
    ("base", "parameters", "message"),
    [
        (
            "prcl",
            "{pattern.min_agee: 1s}",
            "w.yaml:1:34: unknown parameter 'pattern.min_agee': did you mean 'pattern.min_age'?",
        ),
        (
            "ethp",
            "{pattern.min_age: 1s}",
            "w.yaml:1:34: unknown parameter 'pattern.min_age': "
            "did you mean 'hugepage.pattern.min_age'?",
        ),
        (
            "prcl",
            "{pattern.min_age: {low: 100s}}",
            "w.yaml:1:51: key 'pattern.min_age': low (100s) is not below high (1m): "
            "move them apart",
        ),
        (
            "prcl",
            "{pattern.max_age: {low: 1s}}",
            "w.yaml:1:51: key 'high' is missing: add it, as in high: 10s",
        ),
        (
            "prcl",
            "{pattern.min_age: [1s]}",
            "w.yaml:1:51: key 'pattern.min_age': a list stands here: write one value, as in 100ms",
        ),
        (
            "prcl",
            "{pattern.max_age: 50ms}",
            "w.yaml:1:33: key 'parameters': age_us.min (100000) is above age_us.max (50000): "
            "nothing can match",
        ),
        (
            "prcl",
            "{pattern.min_age: 5s, pattern.min_size: 4K}",
            "w.yaml:1:33: key 'parameters': there is nothing to tune: give at least one parameter",
        ),
        (
            "prcl-quota",
            "{limit: tiem}",
            "w.yaml:1:47: key 'limit': 'tiem' is no choice of this switch: did you mean 'time'?",
        ),
        (
            "prcl-quota",
            "{limit: {choices: [none, tiem]}}",
            "w.yaml:1:47: key 'limit': 'tiem' is no choice of this switch: did you mean 'time'?",
        ),
    ],
)
def test_an_override_that_makes_no_sense_is_an_error(
    base: str, parameters: str, message: str
) -> None:
    with pytest.raises(InputError) as error:
        overridden(base, parameters)

    assert str(error.value) == message


def test_choices_that_others_depend_on_stay_choices() -> None:
    text = """
space:
  base: base.yaml
  parameters:
    pattern.min_age: {low: 1s, high: 2s}
"""
    base = """
schemes:
  - action: pageout
    parameters:
      pattern.min_age: {choices: [1s, 2s]}
      pattern.min_size: {low: 4K, high: 8K, when: {pattern.min_age: 1s}}
"""

    with pytest.raises(InputError) as error:
        _with_base(text, base)

    assert str(error.value) == (
        "w.yaml:5:22: key 'pattern.min_age': other parameters depend on its choices: give choices"
    )


def _with_base(text: str, base: str) -> SearchSpace:
    space = document.loads(f"space:{base.replace(chr(10), chr(10) + '  ')}", "base.yaml").take(
        "space", lambda value: read_search_space(value, relative_to=Path()), example="1"
    )[0]
    keys = document.loads(text, "w.yaml").take("space", lambda value: value.mapping(), example="1")
    return space.overridden(keys.take("parameters", document.itself, example="1"))
