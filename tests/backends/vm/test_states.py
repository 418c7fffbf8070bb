from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autotune.backends.vm.states import SavedMachines, make_room
from autotune.errors import BackendUnavailableError, TrialError

KEY = "abc"


def unexpected(path: Path) -> None:
    pytest.fail(f"{path} is made again")


def write(path: Path) -> None:
    path.write_text("state")


def write_much(path: Path) -> None:
    path.write_bytes(bytes(100))


def age(path: Path, time_s: int) -> Path:
    os.utime(path, (time_s, time_s))
    return path


def test_a_machine_is_saved_once(tmp_path: Path) -> None:
    saved = SavedMachines(tmp_path / "machines")

    first = saved.get(KEY, write)
    again = SavedMachines(tmp_path / "machines").get(KEY, unexpected)

    assert first == again
    assert again.read_text() == "state"


def test_another_key_is_another_machine(tmp_path: Path) -> None:
    saved = SavedMachines(tmp_path)

    paths = {saved.get(key, write) for key in "ab"}

    assert sorted(path.stem for path in paths) == ["a", "b"]


@pytest.mark.parametrize("error", [TrialError("no"), BackendUnavailableError("no")])
def test_a_machine_that_can_not_be_saved_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    saved = SavedMachines(tmp_path)

    def fail(path: Path) -> None:
        path.write_text("half a st")
        raise error

    with pytest.raises(type(error)):
        saved.get(KEY, fail)

    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_half_a_machine_that_was_left_by_a_killed_process_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / f".{KEY}.new").write_text("half a st")

    path = SavedMachines(tmp_path).get(KEY, write)

    assert path.read_text() == "state"


def test_what_a_killed_process_left_of_another_machine_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".other.lock").touch()
    (tmp_path / ".other.new").write_text("half")

    SavedMachines(tmp_path).get(KEY, write)

    assert not (tmp_path / ".other.new").exists()


def test_what_another_is_saving_is_left_alone(tmp_path: Path) -> None:
    saved = SavedMachines(tmp_path)

    def write_beside(path: Path) -> None:
        write(path)
        saved.get("other", write)
        assert path.exists()

    assert saved.get(KEY, write_beside).read_text() == "state"


def test_two_that_want_the_same_machine_make_it_once(tmp_path: Path) -> None:
    begun = threading.Barrier(2)
    made: list[Path] = []

    def want(_: int) -> Path:
        begun.wait(timeout=10)
        return SavedMachines(tmp_path).get(KEY, made_slowly)

    def made_slowly(path: Path) -> None:
        made.append(path)
        threading.Event().wait(0.2)
        path.write_text("state")

    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(want, range(2)))

    assert paths[0] == paths[1]
    assert len(made) == 1


def test_those_not_used_for_longest_make_room(tmp_path: Path) -> None:
    saved = SavedMachines(tmp_path, most_bytes=250)

    for number, key in enumerate("abc"):
        age(saved.get(key, write_much), number)
        if key == "b":
            saved.get("a", unexpected)  # uses it
            age(tmp_path / "a.state", 10)

    assert sorted(path.stem for path in tmp_path.glob("*.state")) == ["a", "c"]


def test_a_machine_that_is_too_large_for_the_limit_is_kept_alone(tmp_path: Path) -> None:
    saved = SavedMachines(tmp_path, most_bytes=50)

    for key in "ab":
        saved.get(key, write_much)

    assert [path.stem for path in tmp_path.glob("*.state")] == ["b"]


def test_files_that_others_have_removed_take_no_room(tmp_path: Path) -> None:
    keep, old = tmp_path / "keep", age_of(tmp_path / "old", 1)
    keep.write_bytes(bytes(60))

    make_room([tmp_path / "gone", old, keep], 100, keep=keep)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["keep"]


def age_of(path: Path, time_s: int) -> Path:
    path.write_bytes(bytes(60))
    return age(path, time_s)


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "machines").write_text("a file")

    with pytest.raises(BackendUnavailableError) as error:
        SavedMachines(tmp_path / "machines").get(KEY, unexpected)

    assert str(error.value) == (
        f"{tmp_path}/machines: can't keep machines here: File exists: make it writable, or set "
        "XDG_CACHE_HOME"
    )
