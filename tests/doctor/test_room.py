from __future__ import annotations

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.doctor import State, room
from autotune.doctor.room import SMALLEST_VM_BYTES, VM_BYTES
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program
from autotune.runner.system_memory import SystemMemory
from autotune.testing import pattern
from tests.doctor.fake_machine import FakeMachine, Told


@pytest.mark.parametrize(
    ("available_bytes", "told"),
    [
        (VM_BYTES - 1024, Told("warning", "small patterns only", "end other")),
        (SMALLEST_VM_BYTES - 1024, Told("missing", "too little for any", "end other", ("vm",))),
    ],
)
def test_too_little_memory_is_told_with_its_fix_and_what_it_blocks(
    machine: FakeMachine, available_bytes: int, told: Told
) -> None:
    machine.memory(available_bytes=available_bytes)

    shown = machine.find("VM memory")

    assert told.as_seen_in(shown) == told


def test_memory_is_counted_as_the_backend_counts_it(machine: FakeMachine) -> None:
    counted = []
    for available_bytes in (2 * VM_BYTES, 2 * VM_BYTES - 1024):
        machine.memory(available_bytes=available_bytes)
        vm = Vm(VmSettings(), machine.cache, print, SystemMemory(machine.procfs, machine.sysfs))
        counted.append((vm.most_at_once, machine.find("VM memory").found))

    assert [count for count, _ in counted] == [2, 1]
    for count, found in counted:
        assert f"enough for {count} machine" in found


def test_the_smallest_machine_is_that_of_the_smallest_pattern(machine: FakeMachine) -> None:
    vm = Vm(VmSettings(), machine.cache, print)
    smallest = vm._memory_bytes(Experiment(workload=pattern(regions=1, size_bytes=1)))
    emulator_bytes = VM_BYTES - vm._memory_bytes(Experiment(workload=Program(command="true")))

    assert smallest + emulator_bytes == SMALLEST_VM_BYTES


def test_little_room_on_the_disk_is_a_warning(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_DISK_BYTES", 1 << 80)

    shown = machine.find("disk space")

    assert (shown.state, shown.blocks) == (State.WARNING, ())
    assert shown.found.endswith(f"free for {machine.cache}/damos-autotune")


def test_a_cache_that_can_not_be_made_blocks_the_vm(machine: FakeMachine) -> None:
    environment = {**machine.here.environment, "XDG_CACHE_HOME": f"{machine.bin}/cc"}

    shown = machine.find("disk space", environment=environment)

    assert (shown.state, shown.blocks) == (State.MISSING, ("vm",))
    assert shown.found == f"{machine.bin}/cc can't be written"
