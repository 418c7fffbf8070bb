"""What a workload looked for in a micro-VM and did not find there, as native/opens.c writes it down."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autotune.experiment.program import Program
from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes
from autotune.runner.running import check_end, start_workload

LOG: Final = Path("/run/opened")
"""Where the tracers of all commands write to, in the guest."""

_LONGEST_S: Final = 60.0
"""How long the measured part is watched at most. A program opens its files early."""
_QUIET_S: Final = 30.0
"""A program that looks for nothing new for so long has what it needs."""

_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a workload looked for.

    Attributes:
        missing: Paths that were looked for, and not there.
        to_list: Paths of folders that were to be listed, and not there.
        listed: Folders that were listed; what they have here may be a part only.
        problem: How the workload failed; None if it did not.
    """

    missing: tuple[str, ...]
    to_list: tuple[str, ...]
    listed: tuple[str, ...]
    problem: str | None


def look(
    program: Program,
    processes: Processes,
    timeout_us: int,
    on_wait: Callable[[float], None],
    *,
    log: Path = LOG,
    quiet_s: float = _QUIET_S,
) -> Opened:
    """Run a workload whose processes are traced, for up to a minute after it is ready.

    It is ended earlier if it looks for nothing new for half a minute, as a compiler at work does.

    Args:
        program: The workload.
        processes: Its processes, each under a tracer.
        timeout_us: How long the warm-up may take.
        on_wait: Called again and again with the time waited so far, in seconds.
        log: Where the tracers write to.
        quiet_s: How long a program that is ready may look for nothing new, in seconds.
    """
    problem = None
    try:
        running = start_workload(
            program, processes, player=None, timeout_us=timeout_us, on_wait=on_wait
        )
        running.begin(0)
        waiting = select.poll()
        for waker in running.wakers:
            waiting.register(waker, select.POLLIN)
        began_s = new_s = now_s = time.monotonic()
        size = 0
        while not running.has_ended() and now_s - began_s < _LONGEST_S and now_s - new_s < quiet_s:
            waiting.poll(_POLL_S * 1000)
            now_s = time.monotonic()
            on_wait(now_s - began_s)
            if (now := log.stat().st_size) != size:
                size, new_s = now, now_s
        if running.has_ended():
            check_end(running, processes, 0)
    except WorkloadError as error:
        problem = str(error)
    processes.end()
    return _read(log, problem)


def _read(log: Path, problem: str | None) -> Opened:
    found: dict[str, list[str]] = {"m": [], "l": [], "d": []}
    lines: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        lines = log.read_bytes().decode(errors="surrogateescape").splitlines()
    for line in lines:
        found.get(line[:1], []).append(line[2:])
    return Opened(
        missing=tuple(dict.fromkeys(found["m"])),
        to_list=tuple(dict.fromkeys(found["l"])),
        listed=tuple(dict.fromkeys(found["d"])),
        problem=problem,
    )
