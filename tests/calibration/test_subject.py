from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from autotune.backends.host import Host
from autotune.backends.vm.vm import Vm
from autotune.calibration.subject import find_subject, micro_vm, this_machine
from autotune.errors import InputError

COARSE_CLOCK = 6
LONG_S = 20.0


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The files of a machine with huge pages and 2 GiB of swap."""
    huge_pages = tmp_path / "sys/kernel/mm/transparent_hugepage/enabled"
    huge_pages.parent.mkdir(parents=True)
    huge_pages.write_text("always [madvise] never\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4194304 kB\nSwapTotal: 2097152 kB\n")
    return tmp_path


def test_this_machine_says_what_needs_no_run(machine: Path) -> None:
    found = this_machine(machine / "proc", machine / "sys")

    assert (found.name, found.huge_pages, found.swap_bytes) == ("this-machine", "madvise", 2 << 30)
    assert found.cpus == os.cpu_count()
    assert found.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_the_kernels_tick_is_the_step_of_its_coarse_clock() -> None:
    jiffy_us = this_machine().jiffy_us
    began_s = time.monotonic()
    before_ns, smallest_us = time.clock_gettime_ns(COARSE_CLOCK), math.inf

    # On a busy machine this process does not see every step.
    while (passed_s := time.monotonic() - began_s) < 0.2 or (
        passed_s < LONG_S and smallest_us > 1.05 * jiffy_us
    ):
        if (now_ns := time.clock_gettime_ns(COARSE_CLOCK)) != before_ns:
            smallest_us = min(smallest_us, (now_ns - before_ns) / 1000)
        before_ns = now_ns

    assert jiffy_us == pytest.approx(smallest_us, rel=0.05)


def test_this_machine_measures_small_pages_and_huge_ones_apart(machine: Path) -> None:
    found = this_machine(machine / "proc", machine / "sys")

    assert isinstance(found.backend, Host)
    assert isinstance(found.huge_backend, Host)
    assert found.backend.settings.huge_pages == "never"
    assert found.huge_backend.settings.huge_pages == "always"


def test_a_machine_without_huge_pages_never_has_any(machine: Path) -> None:
    (machine / "sys/kernel/mm/transparent_hugepage/enabled").unlink()

    found = this_machine(machine / "proc", machine / "sys")

    assert (found.huge_backend, found.huge_pages) == (None, "never")


def test_a_machine_without_swap_could_have_as_much_as_memory(machine: Path) -> None:
    (machine / "proc/meminfo").write_text("MemTotal: 4194304 kB\nSwapTotal: 0 kB\n")

    found = this_machine(machine / "proc", machine / "sys")

    assert found.swap_bytes == found.memory_bytes


def test_the_micro_vm_is_the_one_that_is_shipped(tmp_path: Path) -> None:
    found = micro_vm(tmp_path, print)

    assert isinstance(found.backend, Vm)
    assert isinstance(found.huge_backend, Vm)
    assert (found.name, found.cpus, found.memory_bytes) == ("micro-vm", 1, 512 << 20)
    assert found.data_folder == tmp_path / "calibration"


def test_only_real_kernels_are_calibrated() -> None:
    with pytest.raises(InputError) as error:
        find_subject("simulator", print)

    assert str(error.value) == "--backend simulator: can't be calibrated: give vm or host"
