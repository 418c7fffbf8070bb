from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune import catalog, document
from autotune.damon.damos import UNLIMITED, check_meeting
from autotune.damon.monitoring import OperationsSet
from autotune.errors import InputError
from autotune.space.parameters import SchemeTemplate
from autotune.space.space import ParameterSet, SearchSpace, load_search_space, read_search_space

SHIPPED = {
    name: load_search_space(catalog.find(name, "search_spaces", Path()))
    for name in catalog.names("search_spaces")
}
QUOTA = {"quota.reset_interval", "quota.weights.access_rate", "quota.weights.age"}
ALWAYS = {"pattern.min_age", "pattern.min_size", "limit"}
BY_LIMIT = {
    "none": set[str](),
    "time": QUOTA | {"quota.time"},
    "size": QUOTA | {"quota.size"},
    "both": QUOTA | {"quota.time", "quota.size"},
}


class RandomTrial:
    """Proposes at random, and keeps what it was asked for."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.asked: list[str] = []

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        assert low > 0 or not log
        self.asked.append(name)
        return self._random.choice([low, high, self._random.randint(low, high)])

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        assert low > 0 or not log
        self.asked.append(name)
        return self._random.choice([low, high, self._random.uniform(low, high)])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.asked.append(name)
        return self._random.choice(choices)


def custom(text: str) -> SearchSpace:
    keys = document.loads(text, "my.yaml")
    space, path = keys.take(
        "search_space", lambda value: read_search_space(value, relative_to=Path()), example="1"
    )
    assert path is None
    return space


def two_schemes() -> SearchSpace:
    return SHIPPED["ethp"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_spaces_make_sense_for_a_process(name: str) -> None:
    space = SHIPPED[name]

    assert space.name == name
    for template in space.templates:
        check_meeting(template.widest(), OperationsSet.VADDR)


@pytest.mark.parametrize("name", SHIPPED)
@given(seed=st.integers(0, 1 << 32))
def test_whatever_is_suggested_becomes_schemes(name: str, seed: int) -> None:
    space, trial = SHIPPED[name], RandomTrial(seed)

    values = space.suggest(trial)

    space.check(values)
    assert len(space.schemes(values)) == len(space.templates)
    order = [parameter.name for parameter in space.parameters]
    assert trial.asked == list(values) == sorted(values, key=order.index)


@pytest.mark.parametrize("limit", BY_LIMIT)
def test_a_parameter_exists_only_under_its_condition(limit: str) -> None:
    class Trial(RandomTrial):
        def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
            return limit if name == "limit" else super().suggest_categorical(name, choices)

    values = SHIPPED["prcl-quota"].suggest(Trial(0))

    assert set(values) == ALWAYS | BY_LIMIT[limit]
    (scheme,) = SHIPPED["prcl-quota"].schemes(values)
    assert (scheme.quota is not None) == (limit != "none")
    if scheme.quota is not None:
        assert (scheme.quota.time_us is not None) == (limit in {"time", "both"})
        assert (scheme.quota.size_bytes is not None) == (limit in {"size", "both"})


def test_optuna_proposes_within_the_ranges() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))

    for space in SHIPPED.values():
        for _ in range(20):
            space.check(space.suggest(study.ask()))
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))


def test_a_fixed_trial_of_optuna_gives_its_own_values_back() -> None:
    for space in SHIPPED.values():
        for values in space.initial:
            assert space.suggest(optuna.trial.FixedTrial(dict(values))) == values


def test_prcl_begins_with_the_published_ages() -> None:
    ages = [
        scheme.pattern.age_us.min
        for values in SHIPPED["prcl"].initial
        for scheme in SHIPPED["prcl"].schemes(values)
    ]

    assert ages == [3_000_000, 5_000_000, 10_000_000]


def test_ethp_begins_with_the_published_scheme() -> None:
    space = two_schemes()

    huge, small = space.schemes(space.initial[0])

    assert (huge.pattern.access_rate.min, huge.pattern.access_rate.max) == (0.05, UNLIMITED)
    assert (small.pattern.size_bytes.min, small.pattern.age_us.min) == (2 << 20, 7_000_000)
    assert small.pattern.access_rate.max == 0.0


def test_with_several_schemes_a_parameter_carries_the_name_of_its_scheme() -> None:
    space = two_schemes()

    assert [parameter.name for parameter in space.parameters] == [
        "hugepage.pattern.min_access_rate",
        "nohugepage.pattern.min_age",
    ]
    assert space.column("nohugepage.pattern.min_age") == "nohugepage.pattern.min_age_us"


def test_a_description_has_units_and_conditions() -> None:
    rows = {row.parameter: row for row in SHIPPED["prcl-quota"].describe()}

    time = rows["quota.time"]
    assert (time.range, time.scale, time.condition) == (
        "1ms to 200ms",
        "log",
        "limit is time or both",
    )
    reset = rows["quota.reset_interval"]
    assert (reset.range, reset.scale) == ("200ms, 500ms, 1s, 2s, 5s", "choices")
    assert rows["pattern.min_age"].condition == ""


def test_a_condition_on_a_field_is_described_with_its_unit() -> None:
    space = custom(
        """
