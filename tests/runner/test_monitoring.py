from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import AccessPattern, Action, Range, Scheme, SchemeStats, Watermarks
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.driver.kdamond import Kdamond, KdamondEndedError
from autotune.driver.setup import Setup
from autotune.driver.sysfs_file import SysfsError
from autotune.driver.tree import DamonTree
from autotune.errors import AutotuneError, BackendUnavailableError
from autotune.experiment.experiment import Experiment
from autotune.runner.monitoring import Monitor
from autotune.runner.procfs import Memory, Procfs
from autotune.testing import pattern, prcl
from tests.driver.fake_kernel import THREAD, FakeKernel, make_procfs
from tests.runner.programs import wait_for

PIDS = (42, 43)
PAGES = 10
SIZE = PAGES * 4096
"""What DAMON watches in each process: ten pages around two gaps."""

CPU_NS = 123_456_789
GATE = Watermarks(interval_us=1_000_000, high=0.5, mid=0.4, low=0.2)
MONITORED = Experiment(workload=pattern(), monitoring=Monitoring())
TWO_SCHEMES = replace(MONITORED, schemes=(prcl(), prcl(min_age_us=1_000_000)))


class Machine:
    """A fake kernel, and a fake procfs with two processes and DAMON's thread."""

    def __init__(self, folder: Path, kernel: FakeKernel | None = None) -> None:
        self.monitors: list[Monitor] = []
        self.kernel = kernel or FakeKernel(folder / "sys")
        self.folder = make_procfs(folder / "proc", processes={*PIDS, THREAD})
        self.procfs = Procfs(self.folder)
        (self.folder / f"{THREAD}/comm").write_text("kdamond.0\n")
        self.thread_used(CPU_NS)
        self.pids: tuple[int, ...] = PIDS
        self.ends_with_damon: tuple[int, ...] = ()
        for pid in PIDS:
            self.begins(pid)

    def begins(self, *pids: int) -> None:
        """What a process looks like that has begun, with ten pages around two gaps."""
        make_procfs(self.folder, processes=pids)
        for pid in pids:
            areas = ((0x1000, 0x5000), (0x9000, 0xD000), (0x20000, 0x22000))
            lines = (f"{start:x}-{end:x} rw-p 00000000 00:00 0\n" for start, end in areas)
            (self.folder / f"{pid}/maps").write_text("".join(lines))
            self.resident(pid, SIZE)

    def resident(self, pid: int, size_bytes: int) -> None:
        text = f"VmSize: 9 kB\nVmRSS: {size_bytes >> 10} kB\nVmSwap: 0 kB\n"
        (self.folder / f"{pid}/status").write_text(text)

    def look(self) -> tuple[int, ...]:
        return tuple(pid for pid in self.pids if self.kernel.on or pid not in self.ends_with_damon)

    def thread_used(self, cpu_ns: int) -> None:
        (self.folder / f"{THREAD}/schedstat").write_text(f"{cpu_ns} 7 8\n")

    def monitor(self, experiment: Experiment = MONITORED, poll_s: float = 1.0) -> Monitor:
        kdamond = Kdamond(self.kernel, self.folder)
        monitor = Monitor(kdamond, experiment, self.look, self.procfs, poll_s)
        self.monitors.append(monitor)
        return monitor

    def counted(self, *tried_bytes: int) -> None:
        """Say what each scheme has tried since DAMON was turned on."""
        self.kernel.statistics = [(1, tried, 2, 3, 4) for tried in tried_bytes]

    def value(self, file: str) -> str:
        return (self.kernel.root / "0/contexts/0" / file).read_text().strip()

    def end(self) -> None:
        self.kernel.busy = 0
        for monitor in self.monitors:
            monitor.drop()

    def polls(self) -> int:
        return [value for _, value in self.kernel.written].count("update_schemes_stats")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.end()


