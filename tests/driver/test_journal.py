from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.driver.journal import Change, Journal, Kind
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import fault, make_procfs

SETTING = Change(kind=Kind.SETTING, where="/sys/kernel/mm/x", old="madvise")
SWAP = Change(kind=Kind.SWAP, where="/dev/zram1")


@pytest.fixture
def procfs(tmp_path: Path) -> Path:
    return make_procfs(tmp_path / "proc")


@pytest.fixture
def journal(tmp_path: Path, procfs: Path) -> Journal:
    return Journal(tmp_path / "journal", procfs)


def test_without_a_change_there_is_no_file(journal: Journal) -> None:
    assert journal.pending() == ()
    assert not journal.path.exists()


def test_another_process_finds_every_change_in_order(journal: Journal, procfs: Path) -> None:
    for change in (SETTING, SWAP, SETTING):
        journal.write_down(change)

    assert Journal(journal.path, procfs).pending() == (SETTING, SWAP, SETTING)


def test_only_its_owner_may_read_or_change_it(journal: Journal) -> None:
    journal.write_down(SWAP)

    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_a_change_is_on_disk_when_write_down_returns(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = list[bytes]()
    fsync = os.fsync

    def syncing(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(journal.path.read_bytes())

    monkeypatch.setattr(os, "fsync", syncing)

    journal.write_down(SWAP)

    assert synced == [journal.path.read_bytes()]


def test_what_is_undone_is_not_pending(journal: Journal) -> None:
    journal.write_down(SETTING)
    journal.write_down(SWAP)

    journal.undone(SETTING)

    assert journal.pending() == (SWAP,)


def test_of_equal_changes_the_last_is_undone(journal: Journal) -> None:
    for change in (SETTING, SWAP, SETTING):
        journal.write_down(change)

    journal.undone(SETTING)

    assert journal.pending() == (SETTING, SWAP)


def test_when_all_is_undone_the_file_is_gone(journal: Journal) -> None:
    journal.write_down(SETTING)

    journal.undone(SETTING)

    assert not journal.path.exists()


def test_what_another_boot_wrote_is_void(journal: Journal, procfs: Path) -> None:
    journal.write_down(SETTING)
    make_procfs(procfs, boot="boot-2")

    assert journal.pending() == ()
    journal.write_down(SWAP)
    assert journal.pending() == (SWAP,)


@given(st.data())
def test_a_torn_last_line_is_left_out_and_does_not_spoil_the_next(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    journal = Journal(folder / "journal", make_procfs(folder / "proc"))
    journal.write_down(SETTING)
    whole = journal.path.stat().st_size
    journal.write_down(Change(kind=Kind.SETTING, where="/sys/a/longer/path/than/that/of/swap"))
    content = journal.path.read_bytes()

    journal.path.write_bytes(content[: data.draw(st.integers(whole, len(content) - 1))])

    assert journal.pending() == (SETTING,)
    journal.write_down(SWAP)
    assert journal.pending() == (SETTING, SWAP)
    assert journal.path.read_bytes().endswith(b"\n")


def test_damage_elsewhere_is_named_with_its_line(journal: Journal) -> None:
    journal.write_down(SETTING)
    with journal.path.open("a") as file:
        file.write('{"kind": "coffee"}\n')

    with pytest.raises(BackendUnavailableError) as error:
        journal.pending()

    assert str(error.value) == (
        f"{journal.path}:2: is damaged: put back by hand what the file names, then delete it"
    )


def test_a_change_that_can_not_be_written_down_is_an_error_and_leaves_no_trace(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.write_down(SETTING)
    before = journal.path.read_bytes()

    def full(descriptor: int) -> None:
        del descriptor
        raise fault(errno.ENOSPC)

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(BackendUnavailableError) as error:
        journal.write_down(SWAP)

    assert str(error.value) == (
        f"{journal.path}: can't be written: No space left on device: the machine is only changed if "
        "that can be written down; run as root, and free some space"
    )
    assert journal.path.read_bytes() == before


def test_a_link_that_somebody_laid_there_is_not_followed(journal: Journal, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    journal.path.symlink_to(victim)

    with pytest.raises(BackendUnavailableError, match="can't be written"):
        journal.write_down(SWAP)

    assert victim.read_text() == "precious"


def test_without_procfs_nothing_is_changed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", tmp_path / "none")

    with pytest.raises(BackendUnavailableError, match=r"boot_id: can't be read: .*mount procfs"):
        journal.write_down(SWAP)

    assert not journal.path.exists()
