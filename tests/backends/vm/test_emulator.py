"""Emulators whose machine has not run an instruction: what goes wrong around a machine."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.command_line import MachineParts
from autotune.backends.vm.emulator import Emulator
from autotune.backends.vm.kernel_files import find_kernel
from autotune.backends.vm.orders import FIRST_ORDERS, encode_orders
from autotune.errors import BackendUnavailableError, TrialError
from autotune.experiment.measurement import Measurement
from autotune.native.building import build
from tests.backends.vm.traces import emulators

pytestmark = [pytest.mark.vm, pytest.mark.usefixtures("nothing_is_left")]

MEMORY_BYTES = 160 << 20
ORDERS = encode_orders(FIRST_ORDERS)


@pytest.fixture
def parts(vm_cache: Path, tmp_path: Path) -> MachineParts:
    """A machine that could boot, but would find nothing to run."""
    (tmp_path / "initrd").write_bytes(b"")
    return MachineParts(
        kernel=find_kernel(VmSettings(), vm_cache).image,
        initrd=tmp_path / "initrd",
        init=("/none",),
        memory_bytes=MEMORY_BYTES,
    )


def emulator(parts: MachineParts, state: Path | None = None) -> Emulator:
    return Emulator(parts, ORDERS, build("frozen_clock"), state)


def test_a_machine_waits_before_its_first_instruction(parts: MachineParts) -> None:
    with emulator(parts) as held:
        held.begin()

        assert held.qmp.execute("query-status")["status"] == "prelaunch"
        assert held.console_text() == ""


def test_its_process_ends_with_its_block(parts: MachineParts) -> None:
    with emulator(parts) as held:
        held.begin()
        during = emulators()

    assert len(during) == 1
    assert emulators() == []


def test_it_ends_with_its_block_before_it_has_begun(parts: MachineParts) -> None:
    with emulator(parts):
        assert len(emulators()) <= 1

    assert emulators() == []


def test_a_state_is_saved_and_read_under_any_name(parts: MachineParts, tmp_path: Path) -> None:
    state = tmp_path / 'it\'s a "state", $HOME: 100%'
    with emulator(parts) as held:
        held.begin()
        held.save(state)

    with emulator(parts, state) as fork:
        fork.begin()
        fork.wait_for_state()

        assert fork.qmp.execute("query-status")["status"] in {"prelaunch", "paused"}


def test_a_cache_under_any_name_starts(parts: MachineParts, tmp_path: Path) -> None:
    folder = tmp_path / "odd, = : ' name"
    folder.mkdir()
    kernel, library = folder / "vmlinuz", folder / "frozen clock: 1"
    kernel.symlink_to(parts.kernel.resolve())
    library.write_bytes(build("frozen_clock").read_bytes())
    odd = MachineParts(
        kernel=kernel, initrd=parts.initrd, init=parts.init, memory_bytes=parts.memory_bytes
    )

    with Emulator(odd, ORDERS, library) as held:
        held.begin()

        assert held.qmp.execute("query-status")["status"] == "prelaunch"


def test_a_full_disk_is_told_when_a_state_is_saved(parts: MachineParts) -> None:
    with emulator(parts) as held:
        held.begin()
        with pytest.raises(BackendUnavailableError) as error:
            held.save(Path("/dev/full"))

    message = str(error.value)
    assert message.startswith("/dev/full: the machine's state can't be saved: ")
    assert message.endswith(": see that the disk has room")
    assert "\n" not in message


def go_on_from(parts: MachineParts, state: Path, later_s: float = 0.0) -> None:
    with emulator(parts, state) as held:
        time.sleep(later_s)
        held.begin()
        held.wait_for_state()


@pytest.mark.parametrize("later_s", [0.0, 1.0])
def test_a_damaged_state_is_told(parts: MachineParts, tmp_path: Path, later_s: float) -> None:
    state = tmp_path / "state"
    state.write_bytes(b"no state" * 1000)

    with pytest.raises(BackendUnavailableError) as error:
        go_on_from(parts, state, later_s)

    message = str(error.value)
    assert message.startswith("the saved machine can't be continued: ")
    assert message.endswith(": remove the cache folder's 'machines'")


@pytest.mark.parametrize("content", [None, b""], ids=["gone", "empty"])
def test_a_state_that_is_not_there_is_told_at_once(
    parts: MachineParts, tmp_path: Path, content: bytes | None
) -> None:
    state = tmp_path / "state"
    if content is not None:
        state.write_bytes(content)

    with pytest.raises(BackendUnavailableError) as error:
        go_on_from(parts, state)

    assert str(error.value) == (
        f"{state}: the saved machine is gone: try again, and it is made anew"
    )


def test_a_kernel_that_is_not_there_is_told(parts: MachineParts, tmp_path: Path) -> None:
    missing = MachineParts(
        kernel=tmp_path / "vmlinuz",
        initrd=parts.initrd,
        init=("/none",),
        memory_bytes=MEMORY_BYTES,
    )

    with emulator(missing) as held, pytest.raises(BackendUnavailableError) as error:
        held.begin()

    message = str(error.value)
    assert message.startswith("the emulator did not start: ")
    assert str(tmp_path / "vmlinuz") in message
    assert message.endswith(": see 'autotune doctor'")


def test_more_memory_than_there_can_be_is_told(parts: MachineParts) -> None:
    huge = MachineParts(
        kernel=parts.kernel, initrd=parts.initrd, init=("/none",), memory_bytes=1 << 60
    )

    with emulator(huge) as held, pytest.raises(BackendUnavailableError) as error:
        held.begin()

    assert str(error.value).startswith("the emulator did not start: ")


def test_without_an_emulator_nothing_stays_open(
    parts: MachineParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = build("frozen_clock")
    monkeypatch.setenv("PATH", str(tmp_path))
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the numbers are compared

    with pytest.raises(BackendUnavailableError, match=r"^qemu-system-x86_64: not found: install "):
        Emulator(parts, ORDERS, clock)

    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_another_thread_can_end_it_while_it_runs(parts: MachineParts) -> None:
    with emulator(parts) as held:
        held.begin()
        timer = threading.Timer(0.3, held.end)
        timer.start()
        stopped = held.run_until_it_stops(60.0)
        timer.join()

        assert not stopped
        with pytest.raises(TrialError) as error:
            held.answer(Measurement)

    assert str(error.value) == (
        "the micro-VM ended without an answer, with signal 9 (SIGKILL): try again, or give it more "
        "memory (vm.memory); its console is empty"
    )


def test_a_machine_that_finds_nothing_to_run_is_told_with_the_end_of_its_console(
    parts: MachineParts,
) -> None:
    with emulator(parts) as held:
        held.begin()
        stopped = held.run_until_it_stops(120.0)
        with pytest.raises(TrialError) as error:
            held.answer(Measurement)

    message = str(error.value)
    assert not stopped
    assert message.startswith(
        "the micro-VM ended without an answer, with exit status 0: try again, or give it more memory "
        "(vm.memory); its console says '"
    )
    assert "Kernel panic - not syncing: VFS: " in message
    assert "\n" not in message


def test_a_machine_that_takes_too_long_is_ended(parts: MachineParts) -> None:
    with emulator(parts) as held:
        held.begin()
        with pytest.raises(TrialError) as error:
            held.run_until_it_stops(0.5)

    assert str(error.value).startswith(
        "the micro-VM was ended after 0 s of real time: lower the load, or raise workload.timeout; its "
    )
