from __future__ import annotations

import pytest

from autotune.experiment.other_speed import OtherSpeed, looks_timed
from autotune.testing import measurement

BASELINE = measurement(runtime_s=12.0, workload_cpu_s=6.0)


def half(*, runtime_s: float, workload_cpu_s: float) -> OtherSpeed:
    return OtherSpeed(speed=0.5, runtime_s=runtime_s, workload_cpu_s=workload_cpu_s)


@pytest.mark.parametrize(
    ("runtime_s", "workload_cpu_s"),
    [
        pytest.param(24.0, 12.0, id="it computes all the time"),
        pytest.param(18.0, 12.0, id="it waits half of the time"),
        pytest.param(12.0, 12.1, id="it is paced by a clock, with fixed work at each beat"),
    ],
)
def test_fixed_work_takes_equal_instructions_at_two_speeds(
    runtime_s: float, workload_cpu_s: float
) -> None:
    other = half(runtime_s=runtime_s, workload_cpu_s=workload_cpu_s)

    assert other.no_shared_work(BASELINE) is None


@pytest.mark.parametrize(
    ("runtime_s", "workload_cpu_s", "share"),
    [
        pytest.param(12.0, 6.0, "50.0%", id="it computes until a deadline"),
        pytest.param(12.0, 8.0, "66.7%", id="it computes and sleeps until a deadline"),
        pytest.param(24.0, 14.0, "116.7%", id="it does more the longer it runs"),
    ],
)
def test_other_work_takes_other_instructions(
    runtime_s: float, workload_cpu_s: float, share: str
) -> None:
    why = half(runtime_s=runtime_s, workload_cpu_s=workload_cpu_s).no_shared_work(BASELINE)

    assert why is not None
    assert f"executed {share} of the instructions" in why
    assert "workload.work" in why


def test_a_faster_machine_tells_the_same() -> None:
    fixed = OtherSpeed(speed=2.0, runtime_s=6.0, workload_cpu_s=3.0)
    timed = OtherSpeed(speed=2.0, runtime_s=12.0, workload_cpu_s=6.0)

    assert fixed.instructions(BASELINE) == 1.0
    assert fixed.no_shared_work(BASELINE) is None
    assert timed.instructions(BASELINE) == 2.0
    assert timed.no_shared_work(BASELINE) is not None


@pytest.mark.parametrize(
    ("baseline_s", "slow_s", "works_before_s", "fixed"),
    [
        pytest.param(2.11, 3.96, 0.0, True, id="a part was done before the measured part began"),
        pytest.param(2.11, 3.96, None, False, id="a client begins with the measured part"),
        pytest.param(20.0, 37.6, 0.0, False, id="of a longer run it is too much"),
        pytest.param(8.0, 17.1, 1.0, True, id="a delay was worked through at either speed"),
        pytest.param(20.0, 20.0, 5.0, False, id="a deadline is told whatever the delay"),
        pytest.param(0.4, 0.4, 1.0, False, id="a deadline is told even from a short run"),
    ],
)
def test_what_is_done_before_the_measured_part_does_not_count(
    baseline_s: float, slow_s: float, works_before_s: float | None, fixed: bool
) -> None:
    baseline = measurement(runtime_s=baseline_s, workload_cpu_s=baseline_s)
    other = half(runtime_s=slow_s, workload_cpu_s=slow_s)

    assert (other.no_shared_work(baseline, works_before_s=works_before_s) is None) == fixed


def test_without_cpu_time_nothing_can_be_told() -> None:
    idle = measurement(workload_cpu_s=0.0)

    assert half(runtime_s=10.0, workload_cpu_s=0.0).no_shared_work(idle) is None


@pytest.mark.parametrize(
    ("runtime_s", "workload_cpu_s", "timed"),
    [
        (12.0, 5.3, True),
        (12.01, 5.8, True),
        (12.0, 5.9, False),
        (12.0, 6.5, False),
        (11.0, 5.3, False),
        (13.0, 5.3, False),
    ],
)
def test_equal_time_and_less_cpu_look_like_a_deadline(
    runtime_s: float, workload_cpu_s: float, timed: bool
) -> None:
    measured = measurement(runtime_s=runtime_s, workload_cpu_s=workload_cpu_s)

    assert (looks_timed(measured, BASELINE) is not None) == timed
