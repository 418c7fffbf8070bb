from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autotune.errors import InputError, RunError
from autotune.run_folder.folder import RunFolder, default_folder


def full(descriptor: int) -> None:
    del descriptor
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a" / "b")

    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    assert RunFolder.create(tmp_path / "out").path == tmp_path / "out"


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    with pytest.raises(InputError) as error:
        RunFolder.create(tmp_path / "out")

    assert str(error.value) == (
        f"{tmp_path}/out: is no folder, or lies in something that is none: name another"
    )


def test_a_folder_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    with pytest.raises(InputError, match=r"is no folder, or lies in something that is none"):
        RunFolder.create(tmp_path / "out" / "run")


def test_a_place_that_can_not_be_written_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(InputError) as error:
        RunFolder.create(tmp_path / "out")

    assert str(error.value) == (
        f"{tmp_path}/out: can't make a run folder here: Permission denied: name another place"
    )
    assert error.value.exit_status == 2


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write("trials.csv", "long content\n")

    folder.write("trials.csv", "short\n")

    assert (tmp_path / "trials.csv").read_text() == "short\n"
    assert [path.name for path in tmp_path.iterdir()] == ["trials.csv"]


def test_when_the_disk_is_full_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    folder.write("trials.csv", "old\n")
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(RunError) as error:
        folder.write("trials.csv", "new\n")

    assert str(error.value) == (
        f"{tmp_path}: can't write trials.csv: No space left on device: free some space; "
        "what was finished is readable"
    )
    assert (tmp_path / "trials.csv").read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["trials.csv"]


def test_when_the_disk_is_full_no_half_line_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    folder.append_json("log.jsonl", {"number": 0})
    before = (tmp_path / "log.jsonl").read_bytes()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(RunError):
        folder.append_json("log.jsonl", {"number": 1})

    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_other_failures_ask_for_a_folder_that_stays_writable(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "gone")

    with pytest.raises(RunError) as error:
        folder.append_json("log.jsonl", {"number": 0})

    assert str(error.value) == (
        f"{tmp_path}/gone: can't write log.jsonl: No such file or directory: "
        "see that it stays writable; what was finished is readable"
    )


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_two_runs_in_one_second_go_to_two_folders(tmp_path: Path) -> None:
    first = default_folder("stairs", now=NOW, runs=tmp_path)
    first.mkdir()

    second = default_folder("stairs", now=NOW, runs=tmp_path)

    assert second == tmp_path / "stairs-2026-01-31-120000-2"
