from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from autotune.runner.system_memory import SystemCounters, SystemMemory

PAGE = os.sysconf("SC_PAGE_SIZE")
MEMINFO = """\
MemTotal:       24684624 kB
MemFree:        22000000 kB
MemAvailable:   23000000 kB
SwapTotal:       {swap} kB
SwapFree:              0 kB
{more}"""
VMSTAT = "nr_free_pages 1\npswpin 3\npswpout 5\npgmajfault 11\noom_kill 2\n"
PRESSURE = (
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
)


class Machine:
    """Ordinary files where a kernel's would be."""

    def __init__(self, folder: Path) -> None:
        self.procfs, self.sysfs = folder / "proc", folder / "sys"
        self.procfs.mkdir()
        self.sysfs.mkdir()

    def file(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def meminfo(self, more: str = "", swap: int = 0) -> None:
        self.file(self.procfs / "meminfo", MEMINFO.format(swap=swap, more=more))

    def zram(self, number: int, used_bytes: int | None) -> None:
        folder = self.sysfs / f"block/zram{number}"
        folder.mkdir(parents=True)
        if used_bytes is not None:
            # Original size, compressed size, memory used. Source: zram.rst, mm_stat.
            (folder / "mm_stat").write_text(f"  900000  {used_bytes - 1} {used_bytes} 0 1 2 3 4\n")

    @property
    def memory(self) -> SystemMemory:
        return SystemMemory(self.procfs, self.sysfs)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_caches_that_can_be_dropped_and_pages_kept_by_cpus_are_free(machine: Machine) -> None:
    machine.meminfo(
        more="Active(anon):  9 kB\nActive(file):  20 kB\nInactive(file):  3 kB\nSReclaimable: 100 kB\n"
    )
    zone = "  pages free     5\n  pagesets\n    cpu: 0\n              count:    {}\n"
    zone += "              high:     7\n    cpu: 1\n              count:    {}\n"
    machine.file(machine.procfs / "zoneinfo", zone.format(1, 0) + zone.format(20, 3))

    free = machine.memory.free_bytes()

    assert free == (22_000_000 + 20 + 3 + 100) * 1024 + 24 * PAGE


def test_memory_comes_in_bytes(machine: Machine) -> None:
    machine.meminfo(swap=4)

    assert machine.memory.free_bytes() == 22_000_000 * 1024
    assert machine.memory.available_bytes() == 23_000_000 * 1024
    assert machine.memory.swap_total_bytes() == 4096


def test_the_pool_is_that_of_all_zram_devices_and_of_zswap(machine: Machine) -> None:
    machine.meminfo("Zswap:             12 kB\nZswapped:          90 kB\n")
    machine.zram(0, 1000)
    machine.zram(1, 200_000)
    machine.file(machine.sysfs / "block/sda/mm_stat", "1 2 4000000\n")

    assert machine.memory.pool_bytes() == 201_000 + 12 * 1024


def test_a_zram_device_without_figures_has_no_pool(machine: Machine) -> None:
    machine.meminfo()
    machine.zram(0, None)
    machine.zram(1, 77)
    machine.zram(2, None)
    (machine.sysfs / "block/zram2/mm_stat").write_text("\n")

    assert machine.memory.pool_bytes() == 77


def test_the_counters_come_in_bytes_and_seconds(machine: Machine) -> None:
    machine.file(machine.procfs / "vmstat", VMSTAT)
    machine.file(machine.procfs / "pressure/memory", PRESSURE)

    assert machine.memory.counters() == SystemCounters(
        swap_in_bytes=3 * PAGE, swap_out_bytes=5 * PAGE, pressure_some_s=1.5, oom_kills=2
    )


def test_what_a_kernel_does_not_say_is_zero(machine: Machine) -> None:
    nothing = SystemCounters(swap_in_bytes=0, swap_out_bytes=0, pressure_some_s=0.0, oom_kills=0)

    assert machine.memory.counters() == nothing
    assert machine.memory.pool_bytes() == 0
    assert machine.memory.swap_total_bytes() == 0


def test_a_kernel_with_pressure_turned_off_gives_no_stalls(machine: Machine) -> None:
    machine.file(machine.procfs / "vmstat", VMSTAT)
    machine.file(machine.procfs / "pressure/memory", "")

    assert machine.memory.counters().pressure_some_s == 0.0


def test_what_this_machine_reads_from_a_disk_is_still_free(tmp_path: Path) -> None:
    memory = SystemMemory()
    before = memory.free_bytes()

    (tmp_path / "file").write_bytes(os.urandom(1 << 20) * 256)
    with mmap.mmap(-1, 256 << 20) as used:
        used.write(b"x" * (256 << 20))
        with_memory = memory.free_bytes()

    assert before - with_memory == pytest.approx(256 << 20, abs=96 << 20)
