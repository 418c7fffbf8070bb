"""Small programs for this machine to run, and what to wait for."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

WAIT_S = 20.0


def python(code: str) -> tuple[str, ...]:
    """A program of a few lines that starts fast."""
    return (sys.executable, "-I", "-S", "-c", code)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def exists(pid: int) -> bool:
    """Whether there is such a process, zombies included."""
    return Path(f"/proc/{pid}").exists()


@contextlib.contextmanager
def named_as_kdamond(folder: Path) -> Iterator[int]:
    """A process that looks like DAMON's thread."""
    program = folder / "kdamond.0"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "1000"]) as process:
        wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "kdamond.0\n")
        yield process.pid
        process.kill()


DETACHED = """
import os, sys, time
if os.fork():
    os.wait()
else:
    os.setsid()
    if os.fork():
        os._exit(0)
    print(os.getpid(), flush=True)
    time.sleep(1000)
{then}
"""
"""Leaves a process that has lost its parent and its session; prints its number."""
