from __future__ import annotations

import time
from pathlib import Path

import pytest

from autotune.runner.processes import Processes
from autotune.runner.procfs import Memory, Procfs, ProportionalMemory
from autotune.runner.shared_memory import SharedMemory, reading_cost_s, samples_apart
from tests.runner.programs import python, wait_for

PERIOD_US = 10_000
TWO = Memory(rss_bytes=4000, swap_bytes=40, processes=2)
READ = ProportionalMemory(pss_bytes=2000, swap_bytes=20)


class Dear(Procfs):
    """Takes a fixed time to say what processes share."""

    def __init__(self, cost_s: float) -> None:
        super().__init__(Path("/nowhere"))
        self.cost_s = cost_s

    def proportional_memory(self, pids: tuple[int, ...]) -> ProportionalMemory:
        del pids
        end_s = time.thread_time() + self.cost_s
        while time.thread_time() < end_s:
            pass
        return READ


def read_at(shared: SharedMemory, samples: int, memory: Memory = TWO) -> list[int]:
    """Give the numbers of the samples at which it was read."""
    pids = tuple(range(memory.processes))
    return [n for n in range(samples) if shared.sample(n, pids, memory) is not None]


def readings(procfs: Procfs, *, cost_s: float = 0.0, period_us: int | None = None) -> SharedMemory:
    return SharedMemory(procfs, cost_s=cost_s, sampling_period_us=PERIOD_US, period_us=period_us)


def test_one_process_shares_nothing_and_is_not_read() -> None:
    shared = readings(Procfs(Path("/nowhere")))
    one = Memory(rss_bytes=4000, swap_bytes=40, processes=1)

    assert shared.sample(0, (1, 2), one) == ProportionalMemory(pss_bytes=4000, swap_bytes=40)
    assert shared.periods_us == ()


def test_the_time_between_readings_follows_from_what_one_costs() -> None:
    cheap, dear = Dear(0.0), Dear(0.0)

    assert read_at(readings(cheap), 4) == [0, 1, 2, 3]
    assert read_at(readings(dear, cost_s=0.00035), 10) == [0, 4, 8]


@pytest.mark.parametrize("cost_s", [0.0, 1e-6, 0.0005, 0.007, 0.1, 3.0])
def test_readings_take_a_hundredth_of_a_cpu_at_most(cost_s: float) -> None:
    apart = samples_apart(cost_s, PERIOD_US)

    assert cost_s <= 0.01 * apart * PERIOD_US / 1e6 + 1e-12
    assert apart == 1 or cost_s > 0.01 * (apart - 1) * PERIOD_US / 1e6


def test_the_second_process_is_read_when_it_comes() -> None:
    shared = readings(Dear(0.0), cost_s=0.00035)
    one = Memory(rss_bytes=4000, swap_bytes=40, processes=1)

    for number in range(3):
        assert shared.sample(number, (1,), one) is not None

    assert [n for n in range(3, 12) if shared.sample(n, (1, 2), TWO) == READ] == [3, 7, 11]


def test_a_tree_that_becomes_dear_is_read_less_often() -> None:
    procfs = Dear(0.0)
    shared = readings(procfs)
    assert read_at(shared, 2) == [0, 1]

    procfs.cost_s = 0.003
    later = [n for n in range(2, 400) if shared.sample(n, (1, 2), TWO) is not None]

    assert later[:2] == [2, 3]
    assert later[2] - later[1] >= 30
    assert shared.periods_us[0] == PERIOD_US
    assert shared.periods_us[-1] == (later[-1] - later[-2]) * PERIOD_US


def test_one_dear_reading_changes_nothing() -> None:
    procfs = Dear(0.0)
    shared = readings(procfs)

    for number in range(9):
        procfs.cost_s = 0.003 if number == 4 else 0.0
        assert shared.sample(number, (1, 2), TWO) == READ

    assert shared.periods_us == (PERIOD_US,)


def test_a_given_period_is_kept() -> None:
    shared = readings(Dear(0.003), cost_s=0.003, period_us=3 * PERIOD_US)

    assert read_at(shared, 10) == [0, 3, 6, 9]
    assert shared.periods_us == (3 * PERIOD_US,)


def test_the_cost_of_a_reading_is_its_cpu_time(processes: Processes) -> None:
    code = "import os, time\nmemory = b'x' * (64 << 20)\n{}time.sleep(1000)"
    alone = processes.start(python(code.format("")))
    family = processes.start(python(code.format("os.fork()\n")))
    wait_for(lambda: len(processes.procfs.tree(family.pid)) == 2)
    pids = processes.procfs.tree(family.pid)

    assert reading_cost_s(processes.procfs, (alone.pid,)) == 0.0
    assert 2e-5 < reading_cost_s(processes.procfs, pids) < 0.1
