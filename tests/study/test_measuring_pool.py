from __future__ import annotations

from pathlib import Path

import pytest

from autotune.backends.wrappers import Measured, for_study
from autotune.damon.damos import Action, Scheme
from autotune.errors import TrialError
from autotune.experiment.measurement import Measurement
from autotune.study.events import Event, MeasurementMade, Role
from autotune.study.measuring_pool import MeasuringPool
from autotune.testing import measurement, prcl
from tests.closed_form import ClosedForm, Slower, make_file, slowdown


@pytest.fixture
def heard() -> list[Event]:
    return []


def pool(tmp_path: Path, heard: list[Event], backend: ClosedForm | None = None) -> MeasuringPool:
    file = make_file(tmp_path / "user")
    measures = for_study(backend or ClosedForm())
    return MeasuringPool(measures, file.experiment, file.objectives, heard.append, 2)


def told(heard: list[Event]) -> list[MeasurementMade]:
    return [event for event in heard if isinstance(event, MeasurementMade)]


def test_what_is_finished_is_told_in_the_order_of_finishing(
    tmp_path: Path, heard: list[Event]
) -> None:
    with pool(tmp_path, heard) as used:
        jobs = [used.begin(3, (prcl(),), 2), used.begin(3, (prcl(),), 4, confirms=True)]
        found = [
            used.finish_baseline(used.begin_baseline(1)),
            *(one for job in reversed(jobs) for one in used.finish(job).measurements),
        ]

    assert [made.measurement for made in told(heard)] == found
    assert [(m.role, m.trial, m.seed, m.schemes, m.backend) for m in told(heard)] == [
        (Role.BASELINE, None, 1, (), "simulator"),
        (Role.CONFIRMATION, 3, 4, (prcl(),), "simulator"),
        (Role.TRIAL, 3, 2, (prcl(),), "simulator"),
    ]


def test_schemes_that_do_nothing_here_fail_their_trial(tmp_path: Path, heard: list[Event]) -> None:
    with pool(tmp_path, heard) as used:
        job = used.begin(0, (Scheme(action=Action.LRU_PRIO),), 0)

        with pytest.raises(
            TrialError, match=r"^action lru_prio does nothing under vaddr: use it with paddr$"
        ):
            used.finish(job)

    assert heard == []


def test_a_baseline_says_which_figure_can_not_be_had_from_it(
    tmp_path: Path, heard: list[Event]
) -> None:
    class Empty(ClosedForm):
        def run(self, experiment: object, *, seed: int) -> Measurement:
            del experiment, seed
            return measurement(workload_cpu_s=0.0)

    with pool(tmp_path, heard, Empty()) as used:
        lacks = used.lacking(used.finish_baseline(used.begin_baseline(0)))

    assert lacks is not None
    assert "the baseline's workload_cpu_s is 0: " in lacks


def test_without_damon_nothing_is_saved_and_nothing_lost(
    tmp_path: Path, heard: list[Event]
) -> None:
    with pool(tmp_path, heard) as used:
        off = used.off(measurement(), measurement(runtime_s=11.0))

        assert off is not None
        assert (off["memory_saving"], off["slowdown"], off["cpu_use"]) == (0.0, 0.0, 0.0)
        assert used.off() is None


def test_what_was_not_begun_is_dropped(tmp_path: Path, heard: list[Event]) -> None:
    backend = ClosedForm(shuffle=True)

    with pool(tmp_path, heard, backend) as used:
        jobs = [used.begin(number, (prcl(),), number) for number in range(200)]
        used.drop()

    assert any(job.future.cancelled() for job in jobs)
    assert len(backend.seeds) < 200


def test_what_runs_is_ended_when_the_rest_is_dropped(tmp_path: Path, heard: list[Event]) -> None:
    backend = ClosedForm()

    with pool(tmp_path, heard, backend) as used:
        used.drop()

    assert backend.stopped


def test_where_figures_drift_each_trial_is_told_with_its_own_baselines(
    tmp_path: Path, heard: list[Event]
) -> None:
    with pool(tmp_path, heard, Slower()) as used:
        used.finish(used.begin(3, (prcl(),), 2))

    assert [(m.role, m.trial, m.seed, m.schemes) for m in told(heard)] == [
        *[(Role.BASELINE, None, 2, ())] * 2,
        *[(Role.TRIAL, 3, 2, (prcl(),))] * 2,
    ]
    baselines_s = [made.measurement.workload_cpu_s for made in told(heard)[:2]]
    assert baselines_s[1] / baselines_s[0] == pytest.approx(1.0 + 3 * Slower.drift)


def test_a_drift_that_goes_one_way_is_gone_from_the_mean_of_the_pairs(
    tmp_path: Path, heard: list[Event]
) -> None:
    scheme = prcl(min_age_us=2_000_000)
    true = slowdown(scheme)

    with pool(tmp_path, heard, Slower()) as used:
        other = used.finish_baseline(used.begin_baseline(0))
        measured = used.finish(used.begin(0, (scheme,), 0))
        figures = used.figures(measured, other)

    pairs = zip(measured.measurements, measured.baselines, strict=True)
    each = [one.workload_cpu_s / baseline.workload_cpu_s - 1.0 for one, baseline in pairs]
    assert figures["slowdown"] == pytest.approx(sum(each) / 2)
    assert all(abs(found - true) > Slower.drift / 2 for found in each)
    assert figures["slowdown"] == pytest.approx(true, abs=4 * Slower.drift**2)


def test_without_baselines_of_its_own_a_measurement_is_compared_with_the_one_given(
    tmp_path: Path, heard: list[Event]
) -> None:
    measured = Measured((measurement(workload_cpu_s=11.0), measurement(workload_cpu_s=12.0)))

    with pool(tmp_path, heard) as used:
        figures = used.figures(measured, measurement(workload_cpu_s=10.0))

    assert figures["slowdown"] == pytest.approx(0.15)
