from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest

from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.driver.kdamond import Kdamond, KdamondEndedError
from autotune.errors import EndedEarlyError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement, time_weighted_mean
from autotune.experiment.patience import Patience
from autotune.experiment.pattern import Access, Pattern, Phase
from autotune.experiment.program import Program, Ready
from autotune.experiment.proportional import between_readings
from autotune.runner.errors import WorkloadError
from autotune.runner.measuring import Measuring
from autotune.runner.processes import Processes
from autotune.runner.running import RunningWorkload, runnable, start_workload
from autotune.runner.system_memory import SystemMemory
from autotune.testing import pattern, prcl
from tests.driver.fake_kernel import FakeKernel
from tests.runner.programs import exists, python, wait_for

MIB = 1 << 20
UP = """
import os, time
print("up", flush=True)
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.005)
"""
"""Says that it is ready, and waits for the first sample: however slow the machine is, what comes behind
it is in the measured part."""

BURN = "import time\nend = time.process_time() + {cpu_s}\nwhile time.process_time() < end: pass\n"
SWEEP = Access(region=0, random=False, stride_bytes=4096, weight=1)
PATTERN = pattern(regions=2, size_bytes=8 * MIB, duration_us=300_000)


def program(code: str, **parts: object) -> Program:
    return Program(command=python(code), ready=Ready(line="^up$"), **parts)  # type: ignore[arg-type]


class Bench:
    """Starts workloads on this machine and measures them, with DAMON's files made up."""

    def __init__(
        self,
        processes: Processes,
        go: Path,
        player: Path | None = None,
        kernel: FakeKernel | None = None,
    ) -> None:
        self.processes, self.player, self.kernel = processes, player, kernel
        self._go = go
        self.system = SystemMemory()
        self.free_before_bytes = self.system.free_bytes()

    def start(self, experiment: Experiment) -> RunningWorkload:
        workload = runnable(experiment.workload)
        return start_workload(workload, self.processes, player=self.player, timeout_us=20_000_000)

    def measure(
        self,
        workload: Pattern | Program,
        on_sample: Callable[[float], None] = lambda _: None,
        **parts: object,
    ) -> Measurement:
        experiment = Experiment(workload=workload, **parts)  # type: ignore[arg-type]
        return self.measuring(self.start(experiment), on_sample).measure(experiment, seed=1)

    def measuring(
        self, running: RunningWorkload, on_sample: Callable[[float], None] = lambda _: None
    ) -> Measuring:
        def go(time_s: float) -> None:
            self._go.touch()
            on_sample(time_s)

        return Measuring(
            running,
            self.processes,
            self.system,
            free_before_bytes=self.free_before_bytes,
            kdamond=None if self.kernel is None else Kdamond(self.kernel),
            on_sample=go,
        )


@pytest.fixture
def bench(processes: Processes, tmp_path: Path) -> Bench:
    """For baselines, which need no DAMON."""
    return Bench(processes, tmp_path / "go")


@pytest.fixture
def played(processes: Processes, player: Path, tmp_path: Path) -> Bench:
    """For patterns."""
    return Bench(processes, tmp_path / "go", player)


@pytest.fixture
def kernel(tmp_path: Path, thread: int) -> FakeKernel:
    kernel = FakeKernel(tmp_path / "sys")
    kernel.next_thread = thread
    return kernel


@pytest.fixture
def monitored(kernel: FakeKernel, processes: Processes, tmp_path: Path) -> Bench:
    return Bench(processes, tmp_path / "go", kernel=kernel)


def test_a_pattern_lasts_as_long_as_its_phases_and_uses_a_cpu(played: Bench) -> None:
    measured = played.measure(PATTERN)

    assert 0.6 <= measured.runtime_s < 2.0
    assert 0.0 < measured.workload_cpu_s <= measured.runtime_s * 1.1
    assert measured.work_done is not None
    assert measured.work_done > 0.0
    assert min(measured.series.rss_bytes) >= 16 * MIB
    assert measured.major_faults == 0


