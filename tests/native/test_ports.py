"""The port writer where it may not write: in a virtual machine it may, and is used by its tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

NOBODY = 65_534

UNPRIVILEGED = f"""
import os, sys
if os.geteuid() == 0:
    os.setgid({NOBODY})
    os.setuid({NOBODY})
os.execve(int(sys.argv[1]), ["ports", sys.argv[2]], {{}})
"""
"""Gives up what would let the program reach this machine's real ports. A descriptor, not a path: it may
lie in a folder that nobody else can enter."""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("stop", "can't use port 0x505"),
        ("send", "can't use port 0xe9"),
        ("halt", "stop or send expected"),
    ],
)
def test_what_can_not_be_done_is_said(
    compiled: Callable[[str], Path], command: str, message: str
) -> None:
    program = os.open(compiled("ports"), os.O_RDONLY)

    finished = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(program), command],
        pass_fds=[program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(program)

    # A kernel may have no way to permit ports at all.
    reasons = ("", ": Operation not permitted", ": Function not implemented")
    assert finished.returncode == 1
    assert finished.stderr in {f"ports: {message}{reason}\n" for reason in reasons}
