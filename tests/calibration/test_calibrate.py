"""The judge of a calibration: that of a simulated machine gives the machine's own profile back."""

from __future__ import annotations

import itertools
import os
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autotune import catalog
from autotune.backends.simulator.machine_costs import MEASURED, Machine
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.calibration import calibrate, profile_file
from autotune.calibration.subject import Subject
from autotune.errors import InputError, RunError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.program import Program
from autotune.testing import measurement

CLEARING_A_PAGE_US, STARTING_S = 2.0, 0.1


class Simulated(Simulator):
    """A simulated machine on which the one program runs that a calibration has, as a formula."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.costs = machine

    def check(self, experiment: Experiment) -> None:
        if not isinstance(experiment.workload, Program):
            super().check(experiment)

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        if isinstance(experiment.workload, Program):
            return self.clear_memory(experiment.workload)
        return super().run(experiment, seed=seed)

    def clear_memory(self, program: Program) -> Measurement:
        match = re.search(
            r"dd if=/dev/zero of=/dev/null bs=(\d+) count=(\d+)$", str(program.command)
        )
        assert match is not None
        pages, times = int(match[1]) / 4096, int(match[2])
        clearing_us = pages * (self.costs.first_touch_us + times * CLEARING_A_PAGE_US)
        return measurement(workload_cpu_s=STARTING_S + clearing_us / 1e6)


def subject(machine: Machine, backend: Simulator, **changes: object) -> Subject:
    """A machine to calibrate of which only the costs are unknown."""
    found = Subject(
        name=machine.name,
        summary="A test.",
        backend=backend,
        huge_backend=Simulated(replace(machine, huge_pages="always")),
        cpus=machine.cpus,
        memory_bytes=machine.memory_bytes,
        swap_bytes=machine.swap_bytes,
        huge_pages=machine.huge_pages,
        jiffy_us=machine.jiffy_us,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def silent(_message: str) -> None:
    pass


def shipped(name: str) -> Machine:
    return load_machine(catalog.find(name, "machines", Path()))


SERVER, MICRO_VM = shipped("server"), shipped("micro-vm")
ODD = replace(
    SERVER,
    name="odd",
    cpus=4,
    memory_bytes=1 << 30,
    swap_bytes=1 << 30,
    sequential_access_ns=7.0,
    random_access_ns=90.0,
    huge_random_access_ns=50.0,
    fault_us=21.0,
    quarter_fault_us=50.0,
    incompressible_fault_us=33.0,
    stalled_fraction=0.7,
    first_touch_us=2.0,
    pageout_us=3.0,
    quarter_pageout_us=20.0,
    incompressible_pageout_us=40.0,
    scan_us=0.2,
    check_us=3.0,
    tick_us=90.0,
    disturbance_us=3.0,
    compressed_fraction=0.05,
    jiffy_us=1_000,
)
MACHINES = {
    "server": SERVER,
    "server with one CPU": replace(SERVER, cpus=1, sample_us=500.0),
    "micro-VM": MICRO_VM,
    "micro-VM with eight CPUs": replace(MICRO_VM, cpus=8, wake_us=0.0, sample_us=0.0),
    "odd": ODD,
}


@pytest.fixture(scope="module")
def calibrated() -> Callable[[str], Machine]:
    """Each machine as its calibration finds it, calibrated once."""
    found: dict[str, Machine] = {}

    def find(name: str) -> Machine:
        if name not in found:
            machine = MACHINES[name]
            # Huge pages of a scheme's would be huge pages of the usual runs too.
            base = Simulated(replace(machine, huge_pages="never"))
            found[name] = calibrate(subject(machine, base), silent)
        return found[name]

    return find


@pytest.mark.parametrize("name", MACHINES)
def test_a_simulated_machine_gives_its_own_profile_back(
    calibrated: Callable[[str], Machine], name: str
) -> None:
    expected, found = MACHINES[name], calibrated(name)

    # How often the kdamond woke up is known but for half a count, which is 12 us of each time. Its own
    # work at a wake-up is small beside eleven checks.
    smallest = {"wake_us": 12.0, "tick_us": 0.02 * 11 * expected.check_us}
    wrong = [
        f"{field} is {getattr(found, field)}, not {getattr(expected, field)}"
        for field in MEASURED
        if getattr(found, field)
        != pytest.approx(getattr(expected, field), rel=0.03, abs=smallest.get(field, 0.0))
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_known_without_a_run_is_taken_over(calibrated: Callable[[str], Machine]) -> None:
    known = ("name", "cpus", "memory_bytes", "swap_bytes", "huge_pages", "jiffy_us")

    assert sorted((*known, *MEASURED, "missed_access_chance")) == sorted(Machine.__slots__)
    assert [getattr(calibrated("odd"), name) for name in known] == [
        getattr(ODD, name) for name in known
    ]


def test_costs_have_three_digits(calibrated: Callable[[str], Machine]) -> None:
    machine = calibrated("server")

    assert machine.pageout_us == float(f"{machine.pageout_us:.3g}")


def test_a_machine_without_huge_pages_has_no_cost_of_its_own_for_them() -> None:
    machine = replace(SERVER, huge_pages="never")

    found = calibrate(subject(machine, Simulated(machine), huge_backend=None), silent)

    assert found.huge_random_access_ns == found.random_access_ns


class Drifting(Simulated):
    """A machine on which every second of three runs takes twice the CPU time."""

    drifts = True

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = super().run(experiment, seed=seed)
        return replace(measured, workload_cpu_s=measured.workload_cpu_s * (2 if seed == 2 else 1))


def test_where_runs_differ_the_median_of_three_counts() -> None:
    said: list[str] = []

    found = calibrate(subject(MICRO_VM, Drifting(MICRO_VM)), said.append)

    assert found.random_access_ns == pytest.approx(MICRO_VM.random_access_ns, rel=0.05)
    assert said[0] == "run 1 of 33: unmonitored"
    assert len(said) == 33


class Uncounting(Simulated):
    """A machine whose kernel doesn't say how long tasks wait for memory."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        return replace(super().run(experiment, seed=seed), memory_pressure_some_s=0.0)


