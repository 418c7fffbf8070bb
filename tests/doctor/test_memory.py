from __future__ import annotations

from collections.abc import Callable

import pytest

from autotune.doctor import State
from tests.doctor.fake_machine import FakeMachine, Told, write


def no_swap(machine: FakeMachine) -> None:
    machine.memory(swap_bytes=0)


def zram_not_loaded(machine: FakeMachine) -> None:
    no_swap(machine)
    (machine.sysfs / "class/zram-control").rmdir()
    write(machine.folder / "modules/6.12.1/kernel/drivers/block/zram/zram.ko.xz", "")


def no_zram(machine: FakeMachine) -> None:
    no_swap(machine)
    (machine.sysfs / "class/zram-control").rmdir()


def zram_of_another_kernel(machine: FakeMachine) -> None:
    no_zram(machine)
    write(machine.folder / "modules/6.1.0/kernel/drivers/block/zram/zram.ko.xz", "")


def always_huge(machine: FakeMachine) -> None:
    machine.huge_pages.write_text("[always] madvise never\n")


def no_pressure(machine: FakeMachine) -> None:
    (machine.procfs / "pressure/memory").unlink()


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (no_swap, "swap", Told("warning", "zram is loaded", "add host: {swap: 1GiB}")),
        (
            zram_not_loaded,
            "swap",
            Told("warning", "zram is a module", "run modprobe zram, and add"),
        ),
        (no_zram, "swap", Told("missing", "no zram", "turn swap on")),
        (zram_of_another_kernel, "swap", Told("missing", "no zram", "turn swap on")),
        (always_huge, "huge pages", Told("warning", "always", "host: {huge_pages: never}")),
        (no_pressure, "memory pressure", Told("warning", "reads as 0", "psi=1")),
    ],
)
def test_what_hinders_schemes_is_told_with_its_fix_and_blocks_nothing(
    machine: FakeMachine, change: Callable[[FakeMachine], None], name: str, told: Told
) -> None:
    change(machine)

    shown = machine.find(name)

    assert told.as_seen_in(shown) == told


def test_huge_pages_that_a_kernel_lacks_are_fine(machine: FakeMachine) -> None:
    machine.huge_pages.unlink()

    assert machine.find("huge pages").state is State.OK
