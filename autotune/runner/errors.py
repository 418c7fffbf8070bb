"""What goes wrong with a workload, apart from what goes wrong with us."""

from __future__ import annotations

import signal

from autotune.errors import TrialError


class WorkloadError(TrialError):
    """The workload did not run as its file says it would; the message begins with "workload"."""

    def __init__(self, what: str) -> None:
        super().__init__(f"workload: {what}")


def ending(status: int) -> str:
    """Say in words how a process ended.

    Args:
        status: As `subprocess.Popen.returncode`: negative for a signal.

    >>> ending(3), ending(-9)
    ('exit status 3', 'signal 9 (SIGKILL)')
    """
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"
