from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune import catalog
from autotune.backends.base import RecordingBackend
from autotune.backends.settings import VmSettings
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.recording import Recording
from autotune.errors import RunError
from autotune.evaluation.stand_in import KernelStandIn
from autotune.experiment.program import Program
from autotune.objective.figures import figures
from autotune.objective.objective import parse_constraint
from autotune.space.space import ParameterSet
from autotune.study.simulated_prior import SimulatedPrior, dearer, foreknowledge, machine_of
from autotune.testing import pattern
from autotune.workload_file.workload_file import WorkloadFile
from tests.closed_form import make_file

MACHINE = load_machine(catalog.find("micro-vm", "machines", Path()))
SIMULATOR = Simulator(MACHINE)
STAND_IN = KernelStandIn(SIMULATOR)
WORKLOAD = pattern(regions=3, size_bytes=8 << 20, duration_us=1_500_000)
YOUNG: ParameterSet = {"pattern.min_age": 300_000, "pattern.min_size": 4096, "limit": "none"}
SMALL: ParameterSet = {
    "pattern.min_age": 300_000,
    "pattern.min_size": 4096,
    "limit": "size",
    "quota.size": 1 << 20,
    "quota.reset_interval": 1_000_000,
    "quota.weights.access_rate": 0,
    "quota.weights.age": 0,
}


@pytest.fixture
def file(tmp_path: Path) -> WorkloadFile:
    keys = {"backend": "vm", "search_space": "prcl-quota", "objectives": "memory"}
    return replace(make_file(tmp_path, keys), workload=WORKLOAD)


def never(_: RecordingBackend) -> Recording:
    raise AssertionError("a pattern is not recorded")


def baseline(file: WorkloadFile, seed: int = 0):  # type: ignore[no-untyped-def]
    return SIMULATOR.run(file.experiment(None), seed=seed)


def test_a_prior_says_what_the_simulator_measures(file: WorkloadFile) -> None:
    say = SimulatedPrior(file, SIMULATOR, "own_cpu_slowdown")

    found = say([(YOUNG, 1), (SMALL, 1), (YOUNG, 2)])

    for (values, seed), said in zip([(YOUNG, 1), (SMALL, 1), (YOUNG, 2)], found, strict=True):
        schemes = file.search_space.schemes(values)
        measured = SIMULATOR.run(file.experiment(schemes), seed=seed)
        assert said == figures(
            measured, baseline(file, seed), file.objectives, slowdown="own_cpu_slowdown"
        )


def test_it_says_nothing_of_a_set_without_schemes(file: WorkloadFile) -> None:
    say = SimulatedPrior(file, SIMULATOR, "own_cpu_slowdown")
    without_sense = {**YOUNG, "pattern.min_size": -1}

    assert say([(without_sense, 1)]) == [None]


def test_a_figure_that_it_can_not_have_says_nothing(file: WorkloadFile) -> None:
    limited = file.objectives.with_constraints([parse_constraint("latency_max_s <= 1")])
    say = SimulatedPrior(replace(file, objectives=limited), SIMULATOR, "own_cpu_slowdown")

    [said] = say([(YOUNG, 1)])

    assert said is not None
    assert said["latency_max_s"] == 0.0
    assert said["memory_saving"] > 0.0


def test_a_pattern_is_its_own_prior_and_others_stand_beside_it(file: WorkloadFile) -> None:
    known = foreknowledge(file, STAND_IN, baseline(file), never)

    first, *others = [prior([(YOUNG, 1), (SMALL, 1)]) for prior in known.priors]
    say = SimulatedPrior(file, SIMULATOR, "own_cpu_slowdown")
    assert first == say([(YOUNG, 1), (SMALL, 1)])
    assert all(other != first for other in others)
    assert known.note == (
        "The simulator played the pattern as machine 'micro-vm' to choose the schemes."
    )
    assert known.ticks == pytest.approx(baseline(file).runtime_s / 0.005)


def test_without_compiled_code_nothing_is_known(
    file: WorkloadFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = baseline(file)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")

    known = foreknowledge(file, STAND_IN, measured, never)

    assert known.priors == ()
    assert "NUMBA_DISABLE_JIT" in known.note


def test_a_pattern_that_the_simulator_can_not_play_has_no_prior(file: WorkloadFile) -> None:
    measured = baseline(file)
    small = replace(file.backend, vm=VmSettings(memory_bytes=1 << 20))

    known = foreknowledge(replace(file, backend=small), STAND_IN, measured, never)

    assert known.priors == ()
    assert "of memory" in known.note


PROGRAM = Program(command=("sleep", "1"))


def test_a_program_that_nothing_can_record_has_no_prior(file: WorkloadFile) -> None:
    known = foreknowledge(replace(file, workload=PROGRAM), STAND_IN, baseline(file), never)

    assert known.priors == ()
    assert "vm makes no recordings of programs" in known.note


class Recorder(KernelStandIn):
    def record(self, experiment: object, *, seed: int) -> Recording:
        raise NotImplementedError


def test_a_program_is_recorded_and_the_recording_is_played(file: WorkloadFile) -> None:
    from tests.recordings import recording

    asked: list[RecordingBackend] = []

    def record(recorder: RecordingBackend) -> Recording:
        asked.append(recorder)
        return recording()

    recorder = Recorder(SIMULATOR)
    known = foreknowledge(replace(file, workload=PROGRAM), recorder, baseline(file), record)

    [said] = known.priors[0]([(YOUNG, 1)])
    assert asked == [recorder]
    assert said is not None
    assert "recording of one run" in known.note


def test_a_recording_that_fails_leaves_a_note(file: WorkloadFile) -> None:
    def record(_: RecordingBackend) -> Recording:
        raise RunError("my.yaml: the program ended with status 3")

    known = foreknowledge(
        replace(file, workload=PROGRAM), Recorder(SIMULATOR), baseline(file), record
    )

    assert known.priors == ()
    assert "status 3" in known.note


def test_a_faster_vm_is_a_machine_on_which_all_costs_less(file: WorkloadFile) -> None:
    fast = replace(file, backend=replace(file.backend, vm=VmSettings(mips=500)))

    usual, faster = machine_of(file), machine_of(fast)

    assert usual.fault_us == MACHINE.fault_us
    assert faster.fault_us == pytest.approx(MACHINE.fault_us / 2.0)
    assert faster.sequential_access_ns == pytest.approx(MACHINE.sequential_access_ns / 2.0)
    assert faster.jiffy_us == MACHINE.jiffy_us


def test_the_vm_has_the_memory_and_the_huge_pages_of_its_settings(file: WorkloadFile) -> None:
    vm = VmSettings(memory_bytes=1 << 30, huge_pages="always")

    machine = machine_of(replace(file, backend=replace(file.backend, vm=vm)))

    assert machine.memory_bytes == machine.swap_bytes == 1 << 30
    assert machine.huge_pages == "always"


def test_on_a_host_the_named_machine_counts(file: WorkloadFile) -> None:
    host = replace(file, backend=replace(file.backend, name="host"))

    assert machine_of(host).name == "server"


def test_dearer_work_of_the_kernel_leaves_the_accesses_as_they_are() -> None:
    dear = dearer(MACHINE, 3.0)

    assert dear.pageout_us == 3.0 * MACHINE.pageout_us
    assert dear.sequential_access_ns == MACHINE.sequential_access_ns
