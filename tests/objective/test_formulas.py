from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.objective import formulas
from autotune.testing import measurement

BYTES = st.integers(1 << 20, 1 << 40)
POSITIVE = st.floats(min_value=1e-3, max_value=1e12)


@given(baseline=BYTES, rss=BYTES, pool=BYTES)
def test_the_memory_that_holds_swapped_pages_is_not_saved(
    baseline: int, rss: int, pool: int
) -> None:
    measured = measurement(rss_mean_bytes=float(rss), swap_pool_mean_bytes=float(pool))
    before = measurement(rss_mean_bytes=float(baseline))

    net = formulas.memory_saving(measured, before)

    gross = formulas.rss_saving(measured, before)
    assert gross - net == pytest.approx(pool / baseline, rel=1e-6, abs=1e-9 * rss / baseline)


def test_what_processes_share_is_saved_once() -> None:
    before = measurement(rss_mean_bytes=400.0, pss_mean_bytes=200.0)
    after = measurement(rss_mean_bytes=100.0, pss_mean_bytes=150.0)

    assert formulas.memory_saving(after, before) == 0.25
    assert formulas.rss_saving(after, before) == 0.75


@given(work=POSITIVE, factor=st.floats(0.1, 10.0))
def test_twice_the_work_in_the_same_time_is_half_the_time_a_unit(
    work: float, factor: float
) -> None:
    baseline = measurement(work_done=work)
    measured = measurement(work_done=work * factor)

    slowdowns = [
        formulas.wall_slowdown(measured, baseline),
        formulas.own_cpu_slowdown(measured, baseline),
    ]

    assert slowdowns == pytest.approx([1.0 / factor - 1.0] * 2)


@given(seconds=st.floats(formulas.LEAST_CPU_S, 1e12), factor=st.floats(0.1, 10.0))
def test_fixed_work_is_as_much_slower_as_it_takes_longer(seconds: float, factor: float) -> None:
    measured = measurement(runtime_s=seconds * factor, workload_cpu_s=seconds * factor)
    baseline = measurement(runtime_s=seconds, workload_cpu_s=seconds)

    assert formulas.wall_slowdown(measured, baseline) == pytest.approx(factor - 1.0)
    assert formulas.own_cpu_slowdown(measured, baseline) == pytest.approx(factor - 1.0)


def test_no_work_done_has_no_time_per_unit_of_work() -> None:
    with pytest.raises(ValueError, match="work_done") as error:
        formulas.wall_slowdown(measurement(work_done=0.0), measurement(work_done=1.0))

    assert str(error.value) == "work_done is 0: there is no time per unit of work"
