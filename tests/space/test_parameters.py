from __future__ import annotations

import pytest

from autotune.damon.damos import UNLIMITED, Action
from autotune.space.parameters import Choices, Condition, Fixed, Numeric, SchemeTemplate

AGE = Numeric(
    name="cold.pattern.min_age", field="pattern.min_age", low=100_000, high=60_000_000, log=True
)
LIMIT = Choices(name="limit", field="limit", choices=("none", "time"))
TIME = Numeric(
    name="quota.time",
    field="quota.time",
    low=1_000,
    high=200_000,
    when=(Condition("limit", ("time",)),),
)


def test_a_column_carries_the_unit_of_its_values() -> None:
    rate = Numeric(
        name="pattern.min_access_rate", field="pattern.min_access_rate", low=0.1, high=1
    )
    size = Choices(name="quota.size", field="quota.size", choices=(4096, 8192))
    weight = Choices(name="quota.weights.age", field="quota.weights.age", choices=(0, 1))

    assert AGE.column == "cold.pattern.min_age_us"
    assert size.column == "quota.size_bytes"
    assert [p.column for p in (rate, LIMIT, weight)] == [rate.name, "limit", weight.name]


def test_values_are_written_with_their_unit() -> None:
    assert AGE.range == "100ms to 1m"
    assert AGE.format(7_300_000) == "7300ms"
    assert LIMIT.range == "none, time"
    assert LIMIT.format("none") == "none"


def test_a_condition_on_a_parameter_that_does_not_exist_is_not_met() -> None:
    assert TIME.active({"limit": "time"})
    assert not TIME.active({"limit": "none"})
    assert not TIME.active({})


def test_both_ends_belong_to_a_range() -> None:
    inside = [AGE.contains(value) for value in (99_999, 100_000, 60_000_000, 60_000_001, "x")]

    assert inside == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("low", "high", "log", "message"),
    [
        (2_000, 1_000, False, "low (2ms) is not below high (1ms): move them apart"),
        (1_000, 1_000, False, "low (1ms) is not below high (1ms): move them apart"),
        (0, 1_000, True, "low is 0us: scale log needs one above 0; or use linear"),
    ],
)
def test_ends_that_make_no_range_are_refused(low: int, high: int, log: bool, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Numeric(name="x", field="pattern.min_age", low=low, high=high, log=log)

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ((), "there must be two choices or more: fix the value instead"),
        ((1_000,), "there must be two choices or more: fix the value instead"),
        ((1_000, 2_000, 1_000), "choice 1ms is there twice: drop one"),
    ],
)
def test_choices_that_leave_no_choice_are_refused(choices: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Choices(name="x", field="pattern.min_age", choices=choices)

    assert str(error.value) == message


def test_a_fixed_field_under_a_condition_is_set_only_then() -> None:
    template = SchemeTemplate(
        name="x",
        action=Action.PAGEOUT,
        fixed=(Fixed("quota.time", 10_000, (Condition("limit", ("time",)),)),),
        parameters=(LIMIT,),
    )

    unlimited, limited = template.scheme({"limit": "none"}), template.scheme({"limit": "time"})

    assert unlimited.quota is None
    assert limited.quota is not None
    assert limited.quota.time_us == 10_000


def test_the_widest_scheme_has_the_lowest_lower_and_the_highest_upper_bounds() -> None:
    upper = Choices(
        name="pattern.max_age", field="pattern.max_age", choices=(70_000_000, 80_000_000)
    )
    template = SchemeTemplate(
        name="x",
        action=Action.PAGEOUT,
        fixed=(Fixed("pattern.max_size", UNLIMITED),),
        parameters=(AGE, upper, LIMIT, TIME),
    )

    widest = template.widest()

    assert (widest.pattern.age_us.min, widest.pattern.age_us.max) == (100_000, 80_000_000)
    assert widest.pattern.size_bytes.max == UNLIMITED


def test_a_template_without_any_possible_scheme_fails_its_check() -> None:
    template = SchemeTemplate(
        name="x",
        action=Action.PAGEOUT,
        fixed=(Fixed("pattern.max_age", 50_000),),
        parameters=(AGE,),
    )

    with pytest.raises(ValueError, match="age_us") as error:
        template.check()

    assert str(error.value) == (
        "age_us.min (100000) is above age_us.max (50000): nothing can match"
    )


def test_part_of_a_quota_without_a_limit_fails_the_check() -> None:
    template = SchemeTemplate(
        name="x", action=Action.PAGEOUT, fixed=(Fixed("quota.weights.age", 1),), parameters=(AGE,)
    )

    with pytest.raises(ValueError, match=r"^quota\.weights\.age") as error:
        template.check()

    assert str(error.value) == (
        "quota.weights.age limits nothing by itself: add quota.size or quota.time"
    )
