from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.errors import BackendUnavailableError
from autotune.experiment.pattern import BATCH_ACCESSES
from autotune.native.building import build
from autotune.native.player_text import accesses_done

ROOT = Path(__file__).parents[2]
PLAY = "pattern 1 1 1\nregion 8192 -\nphase 0 1\naccess 0 0 1 1 wo\ngo 1\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "damos-autotune" / "native"


@pytest.fixture
def compiler(compiled: Callable[[str], Path]) -> None:
    """Ask for a compiler that works here."""
    compiled("ports")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def accesses_of_one_batch(player: Path) -> int:
    return accesses_done(subprocess.check_output([player], input=PLAY, text=True))


@pytest.mark.usefixtures("compiler")
def test_a_program_is_compiled_once(cache: Path) -> None:
    first = build("player")
    made_ns = first.stat().st_mtime_ns

    second = build("player")

    assert accesses_of_one_batch(second) == BATCH_ACCESSES
    assert (second, second.stat().st_mtime_ns) == (first, made_ns)
    assert (first.name, first.parent.parent) == ("player", cache)
    assert list(first.parent.iterdir()) == [first]


@pytest.mark.usefixtures("compiler")
def test_another_version_of_the_compiler_makes_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = set()
    for version in ("1", "2"):
        cc = script(
            tmp_path / f"cc{version}",
            f'if [ "$1" = --version ]; then echo {version}; else exec cc "$@"; fi',
        )
        monkeypatch.setenv("CC", str(cc))
        made.add(build("ports"))

    assert len(made) == 2


@pytest.mark.usefixtures("compiler")
def test_two_processes_may_compile_at_once() -> None:
    code = "from autotune.native.building import build; print(build('player'))"

    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    paths = {process.communicate(timeout=120)[0] for process in started}

    (path,) = (Path(line.rstrip("\n")) for line in paths)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert list(path.parent.iterdir()) == [path]


def test_without_a_compiler_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)

    with pytest.raises(BackendUnavailableError) as error:
        build("player")

    assert str(error.value) == (
        "no C compiler: set CC to one, or install one (Debian: apt-get install gcc libc6-dev; "
        "elsewhere: pip install ziglang)"
    )


def test_what_the_compiler_says_last_is_passed_on_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    failing = script(
        tmp_path / "cc",
        '[ "$1" = --version ] && exit 0\n'
        "echo 'ld: cannot find -lc' >&2\n"
        "echo 'collect2: error: ld returned 1 exit status' >&2\n"
        "exit 1",
    )
    monkeypatch.setenv("CC", str(failing))

    with pytest.raises(BackendUnavailableError) as error:
        build("player")

    assert str(error.value) == (
        "player.c: does not compile: ld: cannot find -lc: set CC to another compiler, or install "
        "the files of the C library (Debian: apt-get install libc6-dev)"
    )
    assert [path for path in cache.rglob("*") if not path.is_dir()] == []


@pytest.mark.usefixtures("compiler")
def test_a_cache_that_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(BackendUnavailableError) as error:
        build("player")

    assert str(error.value).startswith(f"{tmp_path}/file/damos-autotune/native/")
    assert str(error.value).endswith(
        ": can't keep a compiled program: Not a directory: "
        "set XDG_CACHE_HOME to a folder where it can be kept"
    )


@pytest.mark.skipif(not importlib.util.find_spec("ziglang"), reason="ziglang is not installed")
def test_zig_makes_programs_that_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    # Zig compiles a C library first; what it keeps of that is kept between tests.
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(Path("~/.cache/zig").expanduser()))
    monkeypatch.setenv("CC", shlex.join([sys.executable, "-m", "ziglang", "cc"]))

    player, library = build("player"), build("frozen_clock")

    assert accesses_of_one_batch(player) == BATCH_ACCESSES
    assert b"/ld-linux" not in player.read_bytes()
    subprocess.run(["true"], env={"LD_PRELOAD": str(library)}, check=True)
