from __future__ import annotations

import itertools
import os
import re
import resource
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.errors import BackendUnavailableError
from autotune.runner.processes import Processes, Started
from autotune.runner.procfs import Memory, Procfs, ProportionalMemory, Usage
from tests.runner.programs import python, wait_for

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

FAMILY = """
import os, threading, time
def child_of_a_thread():
    if os.fork() == 0:
        time.sleep(1000)
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(1000)
    time.sleep(1000)
thread = threading.Thread(target=child_of_a_thread)
thread.start()
thread.join()
print(os.getpid(), flush=True)
time.sleep(1000)
"""
"""A program with a child, a grandchild, and a child that one of its threads has begun."""

BUSY = """
import sys, time
memory = b"x" * ({mib} << 20)
while time.process_time() < {cpu_s}:
    pass
print("ready", flush=True)
time.sleep(1000)
"""


def fake(folder: Path, files: Mapping[str, str]) -> Procfs:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Procfs(folder)


def started(processes: Processes, code: str) -> Started:
    """A program that has printed its first line."""
    lines: list[str] = []
    program = processes.start(python(code), on_line=lines.append)
    wait_for(lambda: bool(lines))
    return program


def stat(
    *, name: str = "x", faults: tuple[int, int] = (0, 0), ticks: tuple[int, int] = (0, 0)
) -> str:
    """A line of `stat`; *ticks* are of the children that have been waited for.

    Source: proc_pid_stat(5).
    """
    minor, major = 8, faults[0]
    numbers = ["S", 1, 2, 3, 4, 5, 6, minor, 9, major, faults[1], 1000, 2000, *ticks, 20, 0, 1]
    return " ".join(str(field) for field in (77, f"({name})", *numbers)) + "\n"


def test_a_tree_has_all_descendants_parents_first(processes: Processes) -> None:
    program = started(processes, FAMILY)
    wait_for(lambda: len(processes.procfs.tree(program.pid)) == 4)  # the grandchild may come late

    tree = processes.procfs.tree(program.pid)

    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}
    expected = {program.pid}
    for _ in range(3):
        expected |= {pid for pid, parent in parents.items() if parent in expected}
    assert set(tree) == expected
    assert len(tree) == 4
    assert all(tree.index(parents[pid]) < tree.index(pid) for pid in tree[1:])


def test_a_tree_of_several_names_each_once(tmp_path: Path) -> None:
    procfs = fake(
        tmp_path,
        {
            "1/task/1/children": "2 3 ",
            "2/task/2/children": "",
            "3/task/3/children": "4",
            "3/task/10/children": "5",
        },
    )

    assert procfs.tree(1, 3) == (1, 3, 2, 4, 5)
    assert procfs.tree(9) == (9,)
    assert procfs.tree() == ()


def test_memory_is_the_resident_set_that_the_kernel_counts_page_by_page(
    processes: Processes,
) -> None:
    program = started(processes, BUSY.format(mib=20, cpu_s=0))

    memory = processes.procfs.memory((program.pid,))

    rollup = Path(f"/proc/{program.pid}/smaps_rollup").read_text()
    counted = {
        name: int(size) * 1024
        for name, size in re.findall(r"^(\w+): +(\d+) kB", rollup, re.MULTILINE)
    }
    # The kernel adds to the counters in `status` in batches, 64 pages for each of three kinds.
    assert memory.rss_bytes == pytest.approx(counted["Rss"], abs=3 * 64 * PAGE)
    assert memory.swap_bytes == pytest.approx(counted["Swap"], abs=64 * PAGE)
    assert memory.rss_bytes >= 20 * MIB


def test_cpus_are_idle_when_they_wait_for_disks_too(tmp_path: Path) -> None:
    procfs = fake(
        tmp_path, {"stat": "cpu  900 1 800 150 50 7 6 5 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"}
    )

    assert procfs.idle_s() == pytest.approx(200 / os.sysconf("SC_CLK_TCK"))


def test_memory_of_several_is_their_sum(tmp_path: Path) -> None:
    head = "Name:\tx\nVmRSS:\t{} kB\nRssAnon:\t1 kB\nVmSwap:\t{} kB\nThreads:\t1\n"
    procfs = fake(
        tmp_path,
        {
            "1/status": head.format(100, 7),
            "2/status": head.format(30, 0),
            "3/status": "Name:\tx\n",
        },
    )

    memory = procfs.memory((1, 2, 3, 4))

    assert memory == Memory(rss_bytes=130 * 1024, swap_bytes=7 * 1024, processes=2)


