from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from autotune.backends.vm.command_line import PROGRAM
from autotune.doctor import State
from tests.doctor.fake_machine import NOBODY, FakeMachine, Told, script


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