def polls_on() -> bool:
    """Whether a thread polls."""
    return any(thread.name == "poll" for thread in threading.enumerate())


def test_two_schemes_that_only_count_stand_behind_the_users(machine: Machine) -> None:
    machine.monitor(TWO_SCHEMES).turn_on()

    actions = [machine.value(f"schemes/{index}/action") for index in range(4)]
    assert machine.value("schemes/nr_schemes") == "4"
    assert actions == ["pageout", "pageout", "stat", "stat"]


def test_every_process_is_a_target(machine: Machine) -> None:
    machine.monitor().turn_on()

    targets = [machine.value(f"targets/{index}/pid_target") for index in range(2)]
    assert machine.value("targets/nr_targets") == "2"
    assert targets == [str(pid) for pid in PIDS]


def test_physical_memory_is_one_target_without_a_process(machine: Machine) -> None:
    machine.monitor(replace(MONITORED, operations=OperationsSet.PADDR)).turn_on()

    assert machine.value("operations") == "paddr"
    assert machine.value("targets/nr_targets") == "1"
    assert machine.value("targets/0/pid_target") == "0"


def test_nothing_is_written_before_it_is_turned_on(machine: Machine) -> None:
    monitor = machine.monitor()

    assert not monitor.is_on
    assert monitor.sample() is None
    monitor.finish()

    assert machine.kernel.written == []
    assert (monitor.cpu_s, monitor.wss_mean_bytes, monitor.stats) == (0.0, None, SchemeStats())


class Counting(Kdamond):
    """A kdamond that has counted what a test says, and no tree behind it."""

    def __init__(self) -> None:
        super().__init__(DamonTree(Path("/nowhere")))
        self.tried_bytes_so_far: tuple[int, ...] = ()

    def turn_on(self, setup: Setup) -> int:
        del setup
        return THREAD

    def turn_off(self) -> None:
        pass

    def update_stats(self) -> tuple[SchemeStats, ...]:
        return tuple(SchemeStats(tried_bytes=tried) for tried in self.tried_bytes_so_far)


class Watched(Procfs):
    """Processes that stay as large as they are."""

    def name(self, pid: int) -> str:
        return "kdamond.0" if pid == THREAD else ""

    def monitored_bytes(self, pids: tuple[int, ...]) -> int:
        return len(pids) * SIZE

    def memory(self, pids: tuple[int, ...]) -> Memory:
        size = len(pids) * SIZE
        return Memory(rss_bytes=size, swap_bytes=0, processes=len(pids))


@given(
    st.lists(st.lists(st.integers(0, 2 * PAGES), min_size=1, max_size=4), min_size=1, max_size=4)
)
def test_the_mean_working_set_is_that_of_all_aggregations(polls: list[list[int]]) -> None:
    # Pages that were accessed in each aggregation, by the polls that they lie between.
    kdamond = Counting()
    experiment = replace(MONITORED, schemes=(prcl(),))
    monitor = Monitor(kdamond, experiment, lambda: PIDS, Watched())
    monitor.turn_on()
    accessed = everything = 0
    for aggregations in polls:
        accessed += sum(aggregations) * 4096
        everything += len(aggregations) * len(PIDS) * SIZE
        kdamond.tried_bytes_so_far = (99, accessed, everything)
        monitor.poll()

        last = sum(aggregations) * 4096 / len(aggregations)
        assert monitor.sample() == pytest.approx(last, abs=1)

    monitor.finish()

    counts = [count for aggregations in polls for count in aggregations]
    assert monitor.wss_mean_bytes == pytest.approx(sum(counts) * 4096 / len(counts))


def test_a_process_that_has_ended_is_as_large_as_it_was(machine: Machine) -> None:
    monitor = machine.monitor()
    monitor.turn_on()
    machine.counted(SIZE, 2 * SIZE)
    (machine.folder / f"{PIDS[0]}/maps").write_text("")
    (machine.folder / f"{PIDS[0]}/status").write_text("")

    monitor.finish()

    assert monitor.wss_mean_bytes == SIZE