SHARING = """
import os, time
memory = b"x" * (24 << 20)
children = [os.fork() for _ in range(2)]
print("ready", flush=True)
time.sleep(1000)
"""
"""Prints from four processes that share 24 MiB."""


def test_what_processes_share_counts_once(processes: Processes) -> None:
    program = started(processes, SHARING)
    wait_for(lambda: len(processes.procfs.tree(program.pid)) == 4)
    family = processes.procfs.tree(program.pid)

    parts: list[str] = []
    together = processes.procfs.proportional_memory(family)

    def stayed_as_it_was() -> bool:
        """Other processes share the libraries: one that begins or ends changes what is read."""
        nonlocal together
        together = processes.procfs.proportional_memory(family)
        smaps = "".join(Path(f"/proc/{pid}/smaps").read_text() for pid in family)
        parts[:] = re.findall(r"^Pss: +(\d+) kB", smaps, re.MULTILINE)
        return processes.procfs.proportional_memory(family) == together

    wait_for(stayed_as_it_was)

    assert processes.procfs.memory(family).rss_bytes >= 4 * 24 * MIB
    assert 24 * MIB <= together.pss_bytes < 2 * 24 * MIB
    # Each area's figure is rounded down to 1 KiB.
    assert together.pss_bytes == pytest.approx(sum(map(int, parts)) * 1024, abs=len(parts) * 1024)


def test_shared_memory_in_swap_counts_once_too(tmp_path: Path) -> None:
    rollup = "1000-9000 ---p 0 00:00 0 [rollup]\nRss: 9 kB\nPss: {} kB\nPss_Anon: 1 kB\n"
    rollup += "Swap: 8 kB\nSwapPss: {} kB\n"
    procfs = fake(
        tmp_path,
        {"1/smaps_rollup": rollup.format(100, 5), "2/smaps_rollup": rollup.format(30, 2)},
    )

    together = procfs.proportional_memory((1, 2, 3))

    assert together == ProportionalMemory(pss_bytes=130 * 1024, swap_bytes=7 * 1024)


def test_files_are_what_is_mapped_of_them_and_unchanged(tmp_path: Path) -> None:
    areas = {
        "1000-9000 r-xp 00000000 fe:00 17                         /usr/bin/node": (100, 0),
        "9000-a000 rw-p 00000000 fe:00 17                         /usr/bin/node": (12, 8),
        "b000-c000 rw-p 00000000 00:00 0                          [heap]": (1000, 1000),
        "c000-d000 r--s 00000000 fe:00 18                         /usr/lib/locale": (3, 0),
        "d000-e000 rw-s 00000000 00:01 19                         /dev/zero (deleted)": (500, 0),
        "e000-f000 rw-p 00000000 00:00 0 ": (2000, 2000),
    }
    body = "Size: 9 kB\nRss: 5000 kB\nPss: {} kB\nPss_Dirty: 1 kB\nAnonymous: {} kB\nVmFlags: rd\n"
    text = "".join(f"{head}\n{body.format(*sizes)}" for head, sizes in areas.items())
    procfs = fake(tmp_path, {"1/smaps": text, "2/smaps": text})

    assert procfs.mapped_file_bytes((1, 3)) == (100 + 4 + 3) * 1024
    assert procfs.mapped_file_bytes((1, 2)) == 2 * (100 + 4 + 3) * 1024


def test_a_kernel_that_does_not_say_what_is_shared_is_named(tmp_path: Path) -> None:
    procfs = fake(tmp_path, {"1/status": "VmSize: 9 kB\nVmRSS: 4 kB\n"})

    with pytest.raises(BackendUnavailableError) as error:
        procfs.proportional_memory((1,))

    assert str(error.value) == (
        f"{tmp_path}/1/smaps_rollup: can't be read, so that memory which processes share is not "
        "known: use a kernel with CONFIG_PROC_PAGE_MONITOR"
    )


def test_cpu_time_is_what_the_kernel_charges_for_it(processes: Processes) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = started(processes, BUSY.format(mib=1, cpu_s=0.3))
    usage = processes.procfs.usage((program.pid,))

    os.kill(program.pid, signal.SIGKILL)
    processes.end()

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    charged_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert usage.cpu_s == pytest.approx(charged_s, abs=0.05)
    assert usage.cpu_s >= 0.3