def test_the_samples_say_when_a_pattern_was_busy(played: Bench) -> None:
    idle = Phase(name="idle", duration_us=1_500_000, accesses=(replace(SWEEP, weight=0),))
    busy = Phase(name="busy", duration_us=400_000, accesses=(SWEEP,))

    measured = played.measure(replace(PATTERN, phases=(busy, idle, busy)))

    series = measured.series
    at = dict(zip(series.time_s, series.cpu_s, strict=True))
    # A phase ends after its last batch, which a busy machine can hold up.
    within = [cpu_s for time_s, cpu_s in at.items() if 1.1 < time_s < 1.8]
    assert max(within) - min(within) < 0.01 < min(within)
    assert series.cpu_s[-1] > max(within) + 0.01
    assert 0.0 == series.work_done[0] < series.work_done[-1] <= (measured.work_done or 0.0)
    assert set(series.major_faults) == {0}


def test_the_samples_of_a_program_say_when_it_was_busy(bench: Bench) -> None:
    measured = bench.measure(
        program(UP + "time.sleep(0.5)\n" + BURN.format(cpu_s=0.3) + "time.sleep(0.5)")
    )

    series = measured.series
    early = [
        cpu_s for time_s, cpu_s in zip(series.time_s, series.cpu_s, strict=True) if time_s < 0.4
    ]
    assert max(early) < 0.1
    assert 0.3 <= series.cpu_s[-1] <= measured.workload_cpu_s + 1e-6
    assert series.work_done == ()


def test_samples_lie_on_a_fixed_grid_and_the_figures_are_theirs(played: Bench) -> None:
    measured = played.measure(PATTERN, sampling_period_us=50_000)

    series = measured.series
    steps = [time_s / 0.05 for time_s in series.time_s]
    assert steps[0] == 0.0
    assert steps == pytest.approx([round(step) for step in steps])
    assert all(sooner < later for sooner, later in pairwise(steps))
    assert len(steps) >= 2
    assert measured.rss_peak_bytes == max(series.rss_bytes)
    assert measured.rss_mean_bytes == time_weighted_mean(
        series.time_s, series.rss_bytes, measured.runtime_s
    )
    used = time_weighted_mean(series.time_s, series.used_bytes, measured.runtime_s)
    # Another program of this machine may give back more memory than the workload takes.
    assert measured.system_used_mean_bytes == (used if used >= 0.0 else None)


def test_a_baseline_has_no_figures_of_damon(bench: Bench) -> None:
    measured = bench.measure(program(UP + "time.sleep(0.2)"))

    assert measured.kdamond_cpu == 0.0
    assert measured.scheme_stats is None
    assert measured.wss_mean_bytes is None
    assert set(measured.series.wss_bytes) == {None}


def test_only_the_cpu_time_of_the_measured_part_counts_and_that_of_all_processes(
    bench: Bench,
) -> None:
    code = BURN.format(cpu_s=0.3) + UP + "child = os.fork()\n"
    code += BURN.format(cpu_s=0.4) + "if child: os.wait()"

    measured = bench.measure(program(code))

    assert measured.workload_cpu_s == pytest.approx(2 * 0.4, abs=0.15)


def test_the_mean_weighs_memory_by_time(bench: Bench) -> None:
    code = UP + ("time.sleep(0.5); memory = b'x' * (32 << 20); time.sleep(0.5); del memory")

    measured = bench.measure(program(code), sampling_period_us=20_000)

    low_bytes = measured.series.rss_bytes[0]
    assert measured.rss_peak_bytes == pytest.approx(low_bytes + 32 * MIB, abs=MIB)
    half = 32 * MIB * 0.5 / measured.runtime_s
    assert measured.rss_mean_bytes == pytest.approx(low_bytes + half, abs=6 * MIB)


