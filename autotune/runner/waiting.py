"""What programs wait for that have come to no end: told from their state and their last system call.

A longer time does not help a program that waits for what never comes: a terminal, an answer, a signal.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from typing import Final

from autotune.runner.procfs import Procfs

IDLE_SHARE: Final = 0.05
"""Programs that used less than this share of a CPU have mostly waited."""

TIME: Final = "for a time to be over"
STOPPED: Final = "was stopped by a signal"

_ON_A_FILE: Final = {
    **dict.fromkeys((0, 17, 19), "to read from"),
    **dict.fromkeys((1, 18, 20), "to write to"),
    **dict.fromkeys((42, 45, 47), "for an answer from"),
    **dict.fromkeys((43, 288), "for a connection to"),
    **dict.fromkeys((72, 73), "for a lock of"),
}
"""Numbers of system calls whose first argument is an open file, and what a caller waits for."""

_ON_NO_FILE: Final = {
    **dict.fromkeys((7, 23, 232, 270, 271, 281, 441), "for something to happen to its open files"),
    **dict.fromkeys((34, 128, 130), "for a signal"),
    **dict.fromkeys((35, 230), TIME),
    **dict.fromkeys((65, 220), "for a semaphore"),
    **dict.fromkeys((2, 257), "for another program to open the same pipe"),
    202: "for one of its threads or for a lock",
}
"""Numbers of other system calls, and what a caller waits for. Source: syscall_64.tbl of Linux 6.12."""

_FOR_CHILDREN: Final = frozenset({61, 247})
_IS_STOPPED: Final = re.compile(rb"^State:\s+[Tt]\b", re.MULTILINE)
_DEVICES_OF_TERMINALS: Final = re.compile(r"/dev/(tty|pts/|console)")


def what_they_wait_for(procfs: Procfs, pids: Iterable[int]) -> str | None:
    """Say what the first of some processes that can be asked waits for; None if none can.

    A process that only waits for its children is passed over.

    Args:
        procfs: Where the processes' files are read.
        pids: The processes.

    Returns:
        The end of a sentence, as ``process 12 ('vim') waits for a signal``.
    """
    for pid in pids:
        name = f"process {pid} ('{procfs.name(pid)}')"
        if _IS_STOPPED.search(procfs.read(f"{pid}/status") or b""):
            return f"{name} {STOPPED}, such as SIGSTOP or SIGTTIN, and nothing lets it go on"
        if what := _wanted(procfs, pid):
            return f"{name} waits {what}"
    return None


def _wanted(procfs: Procfs, pid: int) -> str | None:
    words = (procfs.read(f"{pid}/syscall") or b"").split()
    if len(words) < 2 or platform.machine() != "x86_64" or not words[0].isdigit():
        return None
    call = int(words[0])
    if call in _FOR_CHILDREN:
        return None
    if call in _ON_A_FILE:
        return f"{_ON_A_FILE[call]} {_file(procfs, pid, int(words[1], 16))}"
    return _ON_NO_FILE.get(call)


def _file(procfs: Procfs, pid: int, descriptor: int) -> str:
    """Name an open file of a process."""
    where = procfs.link(f"{pid}/fd/{descriptor}")
    if descriptor == 0:
        return "its standard input"
    if where.startswith("socket:"):
        return "another program or a machine, over a socket"
    if where.startswith("pipe:"):
        return "another program, over a pipe"
    if _DEVICES_OF_TERMINALS.match(where):
        return "a terminal"
    return where or "an open file"
