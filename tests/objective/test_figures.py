from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.objective import metrics
from autotune.objective.expression import Expression
from autotune.objective.figures import (
    breaches,
    broken,
    columns,
    figures,
    format_figure,
    lacking,
    mean,
    minimised,
    violation,
)
from autotune.objective.objective import (
    KNOWN_NAMES,
    Direction,
    Objective,
    Objectives,
    parse_constraint,
)
from autotune.testing import measurement

PER_FAULT = "memory_saving - major_faults / 1000"
OBJECTIVES = Objectives(
    name="test",
    objectives=(
        Objective(
            metric=Expression.parse("memory_saving", KNOWN_NAMES),
            name="memory_saving",
            direction=Direction.MAXIMIZE,
            reference=0.0,
        ),
        Objective(
            metric=Expression.parse(PER_FAULT, KNOWN_NAMES),
            name="net",
            direction=Direction.MAXIMIZE,
            reference=0.0,
        ),
    ),
    constraints=(parse_constraint("slowdown <= 5%"), parse_constraint("major_faults <= 100")),
)
BASELINE = measurement(rss_mean_bytes=1000.0)


def test_figures_are_metrics_fields_and_expressions() -> None:
    measured = measurement(rss_mean_bytes=600.0, major_faults=150)

    found = figures(measured, BASELINE, OBJECTIVES, slowdown="wall_slowdown")

    assert found["net"] == found["memory_saving"] - 0.15
    assert found["major_faults"] == 150.0
    assert found["runtime_s"] == measured.runtime_s
    computed = metrics.compute(measured, BASELINE, slowdown="wall_slowdown")
    assert {name: found[name] for name in computed} == computed


def test_columns_are_all_metrics_then_what_is_asked_for_beside_them() -> None:
    assert columns(OBJECTIVES) == (*metrics.METRICS, "net", "major_faults")


def test_an_expression_that_has_no_value_is_an_error() -> None:
    ratio = replace(
        OBJECTIVES.objectives[0],
        metric=Expression.parse("memory_saving / major_faults", KNOWN_NAMES),
        name="ratio",
    )

    with pytest.raises(ValueError, match=r"divides by zero"):
        figures(
            measurement(),
            BASELINE,
            Objectives(name="test", objectives=(ratio,)),
            slowdown="wall_slowdown",
        )


IDLE = measurement(workload_cpu_s=0.0)
"""A measurement without CPU time: nothing can be said of its slowdown."""


def test_a_metric_that_nobody_asks_for_may_be_missing() -> None:
    saving = Objectives(name="test", objectives=OBJECTIVES.objectives)

    found = figures(IDLE, IDLE, saving, slowdown="own_cpu_slowdown")

    assert "slowdown" not in found
    assert found["net"] == 0.0
    assert lacking(IDLE, saving, slowdown="own_cpu_slowdown") is None


def test_a_metric_that_is_asked_for_must_be_known() -> None:
    why = (
        "'slowdown' needs slowdown, which is unknown: the baseline's workload_cpu_s is 0: nothing "
        "can be compared with it"
    )

    with pytest.raises(ValueError, match="needs slowdown") as error:
        figures(IDLE, IDLE, OBJECTIVES, slowdown="own_cpu_slowdown")

    assert str(error.value) == why
    told = lacking(IDLE, OBJECTIVES, slowdown="own_cpu_slowdown")
    assert told == f"{why}; or seek another figure"
    assert lacking(IDLE, OBJECTIVES, slowdown="wall_slowdown") is None


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (
            "work_done >= 10",
            "'work_done' needs work_done, which is unknown: it was not measured; or seek another figure",
        ),
        ("wss_mean_bytes <= 10", None),
    ],
)
def test_a_figure_that_no_run_can_have_is_told_from_one_that_only_monitoring_gives(
    bound: str, told: str | None
) -> None:
    objectives = replace(OBJECTIVES, constraints=(parse_constraint(bound),))

    assert lacking(measurement(), objectives, slowdown="wall_slowdown") == told


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_a_mean_lies_between_the_ends_and_is_exact(values: list[float]) -> None:
    (average,) = mean([{"x": value} for value in values]).values()

    assert min(values) <= average <= max(values)
    assert average == pytest.approx(math.fsum(values) / len(values), rel=1e-12, abs=1e-300)


def test_a_figure_that_one_of_several_lacks_has_no_mean() -> None:
    assert mean([{"x": 1.0, "wss_mean_bytes": 1.0}, {"x": 2.0}]) == {"x": 1.5}


def test_minimised_figures_are_better_when_less() -> None:
    assert minimised({"memory_saving": 0.25, "net": -0.5}, OBJECTIVES) == (-0.25, 0.5)


def test_constraints_that_are_broken_are_named() -> None:
    values = {"slowdown": 0.05, "major_faults": 101.0}

    assert [violation(values, c) for c in OBJECTIVES.constraints] == [0.0, 1.0]
    assert [str(c) for c in broken(values, OBJECTIVES)] == ["major_faults <= 100"]


def test_a_lower_bound_is_broken_from_below() -> None:
    assert violation({"memory_saving": 0.25}, parse_constraint("memory_saving >= 50%")) == 0.25


def test_figures_without_a_percentage_are_plain_numbers() -> None:
    assert format_figure("swap_in_bytes", 4096.0) == "4096"


def test_what_only_a_scheme_can_have_does_not_end_a_run() -> None:
    objectives = replace(OBJECTIVES, constraints=(parse_constraint("half_saving_s <= 20"),))

    assert lacking(BASELINE, objectives, slowdown="wall_slowdown") is None
    with pytest.raises(ValueError, match="needs half_saving_s, which is unknown: less than 1%"):
        figures(BASELINE, BASELINE, objectives, slowdown="wall_slowdown")


def test_a_bound_in_seconds_is_told_in_seconds() -> None:
    objectives = replace(OBJECTIVES, constraints=(parse_constraint("half_saving_s <= 20"),))

    assert breaches({"half_saving_s": 31.25}, objectives) == "half_saving_s 31.250 s > 20"
    assert str(objectives.constraints[0]) == "half_saving_s <= 20"
