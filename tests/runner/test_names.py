from __future__ import annotations

import errno
from pathlib import Path

import pytest

from autotune.runner.names import why_not_found, why_not_started


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a workload; a program `redis-server` is in the search path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/redis-server").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "serve").touch()
    (tmp_path / "link").symlink_to("./link")
    (tmp_path / "serve.py").write_text("import sys")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/no/folder")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("redis-sever", "did you mean 'redis-server'? If not, install it, or give its path"),
        ("postgres", "install it, or give its path"),
        (
            "./bin/redis-serve",
            "did you mean '{folder}/bin/redis-server'? If not, install it, or give ",
        ),
        ("data", "it is a folder: name the program in it"),
        ("/usr", "it is a folder: name the program in it"),
        ("serve", "it is in the folder of the workload: write ./serve"),
        ("./serve", "it may not be run: make it executable: chmod +x {folder}/serve"),
        ("./serve.py", "it may not be run: put the program in front that runs it, as [python3, "),
        (
            "sudo",
            "the workload runs as one ordinary user in a micro-VM, and on a host as the user ",
        ),
        ("cd", "it is a part of the shell: write the command as one text, with 'shell: true'"),
        ("A=b", "it gives a variable a value: put env in front: [env, A=b, ...]"),
        (
            "~/bin/serve",
            "only a shell replaces ~, $ and *: write the path out (in a micro-VM ~ is ",
        ),
        (
            "$HOME/serve",
            "only a shell replaces ~, $ and *: write the path out (in a micro-VM ~ is ",
        ),
        (
            "redis-server --port 1",
            "it has spaces: write each word of a command as an item of its own",
        ),
    ],
)
def test_what_helps_follows_from_the_name(folder: Path, name: str, said: str) -> None:
    assert why_not_found(name, str(folder)).startswith(said.format(folder=folder))


@pytest.mark.parametrize(
    ("content", "number", "said"),
    [
        (
            b"#!/no/such/sh\n",
            errno.ENOENT,
            "its first line is '#!/no/such/sh', and there is no such",
        ),
        (b"#!/bin/sh\r\n", errno.ENOENT, "its lines end as on Windows"),
        (
            b"echo hello\n",
            errno.ENOEXEC,
            "is no program: it is neither compiled nor begins with #!",
        ),
    ],
)
def test_a_script_that_does_not_start_is_told_of(
    folder: Path, content: bytes, number: int, said: str
) -> None:
    path = folder / "script"
    path.write_bytes(content)
    path.chmod(0o755)

    found = why_not_started("./script", str(folder), OSError(number, "no luck"))

    assert found.startswith(f"{path}: {said}")


def test_a_folder_or_program_that_is_missing_is_named(folder: Path) -> None:
    missing = FileNotFoundError(errno.ENOENT, "no luck")

    assert why_not_started("sh", "/no/folder", missing) == "no folder '/no/folder': check the path"
    assert why_not_started("postgres", str(folder), missing) == (
        "no program 'postgres': install it, or give its path"
    )
    assert why_not_started("sh", str(folder), OSError(errno.E2BIG, "no luck")) == (
        "can't start 'sh': no luck: check the command"
    )
