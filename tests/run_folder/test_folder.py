from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autotune.errors import InputError, RunError
from autotune.run_folder.folder import (
    MeasurementRecord,
    RunFolder,
    default_folder,
    read_measurements,
)
from autotune.testing import measurement


def record(seed: int) -> MeasurementRecord:
    return MeasurementRecord(
        role="trial",
        trial=3,
        seed=seed,
        scheme="min max 0 0 5s max pageout",
        measurement=measurement(runtime_s=10.0 + seed / 3),
    )


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
    folder.append(record(0))
    before = (tmp_path / "measurements.jsonl").read_bytes()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(RunError):
        folder.append(record(1))

    assert (tmp_path / "measurements.jsonl").read_bytes() == before


def test_other_failures_ask_for_a_folder_that_stays_writable(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "gone")

    with pytest.raises(RunError) as error:
        folder.append(record(0))

    assert str(error.value) == (
        f"{tmp_path}/gone: can't write measurements.jsonl: No such file or directory: "
        "see that it stays writable; what was finished is readable"
    )


def test_measurements_read_back_as_they_were(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    records = [record(seed) for seed in range(3)]

    for item in records:
        folder.append(item)

    assert read_measurements(tmp_path / "measurements.jsonl") == records


@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_torn_last_line_is_left_out(tmp_path: Path, kept: int) -> None:
    folder = RunFolder(tmp_path)
    path = tmp_path / "measurements.jsonl"
    folder.append(record(0))
    whole = len(path.read_bytes())
    folder.append(record(1))

    content = path.read_bytes()
    path.write_bytes(content[: whole + kept] if kept > 0 else content[:kept])

    assert read_measurements(path) == [record(0)]


def test_damage_elsewhere_is_named_with_its_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    path = tmp_path / "measurements.jsonl"
    folder.append(record(0))
    path.write_bytes(path.read_bytes() + b'{"role": 1}\n')
    folder.append(record(1))

    with pytest.raises(InputError) as error:
        read_measurements(path)

    assert str(error.value) == (
        f"{path}:2: is damaged, not a measurement: restore the file from a copy "
        "(not a measurement: 'measurement')"
    )


def test_a_missing_file_of_measurements_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_measurements(tmp_path / "measurements.jsonl")

    assert str(error.value) == (
        f"{tmp_path}/measurements.jsonl: can't be read: No such file or directory"
    )


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_two_runs_in_one_second_go_to_two_folders(tmp_path: Path) -> None:
    first = default_folder("stairs", now=NOW, runs=tmp_path)
    first.mkdir()

    second = default_folder("stairs", now=NOW, runs=tmp_path)

    assert second == tmp_path / "stairs-2026-01-31-120000-2"