def test_where_waiting_is_not_counted_none_is() -> None:
    assert calibrate(subject(SERVER, Uncounting(SERVER)), silent).stalled_fraction == 0.0


class Failing(Simulated):
    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        del experiment, seed
        raise TrialError("the workload was killed")


def test_a_run_that_fails_ends_the_calibration() -> None:
    with pytest.raises(RunError) as error:
        calibrate(subject(SERVER, Failing(SERVER)), silent)

    assert str(error.value) == "calibration: run 'unmonitored' failed: the workload was killed"


class Together(Simulated):
    """A machine on which the first run ends only once the second has begun."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.both = threading.Barrier(2, timeout=60.0)
        self.numbers = itertools.count()

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        if next(self.numbers) < 2:
            self.both.wait()
        return super().run(experiment, seed=seed)


def test_two_runs_at_once_find_the_same(
    calibrated: Callable[[str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    found = calibrate(subject(MICRO_VM, Together(MICRO_VM)), silent)

    assert found == calibrated("micro-VM")


class Stopping(Together):
    """A machine on which one run fails, and the run beside it goes on until it is stopped."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.stopped = threading.Event()

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        if next(self.numbers) < 2:
            self.both.wait()
        if experiment.monitoring is None:
            raise TrialError("the workload was killed")
        assert self.stopped.wait(60.0)
        return super().run(experiment, seed=seed)

    def stop(self) -> None:
        self.stopped.set()


def test_a_run_that_fails_ends_the_run_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    machine = Stopping(SERVER)

    with pytest.raises(RunError, match="run 'unmonitored' failed: the workload was killed"):
        calibrate(subject(SERVER, machine), silent)

    assert machine.stopped.is_set()


def test_without_swap_there_is_nothing_to_calibrate() -> None:
    machine = replace(SERVER, swap_bytes=0)

    with pytest.raises(RunError, match="run 'paged_out': no page was swapped out: see that there"):
        calibrate(subject(machine, Simulated(machine)), silent)


class Uncompressing(Simulated):
    """A machine whose swap takes pages as they are."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = super().run(experiment, seed=seed)
        series = replace(measured.series, pool_bytes=measured.series.swap_bytes)
        return replace(measured, series=series)


def test_where_swap_does_not_compress_nothing_is_told_apart() -> None:
    with pytest.raises(RunError) as error:
        calibrate(subject(SERVER, Uncompressing(SERVER)), silent)

    assert str(error.value) == (
        "calibration: swap compressed almost empty pages to 100%, and others to 100%: see that nothing "
        "else swaps, and that swap is in zram"
    )


def test_a_profile_is_replaced_only_if_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    machine = subject(SERVER, Simulated(SERVER))

    assert profile_file(machine, None) == Path("server.yaml")
    Path("server.yaml").touch()
    assert profile_file(machine, Path("server.yaml")) == Path("server.yaml")
    with pytest.raises(InputError) as error:
        profile_file(machine, None)
    assert str(error.value) == (
        "server.yaml: is there already: give --out FILE to replace it, or another"
    )


@pytest.mark.parametrize("out", [".", "missing/my.yaml"])
def test_a_place_where_no_profile_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(
        InputError, match="can't be written: name a file in a folder that can be written to"
    ):
        profile_file(subject(SERVER, Simulated(SERVER)), Path(out))
