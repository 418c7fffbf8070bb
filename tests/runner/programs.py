"""Small programs for this machine to run, and what to wait for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
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
