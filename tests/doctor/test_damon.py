from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.doctor import State
from tests.doctor.fake_machine import FakeMachine, Told, write
from tests.driver.fake_kernel import FakeKernel


def no_damon(machine: FakeMachine) -> None:
    machine.kernel.root.rename(machine.folder / "elsewhere")


def no_vaddr(machine: FakeMachine) -> None:
    machine.set_up_damon()
    write(machine.kernel.root / "0/contexts/0/avail_operations", "paddr\n")


def no_goals(machine: FakeMachine) -> None:
    machine.set_up_damon()
    (machine.kernel.root / "0/contexts/0/schemes/0/quotas/goals").rename(machine.folder / "goals")


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (
            no_damon,
            "DAMON",
            Told("missing", "no sysfs interface", "CONFIG_DAMON_SYSFS", ("host",)),
        ),
        (
            no_vaddr,
            "DAMON operations",
            Told("missing", "no vaddr, only paddr", "_VADDR", ("host",)),
        ),
        (no_goals, "DAMON schemes", Told("warning", "quota goals (v6.8)", "a newer kernel")),
    ],
)
def test_what_this_kernel_lacks_is_told_with_its_fix_and_what_it_blocks(
    machine: FakeMachine, change: Callable[[FakeMachine], None], name: str, told: Told
) -> None:
    change(machine)

    shown = machine.find(name)

    assert told.as_seen_in(shown) == told


def test_a_newer_kernels_two_folders_of_filters_do(machine: FakeMachine, tmp_path: Path) -> None:
    sysfs = tmp_path / "new"
    kernel = FakeKernel(sysfs, new=True, missing={"filters"})
    for file, value in (
        ("nr_kdamonds", "1"),
        ("0/contexts/nr_contexts", "1"),
        ("0/contexts/0/schemes/nr_schemes", "1"),
    ):
        kernel.write(file, value)

    shown = machine.find("DAMON schemes", places=replace(machine.here.places, sysfs=sysfs))

    assert not (kernel.root / "0/contexts/0/schemes/0/filters").exists()
    assert shown.state is State.OK
