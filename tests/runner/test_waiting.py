from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from autotune.runner.processes import Processes
from autotune.runner.waiting import what_they_wait_for
from tests.runner.programs import python, wait_for

HERE = os.uname().machine == "x86_64" and os.geteuid() == 0


@pytest.mark.skipif(not HERE, reason="NOT TESTED: needs root on x86-64, to see system calls")
@pytest.mark.parametrize(
    ("code", "waits"),
    [
        ("import sys; sys.stdin.read()", "waits to read from its standard input"),
        ("import time; time.sleep(1000)", "waits for a time to be over"),
        ("import signal; signal.pause()", "waits for a signal"),
        (
            "import threading; threading.Lock().acquire(), threading.Event().wait()",
            "waits for one of",
        ),
        ("import os; os.open('{folder}/fifo', 0)", "waits for another program to open the same "),
        (
            "import os; f = os.open('{folder}/fifo', os.O_RDWR); os.read(f, 1)",
            "waits to read from {folder}/fifo",
        ),
        (
            "import os; a, b = os.pipe(); os.read(a, 1)",
            "waits to read from another program, over a ",
        ),
        (
            "import socket; s = socket.socket(); s.listen(); s.accept()",
            "waits for a connection to ",
        ),
        ("import select; select.poll().poll()", "waits for something to happen to its open files"),
        (
            "import fcntl; fcntl.flock(open('{folder}/lock'), fcntl.LOCK_EX)",
            "waits for a lock of {folder}/lock",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
            "was stopped by a signal, such as",
        ),
        (
            "import os, time; os.fork() and os.wait(); time.sleep(1000)",
            "waits for a time to be over",
        ),
        ("while True: pass", None),
    ],
)
def test_what_a_program_waits_for_is_told(
    processes: Processes, tmp_path: Path, code: str, waits: str | None
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        lines: list[str] = []
        code = f"print('up', flush=True)\n{code.format(folder=tmp_path)}"
        started = processes.start(python(code), on_line=lines.append)
        wait_for(lambda: "up" in lines)
        if waits is not None:
            expected = waits.format(folder=tmp_path)
            wait_for(lambda: expected in (told(processes) or ""))
            assert (told(processes) or "").startswith("process ")
            assert "('python" in (told(processes) or "")
        else:
            assert told(processes) is None
        assert not started.has_ended()


def told(processes: Processes) -> str | None:
    return what_they_wait_for(processes.procfs, processes.measured())


def test_what_has_ended_waits_for_nothing(processes: Processes) -> None:
    started = processes.start(("true",))
    wait_for(started.has_ended)

    assert told(processes) is None
