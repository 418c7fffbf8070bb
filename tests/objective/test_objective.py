from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune import catalog
from autotune.objective.expression import Expression
from autotune.objective.figures import broken, minimised, violation
from autotune.objective.metrics import METRICS
from autotune.objective.objective import (
    KNOWN_NAMES,
    Constraint,
    Direction,
    Objective,
    Objectives,
    load_objectives,
    parse_constraint,
)

FIGURES = st.floats(-10.0, 10.0)


def objective(
    metric: str, direction: Direction = Direction.MINIMIZE, reference: float = 1.0
) -> Objective:
    expression = Expression.parse(metric, KNOWN_NAMES)
    return Objective(metric=expression, name=metric, direction=direction, reference=reference)


def load(tmp_path: Path, text: str) -> Objectives:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_objectives(path)


@pytest.mark.parametrize("name", catalog.names("objectives"))
def test_shipped_objectives_load_and_go_the_way_their_metrics_do(name: str) -> None:
    objectives = load_objectives(catalog.find(name, "objectives", Path()))

    assert objectives.name == name
    for item in objectives.objectives:
        assert item.direction.value == METRICS[item.name].direction
    assert [str(constraint) for constraint in objectives.constraints] == ["slowdown <= 5%"]


def test_memory_seeks_memory_for_little_time_and_cpu() -> None:
    objectives = load_objectives(catalog.find("memory", "objectives", Path()))

    names = [item.name for item in objectives.objectives]
    assert names == ["memory_saving", "slowdown", "cpu_use"]
    assert objectives.reference == (0.0, 0.5, 1.0)
    values = {"memory_saving": 0.3, "slowdown": 0.04, "cpu_use": 0.02}
    assert minimised(values, objectives) == (-0.3, 0.04, 0.02)
    assert broken(values, objectives) == []
    assert broken({**values, "slowdown": 0.06}, objectives) == list(objectives.constraints)


@given(value=FIGURES, bound=st.integers(-500, 500))
def test_a_violation_is_the_distance_beyond_the_bound(value: float, bound: int) -> None:
    upper = parse_constraint(f"slowdown <= {bound}%")
    lower = parse_constraint(f"slowdown >= {bound}%")

    assert violation({"slowdown": value}, upper) == value - bound / 100
    assert violation({"slowdown": value}, lower) == bound / 100 - value


@given(bound=FIGURES, upper=st.booleans())
def test_a_constraint_on_fractions_reads_as_it_prints(bound: float, upper: bool) -> None:
    metric = Expression.parse("slowdown + cpu_use", KNOWN_NAMES)
    constraint = Constraint(metric=metric, upper=upper, bound=bound)

    assert parse_constraint(str(constraint)) == constraint


def test_a_bound_that_is_met_exactly_is_kept() -> None:
    objectives = Objectives(
        name="x",
        objectives=(objective("slowdown"),),
        constraints=(parse_constraint("slowdown <= 5%"),),
    )

    assert violation({"slowdown": 0.05}, objectives.constraints[0]) == 0.0
    assert broken({"slowdown": 0.05}, objectives) == []


def test_another_constraint_on_the_same_metric_replaces_the_first_whatever_its_direction() -> None:
    objectives = Objectives(
        name="x",
        objectives=(objective("slowdown"),),
        constraints=(parse_constraint("slowdown <= 5%"), parse_constraint("cpu_use <= 10%")),
    )

    changed = objectives.with_constraints([parse_constraint("slowdown >= 1%")])

    assert [str(c) for c in changed.constraints] == ["cpu_use <= 10%", "slowdown >= 1%"]


def test_objectives_may_be_arithmetic_and_have_a_name(tmp_path: Path) -> None:
    objectives = load(
        tmp_path,
        """
objectives:
  - {metric: memory_saving - 2 * slowdown, name: gain, direction: maximize, reference: -1}
  - {metric: major_faults / runtime_s, direction: minimize, reference: 1000}
constraints: [major_faults <= 5000, memory_saving >= 0%]
""",
    )

    values = {
        "memory_saving": 0.5,
        "slowdown": 0.125,
        "major_faults": 20.0,
        "runtime_s": 10.0,
    }
    assert [item.name for item in objectives.objectives] == ["gain", "major_faults / runtime_s"]
    assert [item.metric.evaluate(values) for item in objectives.objectives] == [0.25, 2.0]
    assert objectives.reference == (1.0, 1000.0)
    assert [str(c) for c in objectives.constraints] == [
        "major_faults <= 5000",
        "memory_saving >= 0%",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "slowdown < 5%",
            "'slowdown < 5%' is not a constraint: write METRIC <= VALUE or METRIC >= VALUE, "
            "as in slowdown <= 5%",
        ),
        (
            "0% <= slowdown <= 5%",
            "'0% <= slowdown <= 5%' is not a constraint: write METRIC <= VALUE or METRIC >= VALUE, "
            "as in slowdown <= 5%",
        ),
        (
            "slowdown <= fast",
            "'fast' is not a number: write one without a unit, as in 0.05, or 5%",
        ),
        ("slowdown <= ", "'' is not a number: write one without a unit, as in 0.05, or 5%"),
        (
            "memory_savng >= 5%",
            "unknown name 'memory_savng' in 'memory_savng': did you mean 'memory_saving'?",
        ),
    ],
)
def test_a_constraint_that_is_none_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        parse_constraint(text)

    assert str(error.value) == message


def test_a_constraint_must_name_a_metric() -> None:
    with pytest.raises(ValueError, match=r"^'5%' names no metric: known are comeback_faults, "):
        parse_constraint("5% <= 3")


@pytest.mark.parametrize(
    ("objectives", "constraints", "message"),
    [
        ([], [], "there is no objective: give at least one"),
        (
            ["slowdown", "slowdown"],
            [],
            "two objectives are called 'slowdown': rename one",
        ),
        (
            ["slowdown"],
            ["slowdown <= 5%", "slowdown <= 0.1"],
            "'slowdown <= 10%' bounds a side that is already bounded: drop one",
        ),
        (
            ["slowdown"],
            ["slowdown <= 5%", "slowdown >= 0.07"],
            "'slowdown <= 5%' and 'slowdown >= 7%' exclude each other: drop or change one",
        ),
    ],
)
def test_objectives_that_contradict_themselves_are_refused(
    objectives: list[str], constraints: list[str], message: str
) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Objectives(
            name="x",
            objectives=tuple(objective(name) for name in objectives),
            constraints=tuple(parse_constraint(text) for text in constraints),
        )

    assert str(error.value) == message


def test_the_limit_of_an_objective_is_its_bound_where_that_is_stricter_than_the_reference() -> (
    None
):
    objectives = load_objectives(catalog.find("memory", "objectives", Path()))
    loose = objectives.with_constraints((parse_constraint("slowdown <= 90%"),))
    other_side = objectives.with_constraints((parse_constraint("slowdown >= 1%"),))

    assert objectives.limit == (0.0, 0.05, 1.0)
    assert loose.limit == (0.0, 0.5, 1.0)
    assert other_side.limit == (0.0, 0.5, 1.0)