PREFORK = """
import os, time
cold = bytearray(os.urandom(1 << 20) * 24)
children = []
for _ in range(3):
    pid = os.fork()
    if not pid:
        own = bytearray(os.urandom(1 << 20) * 4)
        time.sleep(2.0)
        os._exit(0)
    children.append(pid)
time.sleep(0.5)
print("up", flush=True)
for pid in children:
    os.waitpid(pid, 0)
"""
"""A server in small: its workers share 24 MiB, and each has 4 MiB of its own."""


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def test_what_workers_share_counts_once(bench: Bench) -> None:
    seen: list[int] = []

    def look(_: float) -> None:
        seen.append(sum(_pss_bytes(pid) for pid in bench.processes.measured()))

    measured = bench.measure(program(PREFORK), look)

    series = measured.series
    known = between_readings(series.time_s, series.rss_bytes, series.pss_bytes)
    # At the last samples a worker may have ended between the two readers.
    assert fmean(known[:-2]) == pytest.approx(fmean(seen[:-2]), rel=0.05)
    assert measured.pss_mean_bytes == pytest.approx(fmean(known), rel=0.1)
    assert measured.pss_mean_bytes < 60 * MIB < 4 * 24 * MIB < measured.rss_mean_bytes
    assert measured.pss_periods_us


def test_a_program_of_one_process_holds_what_is_resident(bench: Bench) -> None:
    measured = bench.measure(program(UP + "time.sleep(0.3)"))

    assert measured.pss_mean_bytes == measured.rss_mean_bytes
    assert measured.series.pss_bytes == measured.series.rss_bytes
    assert measured.pss_periods_us == ()