search_space:
  schemes:
    - action: pageout
      parameters:
        pattern.min_age: {choices: [1s, 2s, 3s]}
        pattern.min_size: {low: 4K, high: 8K, when: {pattern.min_age: 1s}}
"""
    )

    assert space.describe()[1].condition == "pattern.min_age is 1s"
    assert set(space.suggest(optuna.trial.FixedTrial({"pattern.min_age": 2_000_000}))) == {
        "pattern.min_age"
    }


def test_a_condition_on_a_parameter_that_does_not_exist_hides_all_behind_it() -> None:
    space = custom(
        """
search_space:
  schemes:
    - action: pageout
      parameters:
        a: {choices: [x, y]}
        b: {choices: [x, y], when: {a: x}}
        pattern.min_age: {low: 1s, high: 2s, when: {b: [x, y]}}
"""
    )

    assert space.suggest(optuna.trial.FixedTrial({"a": "y"})) == {"a": "y"}
    (scheme,) = space.schemes({"a": "y"})
    assert scheme.pattern.age_us.min == 0


def test_a_combination_that_no_scheme_can_have_is_named() -> None:
    space = custom(
        """
search_space:
  schemes:
    - action: pageout
      parameters:
        pattern.min_age: {low: 1s, high: 9s}
        pattern.max_age: {low: 1s, high: 9s}
"""
    )

    with pytest.raises(ValueError, match="age_us") as error:
        space.schemes({"pattern.min_age": 5_000_000, "pattern.max_age": 2_000_000})

    assert str(error.value) == (
        "scheme 'pageout': age_us.min (5000000) is above age_us.max (2000000): nothing can match"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"pattern.min_age": 100_000},
            "parameter 'pattern.min_size' is missing: add it, as in pattern.min_size: 4K",
        ),
        (
            {"pattern.min_age": 100_000, "pattern.min_sise": 4096},
            "unknown parameter 'pattern.min_sise': did you mean 'pattern.min_size'?",
        ),
        (
            {"pattern.min_age": 1, "pattern.min_size": 4096},
            "parameter 'pattern.min_age': 1us is not among 100ms to 1m",
        ),
    ],
)
def test_values_of_another_space_are_refused(values: ParameterSet, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        SHIPPED["prcl"].check(values)

    assert str(error.value) == message


def test_a_value_beside_a_condition_that_is_not_met_is_refused() -> None:
    values = {**SHIPPED["prcl-quota"].initial[0], "quota.time": 5_000}

    with pytest.raises(ValueError, match=r"quota\.time") as error:
        SHIPPED["prcl-quota"].schemes(values)

    assert str(error.value) == "parameter 'quota.time' exists only when limit is time or both"


def test_a_space_without_schemes_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme") as error:
        SearchSpace(name="x", templates=())

    assert str(error.value) == "there is no scheme: give at least one"


def test_two_schemes_of_one_name_are_refused() -> None:
    template: SchemeTemplate = SHIPPED["prcl"].templates[0]

    with pytest.raises(ValueError, match="twice") as error:
        SearchSpace(name="x", templates=(template, template))

    assert str(error.value) == "the name 'pageout' is used twice: name the schemes apart"


def test_a_search_space_file_is_named_relative_to_the_workload_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "schemes: [{action: stat, parameters: {pattern.min_age: {low: 0, high: 5s}}}]"
    )
    keys = document.loads("search_space: mine.yaml", tmp_path / "w.yaml")

    space, path = keys.take(
        "search_space", lambda value: read_search_space(value, relative_to=tmp_path), example="1"
    )

    assert path == tmp_path / "mine.yaml"
    assert space.name == "mine"
    assert space.schemes({"pattern.min_age": 0})[0].action.value == "stat"


def test_a_mistake_in_a_file_is_reported_in_that_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("schemes:\n  - action: pageot\n")
    keys = document.loads("search_space: mine.yaml", tmp_path / "w.yaml")

    with pytest.raises(InputError) as error:
        keys.take(
            "search_space",
            lambda value: read_search_space(value, relative_to=tmp_path),
            example="1",
        )

    assert str(error.value) == (
        f"{mine}:2:13: key 'action': unknown 'pageot': did you mean 'pageout'?"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prcl.damos", "4K max 0 0 5s max pageout\n"),
        ("prcl.json", '{"kdamonds": []}'),
        ("list.json", '[{"action": "stat"}]'),
        ("prcl.yaml", "kdamonds:\n- contexts: []\n"),
    ],
)
def test_a_scheme_file_is_no_search_space(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text)

    with pytest.raises(InputError) as error:
        load_search_space(file)

    assert str(error.value) == (
        f"{file}: is no search space, which is YAML and begins with schemes: write one; a scheme "
        "alone is measured with measure --scheme FILE"
    )
