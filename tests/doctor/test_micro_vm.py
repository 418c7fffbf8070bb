from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.command_line import PROGRAM
from autotune.backends.vm.vm import Vm
from autotune.doctor import State
from autotune.doctor.micro_vm import SMALLEST_VM_BYTES, VM_BYTES
from autotune.errors import BackendUnavailableError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program
from autotune.native.building import build
from autotune.runner.system_memory import SystemMemory
from autotune.testing import pattern
from tests.backends.vm.fake_kernel import VERSION
from tests.doctor.fake_machine import COMPILES, NOBODY, FakeMachine, Told, script


def old_qemu(machine: FakeMachine) -> None:
    script(machine.bin / PROGRAM, "echo 'QEMU emulator version 7.1.9'")


def broken_qemu(machine: FakeMachine) -> None:
    script(machine.bin / PROGRAM, "exit 1")


def no_kvm(machine: FakeMachine) -> None:
    (machine.dev / "kvm").unlink()


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (
            FakeMachine.remove_qemu,
            "QEMU",
            Told("missing", "not found", "apt-get install", ("vm",)),
        ),
        (
            old_qemu,
            "QEMU",
            Told("missing", "version 7.1.9' is too old", "QEMU 7.2 or later", ("vm",)),
        ),
        (broken_qemu, "QEMU", Told("missing", "'' is too old", "QEMU 7.2 or later", ("vm",))),
        (no_kvm, "KVM", Told("missing", "no /", "only mode: realtime")),
    ],
)
def test_what_is_missing_is_told_with_its_fix_and_what_it_blocks(
    machine: FakeMachine, change: Callable[[FakeMachine], None], name: str, told: Told
) -> None:
    change(machine)

    shown = machine.find(name)

    assert told.as_seen_in(shown) == told


def test_another_processor_has_no_micro_vm(machine: FakeMachine) -> None:
    shown = machine.find("processor", processor="aarch64")

    assert (shown.state, shown.found, shown.blocks) == (State.MISSING, "aarch64", ("vm",))


@pytest.mark.parametrize(
    ("mode", "euid", "groups", "usable"),
    [
        (0o000, 0, {0}, True),
        (0o600, os.geteuid(), {NOBODY}, True),
        (0o066, NOBODY - 1, {os.getegid()}, True),
        (0o600, NOBODY - 1, {os.getegid()}, False),
        (0o660, NOBODY - 1, {NOBODY}, False),
        (0o662, NOBODY - 1, {NOBODY}, False),
        (0o666, NOBODY - 1, {NOBODY}, True),
    ],
)
def test_who_may_use_kvm_is_told_from_its_permissions(
    machine: FakeMachine, mode: int, euid: int, groups: set[int], usable: bool
) -> None:
    (machine.dev / "kvm").chmod(mode)

    shown = machine.find("KVM", euid=euid, groups=frozenset(groups))

    assert (shown.state is State.OK) == usable
    assert usable or "usermod -aG kvm" in shown.fix


def kernel_of_unknown_configuration(machine: FakeMachine) -> None:
    (config,) = machine.cache.rglob("config")
    config.unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            FakeMachine.forget_kernel,
            Told("missing", "no kernel", "run autotune vm setup", ("vm",)),
        ),
        (kernel_of_unknown_configuration, Told("warning", VERSION, "--refresh")),
    ],
)
def test_what_is_wrong_with_the_kernel_is_told_with_its_fix_and_what_it_blocks(
    machine: FakeMachine, change: Callable[[FakeMachine], None], told: Told
) -> None:
    change(machine)

    shown = machine.find("VM kernel")

    assert told.as_seen_in(shown) == told


@pytest.mark.parametrize(
    ("choice", "programs"),
    [
        ("", {"cc": COMPILES}),
        ("", {"gcc": COMPILES}),
        ("", {"clang": COMPILES}),
        ("", {}),
        ("", {"cc": "exit 1", "gcc": COMPILES}),
        ("mine", {"mine": COMPILES}),
        ("mine -m64", {"mine": COMPILES}),
        ("mine", {"cc": COMPILES}),
        ("mine", {"mine": "exit 1", "cc": COMPILES}),
        ("'mine", {"mine": COMPILES}),
    ],
)
def test_a_compiler_is_found_where_programs_can_be_compiled(
    machine: FakeMachine,
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    programs: dict[str, str],
) -> None:
    (machine.bin / "cc").unlink()
    for name, does in programs.items():
        says = 'case "$*" in *--version) echo "it 1.0";'
        script(machine.bin / name, does if "exit" in does else f"{says};*) {does};; esac")
    environment = {**machine.here.environment, "CC": choice}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    try:
        compiled = build("ports").is_file()
    except BackendUnavailableError:
        compiled = False
    shown = machine.find("C compiler", environment=environment)

    assert (shown.state is State.OK) == compiled
    assert shown.blocks == (() if compiled else ("vm",))


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
    smallest = Experiment(workload=pattern(regions=1, size_bytes=1))

    assert vm.takes_bytes(smallest) == SMALLEST_VM_BYTES
    assert vm.takes_bytes(Experiment(workload=Program(command="true"))) == VM_BYTES


def test_little_room_on_the_disk_is_a_warning(machine: FakeMachine) -> None:
    little = machine.find("disk space", free_bytes=lambda _: (2 << 30) - 1)
    enough = machine.find("disk space", free_bytes=lambda _: 2 << 30)

    assert (little.state, little.blocks) == (State.WARNING, ())
    assert (enough.state, enough.blocks) == (State.OK, ())
    assert little.found.endswith(f"free for {machine.cache}/damos-autotune")


def test_a_cache_that_can_not_be_made_blocks_the_vm(machine: FakeMachine) -> None:
    environment = {**machine.here.environment, "XDG_CACHE_HOME": f"{machine.bin}/cc"}

    shown = machine.find("disk space", environment=environment)

    assert (shown.state, shown.blocks) == (State.MISSING, ("vm",))
    assert shown.found == f"{machine.bin}/cc can't be written"
