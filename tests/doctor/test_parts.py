from __future__ import annotations

from collections.abc import Callable

import pytest

from autotune.doctor import State
from autotune.errors import BackendUnavailableError
from autotune.native.building import build
from tests.backends.vm.fake_kernel import VERSION
from tests.doctor.fake_machine import COMPILES, FakeMachine, Told, script


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
