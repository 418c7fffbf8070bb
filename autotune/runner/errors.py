"""Errors that are the workload's fault."""

from __future__ import annotations

import signal

from autotune.errors import TrialError

KILLED = frozenset({-signal.SIGKILL, 128 + signal.SIGKILL})
"""Exit statuses of a program that SIGKILL ended, and of a shell whose last command it ended."""


class WorkloadError(TrialError):
    """The workload did not run as its file says it would; the message begins with "workload"."""

    def __init__(self, what: str) -> None:
        super().__init__(f"workload: {what}")


def out_of_memory(title: str) -> WorkloadError:
    """Say that the kernel's OOM killer struck a program."""
    return WorkloadError(
        f"'{title}' was killed by the kernel for want of memory: give the machine more "
        "(vm.memory), or make the workload smaller"
    )


def ending(status: int) -> str:
    """Say in words how a process ended.

    Args:
        status: The exit status, or the negative number of the signal that ended the process.

    >>> ending(3), ending(-9)
    ('exit status 3', 'signal 9 (SIGKILL)')
    """
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"
