from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autotune.runner import scripts


def script(tmp_path: Path, content: bytes, name: str = "a script's.sh") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            b"#!/bin/sh\r\necho hello\r\n",
            "its lines end as on Windows, so that Linux looks for the ",
        ),
        (
            b"#!/usr/bin/env sh\r\necho hello\r\n",
            "its lines end as on Windows, so that Linux looks ",
        ),
        (
            b"\xef\xbb\xbf#!/bin/sh\necho hello\n",
            "a byte order mark is in front of its #!, so that ",
        ),
    ],
)
def test_a_remedy_makes_a_script_run(tmp_path: Path, content: bytes, fault: str) -> None:
    path = script(tmp_path, content)
    with pytest.raises(OSError, match=r"No such file|Exec format error|env"):
        run(path)

    told = scripts.fault_of(path, content) or ""
    subprocess.run(told[told.index("sed -i") :], shell=True, check=True)  # noqa: S602  # the remedy

    assert told.startswith(fault)
    assert scripts.fault_of(path, path.read_bytes()) is None
    assert run(path) == "hello\n"


def run(path: Path) -> str:
    done = subprocess.run([path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr)
    return done.stdout


@pytest.mark.parametrize("start", [b"#!/bin/sh\n", b"#!/bin/sh -e \n\r", b"echo", b"", b"#!\n"])
def test_a_script_that_linux_can_read_has_no_fault(start: bytes) -> None:
    assert scripts.fault_of(Path("run"), start) is None


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("serve.py", b"import sys", "[python3, serve.py]"),
        ("serve.js", b"let a", "[node, serve.js]"),
        ("serve", b"echo hello", "for a shell script, [sh, serve]"),
        ("serve", b"", "is empty: take the program itself"),
        ("serve.exe", b"MZ\x90\0", "is a program for Windows: take the one for Linux"),
        ("serve.jar", b"PK\x03\x04", "[java, -jar, serve.jar]"),
        ("serve", b"\0\1\2", "take a program for Linux"),
    ],
)
def test_what_is_no_program_is_told_how_to_run(name: str, start: bytes, said: str) -> None:
    assert scripts.what_it_is(Path(name), start).endswith(said)
