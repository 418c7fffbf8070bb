from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from autotune.damon.recording import Recording
from autotune.errors import InputError, RunError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.runner.raw_recording import check_recordable
from autotune.study.recording_run import default_file, load_for_recording, record_workload
from autotune.testing import measurement
from tests.recordings import recording

PROGRAM = "workload:\n  command: [sleep, '1']\n"


def no_warning(message: str) -> None:
    raise AssertionError(message)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleeper.yaml"


@pytest.mark.parametrize(
    ("named", "option", "backend"),
    [
        ("", None, "vm"),
        ("backend: simulator", None, "vm"),
        ("backend: host", None, "host"),
        ("backend: vm", "host", "host"),
        ("backend: [simulator, host]", None, "host"),
    ],
)
def test_what_runs_programs_records(
    file: Path, named: str, option: str | None, backend: str
) -> None:
    file.write_text(f"{PROGRAM}{named}\n")

    workload = load_for_recording(file, backend=option, seed=7, warn=no_warning)

    assert (workload.backend.name, workload.seed) == (backend, 7)
    assert default_file(workload) == Path("sleeper.damon.data")


def test_the_simulator_records_nothing(file: Path) -> None:
    file.write_text(PROGRAM)

    with pytest.raises(
        InputError, match=r"^--backend simulator: it runs no programs: record with"
    ):
        load_for_recording(file, backend="simulator", warn=no_warning)


def test_a_backend_that_is_none_is_refused_at_its_place(file: Path) -> None:
    file.write_text(f"{PROGRAM}backend: moon\n")

    with pytest.raises(InputError, match=r"sleeper.yaml:3:10: .*moon"):
        load_for_recording(file, warn=no_warning)


class Recorder:
    """A backend that records at once what it is given."""

    name = "vm"
    machine = "none"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, gives: Recording | TrialError) -> None:
        self._gives = gives
        self.asked: list[tuple[Experiment, int]] = []

    @property
    def starts(self) -> int:
        return len(self.asked)

    def check(self, experiment: Experiment) -> None:
        check_recordable(experiment)

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        del experiment, seed
        return measurement()

    def record(self, experiment: Experiment, *, seed: int) -> Recording:
        self.asked.append((experiment, seed))
        if isinstance(self._gives, TrialError):
            raise self._gives
        return self._gives

    def stop(self) -> None:
        """Nothing runs."""


def test_a_recording_has_the_name_of_its_workload_and_its_monitoring(file: Path) -> None:
    file.write_text(f"{PROGRAM}seed: 5\nmonitoring: {{sampling_interval: 10ms}}\n")
    workload = load_for_recording(file, warn=no_warning)
    backend = Recorder(recording())

    recorded = record_workload(workload, backend)

    ((experiment, seed),) = backend.asked
    assert recorded == replace(recording(), name="sleeper")
    assert experiment.monitoring == workload.monitoring
    assert experiment.monitoring is not None
    assert experiment.monitoring.intervals.sampling_us == 10_000
    assert seed == 5


def test_a_run_that_fails_names_the_workload_file(file: Path) -> None:
    file.write_text(PROGRAM)
    workload = load_for_recording(file, warn=no_warning)

    with pytest.raises(RunError, match=r"sleeper.yaml: workload: no: mend it$"):
        record_workload(workload, Recorder(TrialError("workload: no: mend it")))