def test_the_systems_memory_is_counted_from_before_the_workload(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemFree: 2000 kB\nZswap: 70 kB\n")
    bench.system = SystemMemory(tmp_path, tmp_path)
    bench.free_before_bytes = 5000 * 1024

    measured = bench.measure(program(UP + "time.sleep(0.2)"))

    assert measured.system_used_mean_bytes == 3000 * 1024
    assert set(measured.series.used_bytes) == {3000 * 1024}
    assert measured.swap_pool_mean_bytes == 70 * 1024


def test_a_system_that_uses_less_than_before_gives_no_figure(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemFree: 2000 kB\n")
    bench.system = SystemMemory(tmp_path, tmp_path)
    bench.free_before_bytes = 1999 * 1024

    measured = bench.measure(program(UP + "time.sleep(0.2)"))

    assert measured.system_used_mean_bytes is None
    assert set(measured.series.used_bytes) == {-1024}


def test_with_a_client_only_the_server_is_measured(bench: Bench) -> None:
    client = python(BURN.format(cpu_s=0.4) + "print('n 3')")

    measured = bench.measure(program(UP + "time.sleep(1000)", client=client, work=r"n (\d)"))

    assert measured.work_done == 3.0
    assert measured.runtime_s >= 0.4
    assert measured.workload_cpu_s < 0.1


def test_what_takes_too_long_is_given_up(bench: Bench) -> None:
    began_s = time.monotonic()

    with pytest.raises(WorkloadError) as error:
        bench.measure(program(UP + "time.sleep(1000)"), timeout_us=300_000)

    assert str(error.value).startswith("workload: not at its end after 300ms: it used 0.0")
    assert time.monotonic() - began_s < 5.0


def test_a_run_that_takes_too_much_cpu_time_is_ended(bench: Bench) -> None:
    patience = Patience(of="cpu", baseline_s=0.2, most=0.5)
    began_s = time.monotonic()

    with pytest.raises(EndedEarlyError) as error:
        bench.measure(program(UP + BURN.format(cpu_s=1000)), patience=patience)

    # It is looked at once in 100 ms.
    assert 0.5 < error.value.slowdown < 5.0
    assert time.monotonic() - began_s < 5.0


def test_a_run_that_takes_too_long_is_ended(bench: Bench) -> None:
    patience = Patience(of="time", baseline_s=0.2, most=0.5)

    with pytest.raises(EndedEarlyError) as error:
        bench.measure(program(UP + "time.sleep(1000)"), patience=patience)

    assert 0.5 < error.value.slowdown < 5.0


def test_a_run_with_enough_patience_goes_to_its_end(bench: Bench) -> None:
    patience = Patience(of="cpu", baseline_s=10.0, most=0.5)

    measured = bench.measure(program(UP + BURN.format(cpu_s=0.3)), patience=patience)

    assert measured.workload_cpu_s >= 0.3


def test_what_ends_before_it_is_measured_is_no_measurement(bench: Bench) -> None:
    experiment = Experiment(workload=program("print('up')"))
    running = bench.start(experiment)
    wait_for(running.measured.has_ended)

    with pytest.raises(WorkloadError) as error:
        bench.measuring(running).measure(experiment, seed=1)

    assert str(error.value) == (
        f"workload: '{python('')[0]}' ended before it could be measured, with exit status 0: up: let "
        "it run longer, or mend 'ready'"
    )


def test_what_fails_before_it_is_measured_is_told_what_helps(bench: Bench) -> None:
    experiment = Experiment(workload=program("print('up'); raise SystemExit('su: no')"))
    running = bench.start(experiment)
    wait_for(running.measured.has_ended)

    with pytest.raises(WorkloadError, match="leave sudo, su and the like out of the command"):
        bench.measuring(running).measure(experiment, seed=1)


def test_a_crash_is_no_measurement(bench: Bench) -> None:
    with pytest.raises(WorkloadError, match=r"failed with signal 6 \(SIGABRT\)"):
        bench.measure(program(UP + "time.sleep(0.2); os.abort()"))


def test_monitoring_needs_a_driver(bench: Bench) -> None:
    with pytest.raises(ValueError, match="only baselines"):
        bench.measure(program(UP + "time.sleep(1000)"), monitoring=Monitoring())


def test_damon_watches_all_processes_of_the_workload_and_no_other(
    monitored: Bench, kernel: FakeKernel
) -> None:
    targets: set[int] = set()
    code = "import os; child = os.fork()\n" + UP + "time.sleep(0.5)\nif child: os.wait()"
    experiment = Experiment(workload=program(code), monitoring=Monitoring())
    running = monitored.start(experiment)
    wait_for(lambda: len(monitored.processes.measured()) == 2)
    family = set(monitored.processes.measured())

    def look(_: float) -> None:
        files = (kernel.root / "0/contexts/0/targets").glob("*/pid_target")
        targets.update(int(file.read_text()) for file in files)

    monitored.measuring(running, look).measure(experiment, seed=1)

    assert targets == family


def test_damon_is_turned_on_when_it_is_due_and_off_at_the_end(
    monitored: Bench, kernel: FakeKernel
) -> None:
    before = kernel.content()
    seen: dict[float, bool] = {}

    monitored.measure(
        program(UP + "time.sleep(0.8)"),
        lambda time_s: seen.update({time_s: kernel.on}),
        monitoring=Monitoring(),
        start_after_us=300_000,
    )

    assert set(seen.values()) == {False, True}
    assert seen == {time_s: time_s >= 0.299 for time_s in seen}
    assert kernel.content() == before


def test_damon_does_not_wait_for_the_next_sample(
    monitored: Bench, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s: list[float] = []
    turn_on = kernel.turn_on

    def note(*_: float) -> None:
        times_s.append(time.monotonic())

    def note_and_turn_on() -> None:
        note()
        turn_on()

    monkeypatch.setattr(kernel, "turn_on", note_and_turn_on)
    monitored.measure(
        program(UP + "time.sleep(1.2)"),
        note,
        monitoring=Monitoring(),
        start_after_us=300_000,
        sampling_period_us=10_000_000,
    )

    began_s, turned_on_s = times_s
    assert 0.25 <= turned_on_s - began_s < 1.2


def test_a_measured_part_that_ends_before_damon_is_due_has_none(
    monitored: Bench, kernel: FakeKernel
) -> None:
    measured = monitored.measure(
        program(UP + "time.sleep(0.2)"),
        monitoring=Monitoring(),
        start_after_us=10_000_000,
    )

    assert kernel.written == []
    assert measured.kdamond_cpu == 0.0
    assert measured.wss_mean_bytes is None


def test_the_kdamonds_share_is_its_cpu_time_over_the_run_time(
    monitored: Bench, thread: int
) -> None:
    def used_s() -> float:
        return int(Path(f"/proc/{thread}/schedstat").read_text().split()[0]) / 1e9

    before_s = used_s()
    measured = monitored.measure(program(UP + "time.sleep(0.3)"), monitoring=Monitoring())

    # It may still have been starting: then its time has grown.
    assert 0.0 < before_s <= measured.kdamond_cpu * measured.runtime_s + 1e-9
    assert measured.kdamond_cpu * measured.runtime_s <= used_s() + 1e-9


def test_working_set_and_statistics_are_in_the_measurement(
    monitored: Bench, kernel: FakeKernel
) -> None:
    experiment = Experiment(
        workload=program("import time\n" + UP + "time.sleep(0.4)"),
        monitoring=Monitoring(),
        schemes=(prcl(),),
    )
    running = monitored.start(experiment)
    watched = monitored.processes.procfs.monitored_bytes((running.measured.pid,))
    # Four aggregations, in which a thousandth was accessed.
    kernel.statistics = [(1, 2, 3, 4, 5), (9, watched // 250, 0, 0, 0), (9, 4 * watched, 0, 0, 0)]

    measured = monitored.measuring(running).measure(experiment, seed=1)

    assert measured.wss_mean_bytes == pytest.approx(watched / 1000, abs=1.0)
    assert measured.scheme_stats is not None
    assert measured.scheme_stats.tried_bytes == 2
    assert measured.scheme_stats.quota_exceeds == 5


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ("os.abort()", "SIGABRT"),
        ("time.sleep(1000)", "not at its end"),
    ],
)
def test_damon_is_turned_off_after_a_failure(
    monitored: Bench, kernel: FakeKernel, then: str, message: str
) -> None:
    before = kernel.content()
    code = UP + "time.sleep(0.2); " + then

    with pytest.raises(TrialError, match=message):
        monitored.measure(program(code), monitoring=Monitoring(), timeout_us=600_000)

    assert ("0/state", "on") in kernel.written
    assert kernel.content() == before


def test_damon_is_turned_off_when_it_is_interrupted(monitored: Bench, kernel: FakeKernel) -> None:
    before = kernel.content()

    def interrupt(_: float) -> None:
        if kernel.on:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        monitored.measure(program(UP + "time.sleep(1000)"), interrupt, monitoring=Monitoring())

    assert ("0/state", "on") in kernel.written
    assert kernel.content() == before


def test_a_kdamond_that_ends_in_between_makes_no_measurement(
    monitored: Bench, kernel: FakeKernel
) -> None:
    before = kernel.content()

    def end(_: float) -> None:
        if kernel.on:
            kernel.end_of_target()

    with pytest.raises(KdamondEndedError):
        monitored.measure(program(UP + "time.sleep(0.4)"), end, monitoring=Monitoring())

    assert kernel.content() == before


def test_a_scheme_that_the_kernel_can_not_count_fails_its_trial(
    monitored: Bench, kernel: FakeKernel
) -> None:
    ages = AccessPattern(age_us=Range(110_000, 120_000))

    with pytest.raises(TrialError, match="holds no multiple of the aggregation interval"):
        monitored.measure(
            program(UP + "time.sleep(1000)"),
            monitoring=Monitoring(intervals=Intervals()),
            schemes=(Scheme(action=Action.STAT, pattern=ages),),
        )

    assert kernel.written == []


def test_nothing_is_left_of_a_measured_program(bench: Bench) -> None:
    code = "import os, time\nchild = os.fork()\nif not child: time.sleep(1000)\n"
    experiment = Experiment(
        workload=program(code + UP + "time.sleep(0.2); os.kill(child, 9); os.wait()")
    )
    running = bench.start(experiment)
    pids = bench.processes.measured()

    bench.measuring(running).measure(experiment, seed=1)
    bench.processes.end()

    assert len(pids) == 2
    assert not [pid for pid in pids if exists(pid)]
