from __future__ import annotations

from pathlib import Path

import pytest

from autotune.backends.vm.setup import set_up_vm
from autotune.doctor import examine
from autotune.errors import AutotuneError, BackendUnavailableError, InputError
from tests.backends.vm.fake_kernel import OPTIONS, VERSION, write_kernel
from tests.doctor.fake_machine import COMPILES, FakeMachine, script, write


@pytest.fixture
def compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A machine on which programs can be compiled, and whose kernel is not set up."""
    machine = FakeMachine(tmp_path)
    script(machine.bin / "cc", f'case "$1" in --version) echo cc;;*) {COMPILES};; esac')
    machine.forget_kernel()
    for name, value in machine.here.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CC", raising=False)
    return machine


def kept_names(machine: FakeMachine) -> set[str]:
    return {path.name for path in machine.cache.rglob("*") if path.is_file()}


def test_a_given_kernel_is_kept_and_the_parts_are_compiled(compiling: FakeMachine) -> None:
    given, said = compiling.folder / "given", list[str]()

    done = set_up_vm(
        kernel=given / f"vmlinuz-{VERSION}",
        modules=given / "modules",
        note=said.append,
    )

    assert done.failures == ()
    assert done.kernel is not None
    assert done.kernel.version == VERSION
    assert {"vmlinuz", "player", "ports", "frozen_clock"} <= kept_names(compiling)
    assert examine(compiling.here).obstacles()["vm"] == ()
    assert [line.split()[0] for line in said] == ["kernel", "compiled", "QEMU"]


def test_a_kept_kernel_is_not_fetched_again(compiling: FakeMachine) -> None:
    compiling.keep_kernel()
    before = compiling.content()

    first = set_up_vm(note=lambda _: None)
    between = compiling.content()
    second = set_up_vm(note=lambda _: None)

    # There is no apt-get here to fetch one with.
    assert (first.failures, second) == ((), first)
    assert before.keys() < between.keys()
    assert compiling.content() == between


def test_what_is_missing_does_not_keep_the_rest_from_being_done(compiling: FakeMachine) -> None:
    compiling.remove_qemu()

    done = set_up_vm(note=lambda _: None)

    assert done.kernel is None
    assert done.failures == (
        "no program 'apt-get', to get a kernel with: give another kernel with --kernel FILE "
        "--modules DIR",
        "qemu-system-x86_64: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)",
    )
    assert {"player", "ports", "frozen_clock"} <= kept_names(compiling)


def test_without_a_compiler_the_kernel_is_kept_all_the_same(compiling: FakeMachine) -> None:
    script(compiling.bin / "cc", "exit 1")
    compiling.keep_kernel()

    done = set_up_vm(note=lambda _: None)

    assert done.kernel is not None
    assert [failure.split(": ")[1] for failure in done.failures] == [
        "does not work as a C compiler"
    ]


@pytest.mark.parametrize(
    ("kernel", "modules", "refresh", "error", "message"),
    [
        ("no-kernel", "modules", False, InputError, "is no Linux kernel image: name a bzImage"),
        ("none", "modules", False, InputError, "can't be read: No such file or directory"),
        ("bare/vmlinuz-" + VERSION, "modules", False, BackendUnavailableError, "CONFIG_DAMON=y"),
        ("vmlinuz-" + VERSION, "none", False, InputError, "is no folder of kernel modules"),
        (None, "modules", False, InputError, "--modules is given without --kernel"),
        ("vmlinuz-" + VERSION, None, True, InputError, "give one of them"),
    ],
)
def test_what_can_not_be_used_is_refused_and_nothing_is_kept(
    compiling: FakeMachine,
    kernel: str | None,
    modules: str | None,
    refresh: bool,
    error: type[AutotuneError],
    message: str,
) -> None:
    given = compiling.folder / "given"
    write(given / "no-kernel", "text")
    write_kernel(given / "bare", {**OPTIONS, "DAMON": "n", "ZRAM": "n"})
    before = compiling.content()

    with pytest.raises(error) as raised:
        set_up_vm(
            kernel=None if kernel is None else given / kernel,
            modules=None if modules is None else given / modules,
            refresh=refresh,
            note=lambda _: None,
        )

    assert message in str(raised.value)
    assert compiling.content() == before
