from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autotune.native.building import build


def watched(folder: Path, command: str) -> tuple[int, set[str]]:
    """Give how a shell's command ended, and what was written down."""
    log = folder / "log"
    words = [str(build("opens")), str(log), "/bin/sh", "-c", command]
    ended = subprocess.run(words, cwd=folder, check=False, stderr=subprocess.DEVNULL)
    return ended.returncode, set(log.read_text().splitlines())


def test_what_is_not_there_is_written_down_whoever_looks_for_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()

    status, lines = watched(
        tmp_path, "cat gone; (cd inner; cat ../away) & wait; /no/such/program; ls none; ls inner"
    )

    assert status == 0
    assert {
        *(f"m {tmp_path}/gone", f"m {tmp_path}/inner/../away", "m /no/such/program"),
        f"m {tmp_path}/none",
        f"d {tmp_path}/inner",
    } <= lines


def test_what_is_there_is_not_written_down_and_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "there").touch()

    _, lines = watched(tmp_path, "cat there; for i in 1 2 3; do cat gone; done")

    assert f"m {tmp_path}/there" not in lines
    assert (tmp_path / "log").read_text().count(f"m {tmp_path}/gone\n") == 1


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -9 $$", -9)])
def test_it_ends_as_the_command_ends(tmp_path: Path, command: str, status: int) -> None:
    assert watched(tmp_path, command)[0] == status


def test_a_program_that_goes_into_the_background_is_watched_to_its_end(tmp_path: Path) -> None:
    command = "setsid sh -c 'sleep 0.2; cat late' & exit 0"

    assert f"m {tmp_path}/late" in watched(tmp_path, command)[1]


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [str(build("opens")), str(tmp_path / "log"), "/no/such"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 127
    assert ended.stderr == "opens: /no/such: No such file or directory\n"