def test_no_more_than_what_is_resident_is_accessed(machine: Machine) -> None:
    monitor = machine.monitor()
    monitor.turn_on()
    for pid in PIDS:
        machine.resident(pid, 8192)
    machine.counted(2 * SIZE, 2 * SIZE)
    monitor.poll()
    just_before = monitor.sample()
    machine.counted(4 * SIZE, 4 * SIZE)
    monitor.poll()

    assert just_before == 2 * SIZE  # that much was resident when DAMON was turned on
    assert monitor.sample() == 2 * 8192
    assert monitor.wss_mean_bytes == pytest.approx(SIZE + 8192)


def test_physical_memory_is_not_bounded_by_processes(machine: Machine) -> None:
    monitor = machine.monitor(replace(MONITORED, operations=OperationsSet.PADDR))
    monitor.turn_on()
    machine.counted(6 * SIZE, 6 * SIZE)
    for pid in PIDS:
        machine.resident(pid, 4096)

    monitor.poll()

    assert monitor.sample() == 2 * SIZE


def test_without_an_aggregation_since_the_last_poll_the_working_set_is_as_before(
    machine: Machine,
) -> None:
    monitor = machine.monitor()
    monitor.turn_on()
    machine.counted(0, 0)
    monitor.poll()
    assert monitor.sample() is None
    assert monitor.wss_mean_bytes is None
    machine.counted(SIZE, 2 * SIZE)
    monitor.poll()
    monitor.poll()

    assert monitor.sample() == SIZE


def test_statistics_are_of_the_users_schemes_and_read_once_more_at_the_end(
    machine: Machine,
) -> None:
    monitor = machine.monitor(TWO_SCHEMES)
    monitor.turn_on()
    machine.kernel.statistics = [(1, 10, 2, 20, 3), (4, 40, 5, 50, 6), (7,) * 5, (8,) * 5]

    monitor.finish()

    assert monitor.stats == SchemeStats(
        tried_regions=5, tried_bytes=50, applied_regions=7, applied_bytes=70, quota_exceeds=9
    )
    assert not machine.kernel.on


def test_cpu_time_is_the_threads(machine: Machine) -> None:
    monitor = machine.monitor()
    monitor.turn_on()
    monitor.sample()
    machine.thread_used(2 * CPU_NS)

    monitor.finish()

    assert monitor.cpu_s == 2 * CPU_NS / 1e9


def test_it_is_polled_while_it_is_on_and_never_after(machine: Machine) -> None:
    monitor = machine.monitor(poll_s=0.1)
    monitor.turn_on()
    wait_for(lambda: machine.polls() >= 2)

    monitor.drop()

    # Another program's: what is asked of it now would be written into its files.
    machine.kernel.write("nr_kdamonds", "1")
    machine.kernel.write("0/contexts/nr_contexts", "1")
    machine.kernel.write("0/contexts/0/targets/nr_targets", "1")
    machine.kernel.write("0/state", "on")
    polls = machine.polls()
    time.sleep(0.3)
    assert machine.polls() == polls
    machine.kernel.write("0/state", "off")


def told_at_a_sample(monitor: Monitor) -> AutotuneError:
    """The error that a sample ends with, sooner or later."""
    told: list[AutotuneError] = []

    def fails() -> bool:
        try:
            monitor.sample()
        except AutotuneError as error:
            told.append(error)
        return bool(told)

    wait_for(fails)
    return told[0]


def test_a_refusal_while_polling_is_told_at_the_next_sample(machine: Machine) -> None:
    monitor = machine.monitor(poll_s=0.01)
    monitor.turn_on()
    machine.kernel.busy = 1_000_000

    error = told_at_a_sample(monitor)

    assert isinstance(error, SysfsError)
    assert error.errno == errno.EBUSY


