from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.damon.damos import Action, Scheme
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.run_folder.folder import RunFolder, read_measurements
from autotune.study.bench import Bench
from autotune.testing import measurement, prcl
from tests.closed_form import ClosedForm, make_workload, slowdown


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "out")


def bench(tmp_path: Path, folder: RunFolder, backend: ClosedForm | None = None) -> Bench:
    return Bench(make_workload(tmp_path / "user"), backend or ClosedForm(), folder)


def test_what_is_finished_is_kept(tmp_path: Path, folder: RunFolder) -> None:
    with bench(tmp_path, folder) as used:
        found = [
            used.finish_baseline(used.begin_baseline(1)),
            *used.finish(used.begin(3, (prcl(),), 2)).measurements,
            *used.finish(used.begin(3, (prcl(),), 4, confirms=True)).measurements,
        ]

    records = read_measurements(folder.path / "measurements.jsonl")
    assert [record.measurement for record in records] == found
    assert [(r.role, r.trial, r.seed, r.scheme) for r in records] == [
        ("baseline", None, 1, None),
        ("trial", 3, 2, "4K max 0 0 5s max pageout"),
        ("confirmation", 3, 4, "4K max 0 0 5s max pageout"),
    ]


def test_schemes_that_do_nothing_here_fail_their_trial(tmp_path: Path, folder: RunFolder) -> None:
    with bench(tmp_path, folder) as used:
        job = used.begin(0, (Scheme(action=Action.LRU_PRIO),), 0)

        with pytest.raises(
            TrialError, match=r"^action lru_prio does nothing under vaddr: use it with paddr$"
        ):
            used.finish(job)


def test_a_baseline_with_which_nothing_compares_is_refused(
    tmp_path: Path, folder: RunFolder
) -> None:
    class Empty(ClosedForm):
        def run(self, experiment: object, *, seed: int) -> Measurement:
            del experiment, seed
            return measurement(workload_cpu_s=0.0)

    with (
        bench(tmp_path, folder, Empty()) as used,
        pytest.raises(TrialError, match=r"^the baseline's workload_cpu_s is 0: "),
    ):
        used.finish_baseline(used.begin_baseline(0))


def test_without_damon_nothing_is_saved_and_nothing_lost(
    tmp_path: Path, folder: RunFolder
) -> None:
    with bench(tmp_path, folder) as used:
        off = used.off(measurement(), measurement(runtime_s=11.0))

        assert off is not None
        assert (off["memory_saving"], off["slowdown"], off["cpu_use"]) == (0.0, 0.0, 0.0)
        assert used.off() is None


def test_what_was_not_begun_is_dropped(tmp_path: Path, folder: RunFolder) -> None:
    backend = ClosedForm(shuffle=True)

    with bench(tmp_path, folder, backend) as used:
        jobs = [used.begin(number, (prcl(),), number) for number in range(200)]
        used.drop()

    assert any(job.future.cancelled() for job in jobs)
    assert len(backend.seeds) < 200


def test_what_runs_is_ended_when_the_rest_is_dropped(tmp_path: Path, folder: RunFolder) -> None:
    backend = ClosedForm()

    with bench(tmp_path, folder, backend) as used:
        used.drop()

    assert backend.stopped


def test_there_are_no_more_runs_at_once_than_the_backend_takes(
    tmp_path: Path, folder: RunFolder
) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    class Narrow(ClosedForm):
        most_at_once = 1

        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1
            return super().run(experiment, seed=seed)

    with Bench(make_workload(tmp_path / "user"), Narrow(), folder, threads=4) as used:
        for job in [used.begin(number, (prcl(),), 0) for number in range(8)]:
            used.finish(job)

    assert most == 1


DRIFT = 0.01


class Slower(ClosedForm):
    """A machine on which each run takes a little more CPU time than the one before."""

    drifts = True

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[bool] = []

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        factor = 1.0 + DRIFT * len(self.ran)
        self.ran.append(experiment.monitoring is not None)
        measured = super().run(experiment, seed=seed)
        return replace(measured, workload_cpu_s=measured.workload_cpu_s * factor)


def test_where_figures_drift_each_trial_stands_between_its_own_baselines(
    tmp_path: Path, folder: RunFolder
) -> None:
    backend = Slower()

    with bench(tmp_path, folder, backend) as used:
        used.finish(used.begin(3, (prcl(),), 2))

    records = read_measurements(folder.path / "measurements.jsonl")
    assert backend.ran == [False, True, True, False]
    assert [(r.role, r.trial, r.seed, r.scheme) for r in records] == [
        *[("baseline", None, 2, None)] * 2,
        *[("trial", 3, 2, "4K max 0 0 5s max pageout")] * 2,
    ]
    baselines_s = [records[index].measurement.workload_cpu_s for index in (0, 1)]
    assert baselines_s[1] / baselines_s[0] == pytest.approx(1.0 + 3 * DRIFT)


def test_a_drift_that_goes_one_way_is_gone_from_the_mean_of_the_pairs(
    tmp_path: Path, folder: RunFolder
) -> None:
    scheme = prcl(min_age_us=2_000_000)
    true = slowdown(scheme)

    with bench(tmp_path, folder, Slower()) as used:
        other = used.finish_baseline(used.begin_baseline(0))
        measured = used.finish(used.begin(0, (scheme,), 0))
        figures = used.figures(measured, other)

    pairs = zip(measured.measurements, measured.baselines, strict=True)
    each = [one.workload_cpu_s / baseline.workload_cpu_s - 1.0 for one, baseline in pairs]
    assert figures["slowdown"] == pytest.approx(sum(each) / 2)
    assert all(abs(found - true) > DRIFT / 2 for found in each)
    assert figures["slowdown"] == pytest.approx(true, abs=4 * DRIFT**2)


def test_a_baseline_needs_no_other_although_figures_drift(
    tmp_path: Path, folder: RunFolder
) -> None:
    backend = Slower()

    with bench(tmp_path, folder, backend) as used:
        used.finish_baseline(used.begin_baseline(0))

    assert backend.ran == [False]
