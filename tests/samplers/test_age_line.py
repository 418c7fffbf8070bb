from __future__ import annotations

import pytest

from autotune.damon.damos import Action
from autotune.errors import InputError
from autotune.samplers import make_sampler
from autotune.samplers.age_line import AgeLine
from autotune.space.parameters import Choices, Condition, Numeric, SchemeTemplate
from autotune.space.space import SearchSpace
from tests.samplers.ages import AGE, S, ages, choice_of, space_of, study_of
from tests.samplers.contract import shipped_space

SAMPLERS = ("sweep", "polyfit", "refaults")
FIGURES = {
    "memory_saving": 0.3,
    "slowdown": 0.01,
    "swap_out_bytes": 1e9,
    "swap_in_bytes": 1e7,
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("batch", [1, 4])
def test_given_sets_come_first_and_then_plain_schemes(name: str, batch: int) -> None:
    space = shipped_space("prcl-quota")

    proposed, _, _ = study_of(name, space, lambda _: FIGURES, trials=12, batch=batch)

    given = len(space.initial)
    assert proposed[:given] == [dict(values) for values in space.initial]
    for values in proposed[given:]:
        assert {**values, AGE: 0} == {AGE: 0, "pattern.min_size": 4096, "limit": "none"}


@pytest.mark.parametrize("name", SAMPLERS)
def test_failed_trials_do_not_stop_it(name: str) -> None:
    space = space_of(ages(S, 60 * S))

    failing, _, _ = study_of(name, space, lambda _: None, trials=9)
    some, _, _ = study_of(name, space, lambda age: FIGURES if age % 2 else None, trials=9)

    assert len(failing) == len(some) == 9


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_proposes_the_same(name: str) -> None:
    space = shipped_space("prcl")

    first, _, _ = study_of(name, space, lambda _: FIGURES, trials=12, batch=4, seed=3)
    again, _, _ = study_of(name, space, lambda _: FIGURES, trials=12, batch=4, seed=3)

    assert first == again


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("trials", [1, 2, 3])
def test_the_smallest_budgets_work(name: str, trials: int) -> None:
    proposed, _, _ = study_of(name, space_of(ages(0, 60 * S)), lambda _: FIGURES, trials=trials)

    assert len(proposed) == trials


@pytest.mark.parametrize("name", SAMPLERS)
def test_ages_may_be_choices(name: str) -> None:
    choices = (10 * S, S, 5 * S, 2 * S, 3 * S, 7 * S)
    space = space_of(choice_of(*choices))

    proposed, _, _ = study_of(name, space, lambda _: FIGURES, trials=6)

    assert {values[AGE] for values in proposed} <= {*choices}


@pytest.mark.parametrize("name", SAMPLERS)
def test_several_schemes_are_refused(name: str) -> None:
    with pytest.raises(
        InputError,
        match=f"^sampler {name} varies the min age of one scheme, and search space 'ethp' has 2: "
        "use sampler tpe, or a space with one scheme$",
    ):
        make_sampler(name, seed=0, space=shipped_space("ethp"), n_trials=9, n_objectives=1)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_space_without_ages_is_refused(name: str) -> None:
    size = Numeric(name="pattern.min_size", field="pattern.min_size", low=4096, high=1 << 20)

    with pytest.raises(
        InputError,
        match=rf"^sampler {name} varies pattern\.min_age, which search space 'test' does not: add "
        r"it to the parameters, as in pattern\.min_age: \{low: 100ms, high: 60s, scale: log\}$",
    ):
        make_sampler(name, seed=0, space=space_of(size), n_trials=9, n_objectives=1)


def test_plain_values_that_make_no_scheme_are_refused() -> None:
    levels = [
        Numeric(name=field, field=field, low=low, high=high)
        for field, low, high in (
            ("watermarks.high", 0.5, 0.6),
            ("watermarks.mid", 0.2, 0.9),
            ("watermarks.low", 0.1, 0.2),
        )
    ]

    with pytest.raises(
        InputError, match=r"^sampler sweep: search space 'test' makes no scheme of plain values: "
    ):
        AgeLine(space_of(ages(0, S), *levels), "sweep")


def test_a_set_is_on_the_line_if_only_its_age_is_not_plain() -> None:
    line = AgeLine(shipped_space("prcl"), "sweep")

    assert line.age_of({AGE: 3 * S, "pattern.min_size": 4096}) == 3 * S
    assert line.age_of({AGE: 3 * S, "pattern.min_size": 8192}) is None


def test_a_line_whose_age_has_a_condition_meets_it() -> None:
    switch = Choices(name="by_age", field="by_age", choices=("off", "on"))
    age = Numeric(name=AGE, field=AGE, low=S, high=2 * S, when=(Condition("by_age", ("on",)),))
    template = SchemeTemplate(name="pageout", action=Action.PAGEOUT, parameters=(switch, age))

    line = AgeLine(SearchSpace(name="test", templates=(template,)), "sweep")

    assert line.at(S) == {"by_age": "on", AGE: S}
