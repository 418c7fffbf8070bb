from __future__ import annotations

import pytest

from autotune.damon.damos import Action
from autotune.space.parameters import Choices, Condition, Fixed, Numeric, Parameter, SchemeTemplate
from autotune.space.plain import plain_set
from autotune.space.space import SearchSpace
from tests.samplers.contract import shipped_space

MIB = 1 << 20


def space_of(*parameters: Parameter, fixed: tuple[Fixed, ...] = ()) -> SearchSpace:
    template = SchemeTemplate(
        name="pageout", action=Action.PAGEOUT, parameters=parameters, fixed=fixed
    )
    return SearchSpace(name="test", templates=(template,))


def numeric(field: str, low: int, high: int, *when: Condition) -> Numeric:
    return Numeric(name=field, field=field, low=low, high=high, when=when)


def choices(field: str, *values: int | str, when: tuple[Condition, ...] = ()) -> Choices:
    return Choices(name=field, field=field, choices=values, when=when)


def test_a_plain_scheme_takes_small_regions_and_has_no_quota() -> None:
    assert plain_set(shipped_space("prcl-quota"), {"pattern.min_age": 2_000_000}) == {
        "pattern.min_age": 2_000_000,
        "pattern.min_size": 4096,
        "limit": "none",
    }


def test_the_word_without_parameters_is_plain_wherever_it_stands() -> None:
    limited = Condition("limit", ("size",))
    space = space_of(
        choices("limit", "size", "none"), numeric("quota.size", MIB, 9 * MIB, limited)
    )

    assert plain_set(space, {}) == {"limit": "none"}
    assert plain_set(space, {"limit": "size"}) == {"limit": "size", "quota.size": 9 * MIB}


def test_a_fixed_field_that_a_word_sets_is_no_plainer_than_a_parameter() -> None:
    space = space_of(
        numeric("pattern.min_age", 1, 9),
        choices("limit", "size", "none"),
        fixed=(Fixed("quota.size", MIB, (Condition("limit", ("size",)),)),),
    )

    assert plain_set(space, {"pattern.min_age": 5})["limit"] == "none"


def test_what_bounds_from_above_is_plain_at_its_highest() -> None:
    space = space_of(
        numeric("pattern.max_size", MIB, 4 * MIB),
        choices("quota.time", 5_000, 80_000, 20_000),
        choices("quota.weights.age", 700, 300),
    )

    assert plain_set(space, {}) == {
        "pattern.max_size": 4 * MIB,
        "quota.time": 80_000,
        "quota.weights.age": 300,
    }


def test_switches_are_set_so_that_what_is_chosen_exists() -> None:
    space = space_of(
        choices("kind", "none", "some"),
        choices("limit", "time", "size", "both", when=(Condition("kind", ("some",)),)),
        numeric("quota.size", MIB, 2 * MIB, Condition("limit", ("size", "both"))),
        numeric("quota.time", 1_000, 2_000, Condition("limit", ("time", "both"))),
    )

    assert plain_set(space, {"quota.size": MIB}) == {
        "kind": "some",
        "limit": "size",
        "quota.size": MIB,
    }
    assert plain_set(space, {"quota.size": MIB, "quota.time": 1_500})["limit"] == "both"


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"limit": "none", "quota.size": MIB}, r"^parameter 'quota\.size' doesn't exist beside"),
        ({"quota.siz": MIB}, r"^parameter 'quota\.siz' doesn't exist beside"),
        ({"limit": "size", "quota.size": 10 * MIB}, r"^parameter 'quota\.size': 10M is not among"),
    ],
)
def test_a_choice_that_can_not_be_is_refused(chosen: dict[str, int | str], message: str) -> None:
    limited = Condition("limit", ("size",))
    space = space_of(
        choices("limit", "none", "size"), numeric("quota.size", MIB, 9 * MIB, limited)
    )

    with pytest.raises(ValueError, match=message):
        plain_set(space, chosen)


@pytest.mark.parametrize("name", ["prcl", "prcl-quota", "ethp"])
def test_plain_sets_of_shipped_spaces_make_schemes(name: str) -> None:
    space = shipped_space(name)

    assert len(space.schemes(plain_set(space, {}))) == len(space.templates)