def test_a_program_that_has_ended_keeps_its_cpu_time_until_it_is_reaped(
    processes: Processes,
) -> None:
    program = processes.start(python("import time\nwhile time.process_time() < 0.2: pass"))
    wait_for(program.has_ended)

    usage = processes.procfs.usage((program.pid,))

    assert 0.2 <= usage.cpu_s < 2.0
    processes.end()
    assert processes.procfs.usage((program.pid,)) == Usage(cpu_s=0.0, major_faults=0)


def test_ended_children_count_once_they_are_waited_for(processes: Processes) -> None:
    code = """
import os, time
if os.fork() == 0:
    while time.process_time() < 0.3: pass
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(1000)
"""
    program = started(processes, code)

    assert processes.procfs.usage((program.pid,)).cpu_s >= 0.3 - 2 / TICKS_PER_S


@pytest.mark.parametrize("name", ["x", "a b", "a) S 1 2 (", ""])
def test_a_name_may_look_like_the_fields_behind_it(tmp_path: Path, name: str) -> None:
    pid = 1 << 22  # above all processes, so that there is no CPU clock of it
    procfs = fake(tmp_path, {f"{pid}/stat": stat(name=name, faults=(3, 4), ticks=(50, 25))})

    usage = procfs.usage((pid,))

    assert usage == Usage(cpu_s=75 / TICKS_PER_S, major_faults=7)


def test_a_zombie_has_no_memory_and_a_kernel_thread_none(
    processes: Processes, tmp_path: Path
) -> None:
    program = processes.start(python(""))
    wait_for(program.has_ended)
    kernel_thread = fake(tmp_path, {"2/status": "Name:\tkthreadd\nThreads:\t1\n"})

    assert not processes.procfs.has_memory(program.pid)
    nothing = Memory(rss_bytes=0, swap_bytes=0, processes=0)
    assert processes.procfs.memory((program.pid,)) == nothing
    assert processes.procfs.has_memory(os.getpid())
    assert not kernel_thread.has_memory(2)
    assert not kernel_thread.has_memory(3)


def test_a_process_has_a_name(tmp_path: Path) -> None:
    procfs = fake(tmp_path, {"5/comm": "kdamond.0\n"})

    assert (procfs.name(5), procfs.name(6)) == ("kdamond.0", "")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert fake(tmp_path, {"5/comm": "x"}).read("5") is None


def maps(mappings: list[tuple[int, int]]) -> str:
    return "".join(f"{start:x}-{end:x} rw-p 00000000 00:00 0 \n" for start, end in mappings)


def test_damon_watches_what_lies_outside_of_the_two_largest_gaps(tmp_path: Path) -> None:
    # The ranges that a running kernel gave: program, heap below; libraries; stack.
    low, libraries, stack = 843_776, 44_036_096, 135_168
    begin, middle, top = 0x555555554000, 0x7FFFF3C00000, 0x7FFFFFFDE000
    hole = 5 * PAGE  # smaller gaps are watched like what lies around them
    mappings = [
        (begin, begin + low),
        (middle, middle + 10 * PAGE),
        (middle + 10 * PAGE + hole, middle + libraries),
        (top, top + stack),
    ]
    vsyscall = (
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
    )
    procfs = fake(tmp_path, {"7/maps": maps(mappings) + vsyscall, "8/maps": maps(mappings)})

    assert procfs.monitored_bytes((7,)) == low + libraries + stack
    assert procfs.monitored_bytes((7, 8, 9)) == 2 * (low + libraries + stack)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=8))
def test_the_gaps_are_the_two_whose_loss_leaves_least(pieces: list[tuple[int, int]]) -> None:
    mappings, end = [], 16
    for gap, size in pieces:
        mappings.append(((end + gap) * PAGE, (end + gap + size) * PAGE))
        end += gap + size
    gaps = [b[0] - a[1] for a, b in itertools.pairwise(mappings) if b[0] > a[1]]
    left = [
        mappings[-1][1] - mappings[0][0] - first - second
        for first, second in itertools.combinations(gaps, 2)
    ]

    class Given(Procfs):
        def read(self, name: str) -> bytes | None:
            return maps(mappings).encode() if name == "1/maps" else None

    assert Given().monitored_bytes((1,)) == min(left, default=0)