def test_a_loss_of_damon_while_polling_is_told_at_the_next_sample(tmp_path: Path) -> None:
    gone = BackendUnavailableError("DAMON: is gone: boot again")

    class Lost(FakeKernel):
        def write(self, relative: str, value: str) -> None:
            if value == "update_schemes_stats":
                raise gone
            super().write(relative, value)

    machine = Machine(tmp_path, Lost(tmp_path / "sys"))
    monitor = machine.monitor(poll_s=0.01)
    monitor.turn_on()

    error = told_at_a_sample(monitor)

    machine.end()
    assert error is gone


def test_a_kdamond_that_has_ended_is_told_at_the_end(machine: Machine) -> None:
    monitor = machine.monitor(poll_s=0.01)
    monitor.turn_on()
    machine.kernel.end_of_target()

    wait_for(lambda: not polls_on())
    monitor.sample()
    with pytest.raises(KdamondEndedError):
        monitor.finish()
    monitor.drop()

    assert (machine.kernel.root / "nr_kdamonds").read_text() == "0\n"


def test_a_thread_that_can_not_be_seen_is_refused(machine: Machine) -> None:
    (machine.folder / f"{THREAD}/comm").write_text("bash\n")
    monitor = machine.monitor()

    with pytest.raises(BackendUnavailableError) as error:
        monitor.turn_on()
    monitor.drop()

    assert str(error.value) == (
        f"DAMON's thread (process {THREAD}) can't be seen from here: run outside of containers, where "
        "process numbers are the kernel's own"
    )
    assert not machine.kernel.on


def test_a_scheme_that_the_kernel_can_not_count_is_refused(machine: Machine) -> None:
    ages = AccessPattern(age_us=Range(110_000, 120_000))
    experiment = replace(MONITORED, schemes=(Scheme(action=Action.STAT, pattern=ages),))

    with pytest.raises(ValueError, match="holds no multiple of the aggregation interval"):
        machine.monitor(experiment)


OFTEN = replace(
    MONITORED,
    monitoring=Monitoring(intervals=Intervals(update_us=100_000)),
)
"""Monitoring that takes new processes in soon."""


def taken_in(machine: Machine, experiment: Experiment, *pids: int) -> Monitor:
    """A monitor that is on when *pids* come, after as many polls as it needs to take them in."""
    monitor = machine.monitor(experiment, poll_s=0.01)
    monitor.turn_on()
    machine.begins(*pids)
    machine.pids += pids
    monitor.see(machine.pids, SIZE)
    return monitor


def commits(machine: Machine) -> int:
    return [value for _, value in machine.kernel.written].count("commit")


def test_processes_that_come_later_become_targets(machine: Machine) -> None:
    monitor = taken_in(machine, OFTEN, 44, 45)
    wait_for(lambda: len(monitor.stays) == 4)

    targets = [machine.value(f"targets/{index}/pid_target") for index in range(4)]
    assert targets == ["42", "43", "44", "45"]
    assert machine.value("targets/0/regions/nr_regions") == "0"
    assert machine.value("targets/3/regions/0/start") == str(0x1000)
    assert commits(machine) == 1

    machine.counted(SIZE, 4 * SIZE)
    monitor.finish()

    assert monitor.wss_mean_bytes == SIZE
    assert monitor.watched is not None
    assert (monitor.watched.processes, monitor.watched.unwatched_processes) == (4, 0)


def test_what_was_counted_before_stays_counted(machine: Machine) -> None:
    monitor = taken_in(machine, replace(OFTEN, schemes=(prcl(),)), 44)
    machine.counted(7, SIZE, 2 * SIZE)
    wait_for(lambda: len(monitor.stays) == 3)
    machine.counted(9, SIZE, 2 * SIZE + 3 * SIZE)
    monitor.finish()

    assert monitor.stats.tried_bytes == 9
    assert monitor.wss_mean_bytes == pytest.approx(SIZE / 2)


