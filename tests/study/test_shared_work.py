from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.errors import InputError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.other_speed import OtherSpeed
from autotune.experiment.program import Program
from autotune.objective.metrics import notable
from autotune.study.one_scheme import measure_scheme
from autotune.study.shared_work import no_shared_work
from autotune.testing import prcl
from autotune.views.terminal import show_scheme
from autotune.workload_file.workload_file import WorkloadFile
from tests.closed_form import CPU_S, ClosedForm, make_file, tune_file

SAVING = "[{metric: memory_saving, direction: maximize, reference: 0}]"


class TwoSpeeds(ClosedForm):
    """Has a slower machine, on which the workload takes so many times the CPU time.

    Args:
        cpu: 2 is fixed work, 1 a deadline.
    """

    def __init__(self, cpu: float) -> None:
        super().__init__()
        self._cpu = cpu
        self.asked = 0

    def at_other_speed(
        self, experiment: Experiment, *, seed: int, baseline: Measurement
    ) -> OtherSpeed:
        assert experiment.monitoring is None
        assert seed == 0
        self.asked += 1
        return OtherSpeed(
            speed=0.5, runtime_s=baseline.runtime_s, workload_cpu_s=CPU_S * self._cpu
        )


def program_file(
    folder: Path, keys: dict[str, str] | None = None, **parts: object
) -> WorkloadFile:
    file = make_file(folder, keys)
    return replace(file, workload=Program(command=("sleep", "9"), **parts))  # type: ignore[arg-type]


def test_a_deadline_leaves_memory_figures_and_no_slowdown(tmp_path: Path) -> None:
    found = measure_scheme(program_file(tmp_path), (prcl(),), TwoSpeeds(cpu=1.0))

    assert found.metrics["memory_saving"] > 0.0
    assert {*notable(found.metrics.missing)} == {"slowdown", "own_cpu_slowdown", "wall_slowdown"}
    assert all("workload.work" in why for why in notable(found.metrics.missing).values())
    assert found.to_dict()["metrics"]["slowdown"] is None


def test_fixed_work_has_a_slowdown(tmp_path: Path) -> None:
    found = measure_scheme(program_file(tmp_path), (prcl(),), TwoSpeeds(cpu=2.0))

    assert found.metrics["slowdown"] > 0.0
    assert notable(found.metrics.missing) == {}


def test_a_run_that_seeks_the_slowdown_of_a_deadline_ends_before_its_first_trial(
    tmp_path: Path,
) -> None:
    backend = TwoSpeeds(cpu=1.0)
    file = program_file(tmp_path / "user")

    with pytest.raises(InputError, match=r"'slowdown' needs slowdown, .*workload\.work"):
        tune_file(file, tmp_path / "out", backend=backend)

    assert (len(backend.seeds), backend.asked) == (1, 1)


def test_a_run_that_seeks_memory_alone_goes_on(tmp_path: Path) -> None:
    backend = TwoSpeeds(cpu=1.0)
    file = program_file(tmp_path / "user", {"objectives": SAVING})

    tuned = tune_file(file, tmp_path / "out", backend=backend)

    assert backend.asked == 1
    assert tuned.recommendation.front
    assert all("slowdown" not in trial.figures for trial in tuned.trials)
    assert "the work is not fixed" in (tuned.out / "summary.md").read_text()


class Faster(ClosedForm):
    """On it, every scheme takes a third of the CPU time away."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = super().run(experiment, seed=seed)
        return replace(measured, workload_cpu_s=CPU_S * (0.67 if experiment.schemes else 1.0))


def test_a_gain_of_speed_is_told_wherever_it_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A client that counts its work: equal times alone don't make the slowdown unknown.
    file = make_file(tmp_path / "user")

    class Counted(Faster):
        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            return replace(super().run(experiment, seed=seed), work_done=400.0)

    found = measure_scheme(file, (prcl(),), Counted())
    show_scheme(found)
    tuned = tune_file(file, tmp_path / "out", backend=Counted())

    why = "a slowdown of -33.00% is no gain"
    assert [doubt[: len(why)] for doubt in found.doubts] == [why]
    assert why in " ".join(capsys.readouterr().out.split())
    assert all(trial.doubt and why in trial.doubt for trial in tuned.trials)
    assert (tuned.out / "trials.csv").read_text().count(why) == len(tuned.trials)
    summary = (tuned.out / "summary.md").read_text()
    assert re.search(rf"## Figures in doubt\n\n- trials? 0[, 0-9]*: {why}", summary)


def test_who_counts_its_work_is_not_asked(tmp_path: Path) -> None:
    backend = TwoSpeeds(cpu=1.0)
    counted = program_file(tmp_path, work="did ([0-9]+)")
    pattern = make_file(tmp_path)

    for file in (counted, pattern):
        alone = file.experiment(None)
        baseline = backend.run(alone, seed=0)
        assert no_shared_work(backend, alone, baseline, seed=0) is None

    assert backend.asked == 0


def test_a_duration_without_work_needs_no_second_speed(tmp_path: Path) -> None:
    backend = TwoSpeeds(cpu=2.0)
    alone = program_file(tmp_path, duration_us=8_000_000).experiment(None)

    why = no_shared_work(backend, alone, backend.run(alone, seed=0), seed=0)

    assert why is not None
    assert why.startswith("a clock ends the measured part (workload.duration): ")
    assert backend.asked == 0
