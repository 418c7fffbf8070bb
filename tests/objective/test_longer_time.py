from __future__ import annotations

import pytest

from autotune.experiment.measurement import Measurement
from autotune.objective.longer_time import (
    FAR,
    LITTLE_CPU_S,
    LITTLE_USE,
    kdamond_on_one_cpu,
    little_cpu,
    longer_time,
    waited,
)
from autotune.objective.metrics import SlowdownName, compute
from autotune.testing import measurement

BASELINE = measurement(runtime_s=10.0, workload_cpu_s=8.0)


def told(
    *measured: Measurement,
    baseline: Measurement = BASELINE,
    slowdown: SlowdownName = "own_cpu_slowdown",
) -> tuple[str | None, str | None]:
    """What is said of waiting, and of the kdamond."""
    pairs = [(one, baseline) for one in measured]
    known = compute(*pairs[0], slowdown=slowdown)
    return (
        waited(known, pairs, slowdown=slowdown),
        kdamond_on_one_cpu(known, pairs, slowdown=slowdown),
    )


def test_time_is_told_apart() -> None:
    time = longer_time(
        [(measurement(runtime_s=16.0, workload_cpu_s=8.5, kdamond_cpu=0.125), BASELINE)]
    )

    assert (time.longer_s, time.own_s, time.kdamond_s) == (6.0, 0.5, 2.0)
    assert time.waited_s == pytest.approx(3.5)


def test_time_is_that_of_equal_work() -> None:
    """Half of the work in the same time would have taken twice the time."""
    measured = measurement(runtime_s=10.0, workload_cpu_s=8.0, kdamond_cpu=0.1, work_done=50.0)
    baseline = measurement(runtime_s=10.0, workload_cpu_s=8.0, work_done=100.0)

    time = longer_time([(measured, baseline)])

    assert (time.longer_s, time.own_s, time.kdamond_s) == (10.0, 8.0, 2.0)


def test_of_several_seeds_the_mean_counts() -> None:
    first = measurement(runtime_s=12.0, workload_cpu_s=8.0)
    second = measurement(runtime_s=11.0, workload_cpu_s=9.0)

    time = longer_time([(first, BASELINE), (second, BASELINE)])

    assert (time.longer_s, time.own_s) == (1.5, 0.5)


def test_a_program_that_waits_is_told_with_a_remedy() -> None:
    waits, kdamond = told(measurement(runtime_s=16.0, workload_cpu_s=8.8, kdamond_cpu=0.05))

    assert kdamond is None
    assert waits is not None
    assert waits.startswith("wall_slowdown is 60.00%, and slowdown 10.00%: of 6.00 s that the ")
    assert "; for 4.40 s it waited, for memory or another process, which " in waits
    assert "wall_slowdown <= 5%" in waits


def test_a_kdamond_that_takes_the_time_is_no_waiting() -> None:
    waits, kdamond = told(measurement(runtime_s=12.5, workload_cpu_s=8.1, kdamond_cpu=0.19))

    assert waits is None
    assert kdamond is not None
    assert kdamond.startswith("wall_slowdown is 25.00%, and slowdown 1.25%: of 2.50 s that the ")
    assert "the kdamond used 2.38 s of the CPU and the workload 0.10 s: where " in kdamond


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(measurement(runtime_s=10.0, workload_cpu_s=8.0), id="no change"),
        pytest.param(
            measurement(runtime_s=10.0 * (1.0 + 0.9 * FAR), workload_cpu_s=8.0), id="a little"
        ),
        pytest.param(measurement(runtime_s=30.0, workload_cpu_s=24.0), id="faults"),
        pytest.param(measurement(runtime_s=9.0, workload_cpu_s=8.0), id="faster"),
        pytest.param(measurement(runtime_s=10.0, workload_cpu_s=4.0), id="less CPU time"),
    ],
)
def test_time_that_grows_as_cpu_time_does_needs_no_word(measured: Measurement) -> None:
    assert told(measured) == (None, None)


def test_a_slowdown_of_the_time_leaves_nothing_out() -> None:
    measured = measurement(runtime_s=16.0, workload_cpu_s=8.8)

    assert told(measured, slowdown="wall_slowdown") == (None, None)


def test_an_unknown_slowdown_is_not_compared() -> None:
    pairs = [(measurement(runtime_s=16.0, workload_cpu_s=8.8), BASELINE)]

    assert waited({"wall_slowdown": 0.6}, pairs, slowdown="own_cpu_slowdown") is None
    assert kdamond_on_one_cpu({}, pairs, slowdown="own_cpu_slowdown") is None


@pytest.mark.parametrize(
    ("runtime_s", "cpu_s", "is_little"),
    [
        (5.0, 0.9 * LITTLE_CPU_S, True),
        (5.0, 1.1 * LITTLE_CPU_S, False),
        (100.0, 90.0 * LITTLE_USE, True),
        (100.0, 110.0 * LITTLE_USE, False),
        (5.0, 0.0, False),
    ],
)
def test_a_share_of_little_cpu_time_is_told(
    runtime_s: float, cpu_s: float, *, is_little: bool
) -> None:
    baseline = measurement(runtime_s=runtime_s, workload_cpu_s=cpu_s)

    said = little_cpu(baseline, slowdown="own_cpu_slowdown")

    assert (said is not None) == is_little
    assert little_cpu(baseline, slowdown="wall_slowdown") is None
