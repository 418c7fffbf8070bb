"""Programs that are ready at once, and measured parts of them, as who measures goes through them."""

from __future__ import annotations

import select
import time

import pytest

from autotune.experiment.program import Program, Ready
from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes
from autotune.runner.running import RunningWorkload, check_end, start_workload
from tests.runner.programs import python

PYTHON = python("")[0]
LONG_US = 20_000_000
UP = "import time; print('up', flush=True); time.sleep(0.3)\n"
"""Ready, and there for long enough to be found so."""
SLEEP = "import time; time.sleep(1000)"
READY = Ready(line="^up$")


def start(processes: Processes, code: str, **parts: object) -> RunningWorkload:
    program = Program(command=python(UP + code), ready=READY, **parts)  # type: ignore[arg-type]
    return start_workload(program, processes, player=None, timeout_us=LONG_US)


def measured_part(running: RunningWorkload) -> None:
    """Begin it, and wait for its end as who measures does."""
    running.begin(1)
    waiting = select.poll()
    for waker in running.wakers:
        waiting.register(waker, select.POLLIN)
    while not running.has_ended():
        assert waiting.poll(20_000)


def measured_until_stopped(running: RunningWorkload) -> float:
    """Measure what a clock stops; give how long it ran, in seconds."""
    running.begin(1)
    began_s = time.monotonic()
    while not running.has_ended():
        now_s = time.monotonic() - began_s
        assert now_s < 20.0
        time.sleep(min(0.02, running.stop_if_due(now_s)))
    return time.monotonic() - began_s


def verdict(running: RunningWorkload, processes: Processes, oom_kills: int = 0) -> str:
    with pytest.raises(WorkloadError) as error:
        check_end(running, processes, oom_kills)
    return str(error.value)
