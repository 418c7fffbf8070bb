from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.driver.lock import locked
from autotune.errors import BackendUnavailableError

HOLDER = """\
import sys
from pathlib import Path
from autotune.driver.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
ROOT = Path(__file__).parents[2]


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_processes_never_hold_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with holder(path) as process:
        with pytest.raises(BackendUnavailableError) as error, locked(path):
            pass
        process.communicate()

    assert str(error.value) == (
        f"{path}: another autotune measures on this machine (process {process.pid}): wait until it is "
        "done"
    )
    assert process.returncode == 0


def test_a_killed_process_holds_it_no_more(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        process.kill()

    with locked(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_it_is_free_after_the_block_however_that_ended(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"

    with pytest.raises(ZeroDivisionError), locked(path):
        _ = 1 // 0

    with locked(path):
        pass
    assert path.read_text() == ""


def test_a_link_that_somebody_laid_there_is_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "lock"
    victim.write_text("precious")
    path.symlink_to(victim)

    with pytest.raises(BackendUnavailableError) as error, locked(path):
        pass

    assert victim.read_text() == "precious"
    assert str(error.value) == (
        f"{path}: can't be used as a lock: Too many levels of symbolic links: run as root, and see that "
        "it is an ordinary file"
    )