def test_a_kdamond_that_is_lost_by_taking_in_begins_anew(machine: Machine) -> None:
    machine.kernel.commits_fail = True
    machine.ends_with_damon = (44,)
    monitor = taken_in(machine, replace(OFTEN, schemes=(prcl(),)), 44, 45)
    machine.counted(7, SIZE, 2 * SIZE)
    monitor.sample()
    machine.kernel.next_thread = THREAD
    wait_for(lambda: monitor.pids == (42, 43, 45))
    machine.counted(9, SIZE, 4 * SIZE)
    machine.thread_used(5)
    monitor.see((42, 43, 45), SIZE)
    monitor.finish()

    assert monitor.stats.tried_bytes == 7 + 9
    assert monitor.cpu_s == (CPU_NS + 5) / 1e9
    assert monitor.watched is not None
    assert (monitor.watched.processes, monitor.watched.restarts) == (3, 1)
    assert not machine.kernel.on


def test_one_that_is_lost_as_the_workload_ends_is_none(machine: Machine) -> None:
    machine.kernel.commits_fail = True
    monitor = taken_in(machine, replace(OFTEN, schemes=(prcl(),)), 44)
    machine.ends_with_damon = (42, 43, 44)
    machine.counted(7, SIZE, 2 * SIZE)
    wait_for(lambda: not machine.kernel.on)

    monitor.finish()

    assert monitor.stats.tried_bytes == 7
    assert monitor.watched is not None
    assert monitor.watched.restarts == 0


def test_one_that_ends_while_damon_is_turned_on_is_left_out(machine: Machine) -> None:
    looks: list[tuple[int, ...]] = [(42, 43, 44), (42, 43, 44), (42, 43), (42, 43)]
    kdamond = Kdamond(machine.kernel, machine.folder)
    machine.kernel.processes = (42, 43)
    monitor = Monitor(kdamond, MONITORED, lambda: looks.pop(0), machine.procfs)
    machine.monitors.append(monitor)

    monitor.turn_on()

    assert machine.value("targets/nr_targets") == "2"


def test_without_a_process_damon_is_not_turned_on(machine: Machine) -> None:
    monitor = machine.monitor()
    machine.pids = ()

    with pytest.raises(KdamondEndedError, match="before DAMON was turned on"):
        monitor.turn_on()


class Holding(FakeKernel):
    """A kernel whose watermarks hold all schemes back from the first commit on."""

    def __init__(self, sysfs: Path) -> None:
        super().__init__(sysfs)
        self.waits = threading.Event()

    def _commit(self) -> None:
        self.waits.set()
        wait_for(lambda: not self.on)
        raise SysfsError(self.root / "0/state", OSError(errno.EINVAL, "is off"), "commit")


@pytest.mark.parametrize("is_active", [True, False])
def test_held_back_schemes_take_nothing_in_and_hold_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_active: bool
) -> None:
    monkeypatch.setattr("autotune.runner.monitoring._LONGEST_COMMIT_S", 0.2)
    kernel = Holding(tmp_path / "sys")
    machine = Machine(tmp_path, kernel)
    kernel.statistics = [(1, 7, 2, 3, 4), (1, SIZE, 2, 3, 4), (1, 2 * SIZE, 2, 3, 4)]
    gated = replace(OFTEN, schemes=(replace(prcl(), watermarks=GATE),))
    monitor = machine.monitor(gated, poll_s=0.3 if is_active else 0.01)
    monitor.turn_on()
    machine.begins(44)
    machine.pids += (44,)
    monitor.see(machine.pids, SIZE)

    if is_active:
        assert kernel.waits.wait(20)
    else:
        polls = machine.polls()
        wait_for(lambda: machine.polls() > polls + 50)
    monitor.finish()

    assert kernel.waits.is_set() is is_active
    assert monitor.stats.tried_bytes == 7
    assert not kernel.on
