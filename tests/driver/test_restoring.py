from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

import pytest

from autotune.damon.monitoring import Monitoring, Target
from autotune.driver.journal import Change, Journal, Kind
from autotune.driver.kdamond import Kdamond
from autotune.driver.lock import locked
from autotune.driver.restoring import restore, restore_after_kill
from autotune.driver.setup import Setup
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import THREAD, FakeKernel, FakeSwap, make_procfs

SETUP = Setup(monitoring=Monitoring(), targets=(Target(pid=42),))


@dataclass(frozen=True)
class Machine:
    kernel: FakeKernel
    swap: FakeSwap
    journal: Journal
    huge_pages: Path
    zram: Path

    def restore(self) -> tuple[str, ...]:
        return restore(self.journal, self.kernel, self.swap)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    sysfs = tmp_path / "sys"
    huge_pages = sysfs / "kernel/mm/transparent_hugepage/enabled"
    zram = sysfs / "block/zram1"
    for file in (huge_pages, zram / "reset", sysfs / "class/zram-control/hot_remove"):
        file.parent.mkdir(parents=True)
        file.touch()
    return Machine(
        kernel=FakeKernel(sysfs),
        swap=FakeSwap(),
        journal=Journal(tmp_path / "journal", make_procfs(tmp_path / "proc")),
        huge_pages=huge_pages,
        zram=zram,
    )


def test_a_journal_that_is_not_there_changes_nothing(machine: Machine) -> None:
    before = machine.kernel.content()

    assert machine.restore() == ()
    assert machine.kernel.content() == before


@pytest.mark.parametrize("old", ["", str(THREAD)])
def test_a_kdamond_is_turned_off_and_removed(machine: Machine, old: str) -> None:
    before = machine.kernel.content()
    change = Change(kind=Kind.KDAMONDS, where=str(machine.kernel.root), old=old)
    machine.journal.write_down(change)
    Kdamond(machine.kernel).turn_on(SETUP)

    restored = machine.restore()

    assert machine.kernel.content() == before
    assert restored == (f"{machine.kernel.root}: DAMON is off, and nothing is set up",)
    assert not machine.journal.path.exists()


def test_a_kdamond_that_somebody_turned_on_since_is_left(machine: Machine) -> None:
    change = Change(kind=Kind.KDAMONDS, where=str(machine.kernel.root), old="1")
    machine.journal.write_down(change)
    Kdamond(machine.kernel).turn_on(SETUP)
    before = machine.kernel.content()

    restored = machine.restore()

    assert machine.kernel.content() == before
    assert machine.kernel.on
    assert restored == (f"{machine.kernel.root}: used by another program since: left as it is",)


def test_settings_are_put_back_last_change_first(machine: Machine) -> None:
    for old in ("madvise", "always"):
        machine.journal.write_down(
            Change(kind=Kind.SETTING, where=str(machine.huge_pages), old=old)
        )

    restored = machine.restore()

    assert machine.huge_pages.read_text() == "madvise"
    assert restored == (
        f"{machine.huge_pages}: 'always' again",
        f"{machine.huge_pages}: 'madvise' again",
    )


def test_swap_is_turned_off_before_its_device_is_removed(machine: Machine) -> None:
    device = Path("/dev/zram1")
    machine.journal.write_down(Change(kind=Kind.ZRAM, where=str(machine.zram), old="added"))
    machine.journal.write_down(Change(kind=Kind.SWAP, where=str(device)))
    machine.swap.swap_on(device)

    restored = machine.restore()

    assert machine.swap.devices == []
    assert (machine.zram / "reset").read_text() == "1"
    assert (machine.kernel.sysfs / "class/zram-control/hot_remove").read_text() == "1"
    assert restored == (
        "/dev/zram1: no swap any more",
        f"{machine.zram}: empty, or gone, as before",
    )


def test_a_device_that_was_there_before_stays(machine: Machine) -> None:
    machine.journal.write_down(Change(kind=Kind.ZRAM, where=str(machine.zram), old="found"))

    machine.restore()

    assert (machine.zram / "reset").read_text() == "1"
    assert (machine.kernel.sysfs / "class/zram-control/hot_remove").read_text() == ""


def test_a_trace_buffer_is_removed(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "instances/autotune-7"
    folder.mkdir(parents=True)
    machine.journal.write_down(Change(kind=Kind.TRACE, where=str(folder)))

    restored = machine.restore()

    assert not folder.exists()
    assert restored == (f"{folder}: no trace buffer any more",)


def test_a_trace_buffer_that_is_in_use_is_left_and_named(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "instances/autotune-7"
    (folder / "held").mkdir(parents=True)
    change = Change(kind=Kind.TRACE, where=str(folder))
    machine.journal.write_down(change)

    with pytest.raises(BackendUnavailableError, match=r"can't be removed: Directory not empty: "):
        machine.restore()

    assert machine.journal.pending() == (change,)


def test_what_was_written_down_and_never_done_is_no_error(machine: Machine) -> None:
    machine.journal.write_down(Change(kind=Kind.KDAMONDS, where=str(machine.kernel.root)))
    machine.journal.write_down(
        Change(kind=Kind.ZRAM, where=str(machine.zram.with_name("zram7")), old="added")
    )
    machine.journal.write_down(Change(kind=Kind.SWAP, where="/dev/zram7"))
    machine.journal.write_down(Change(kind=Kind.TRACE, where="/none/instances/autotune-7"))
    before = machine.kernel.content()

    machine.restore()

    assert machine.kernel.content() == before
    assert not machine.journal.path.exists()


def test_one_failure_does_not_keep_the_rest_from_being_put_back(machine: Machine) -> None:
    setting = Change(kind=Kind.SETTING, where=str(machine.huge_pages), old="madvise")
    swap = Change(kind=Kind.SWAP, where="/dev/zram1")
    machine.journal.write_down(setting)
    machine.journal.write_down(swap)
    machine.swap.refuses = errno.ENOMEM

    with pytest.raises(BackendUnavailableError) as error:
        machine.restore()

    assert machine.huge_pages.read_text() == "madvise"
    assert machine.journal.pending() == (swap,)
    assert str(error.value) == (
        f"{machine.journal.path}: not all was put back: /dev/zram1: can't end swapping to it: "
        "Cannot allocate memory (ENOMEM): free some memory: mend that, then run: "
        "autotune doctor --restore"
    )


def test_after_a_kill_everything_is_put_back_but_not_under_a_run_that_goes_on(
    machine: Machine, tmp_path: Path
) -> None:
    machine.journal.write_down(
        Change(kind=Kind.SETTING, where=str(machine.huge_pages), old="madvise")
    )
    lock, procfs = tmp_path / "lock", tmp_path / "proc"

    def attempt() -> tuple[str, ...]:
        return restore_after_kill(
            machine.kernel,
            system=machine.swap,
            journal_path=machine.journal.path,
            lock_path=lock,
            procfs=procfs,
        )

    with locked(lock), pytest.raises(BackendUnavailableError, match="another autotune"):
        attempt()
    assert machine.huge_pages.read_text() == ""

    assert attempt() == (f"{machine.huge_pages}: 'madvise' again",)
    assert attempt() == ()
