from __future__ import annotations

import os
import time
from pathlib import Path

from autotune.backends.vm.opened import Opened, look
from autotune.experiment.program import Program, Ready
from autotune.runner.identity import Identity
from autotune.runner.processes import Processes
from autotune.runner.procfs import Procfs
from autotune.runner.readiness import be_silent

QUIET_S = 3.0


def looked(script: str, log: Path) -> Opened:
    """Watch a shell script that writes to the log as a tracer would."""
    log.touch()
    program = Program(command=("sh", "-c", script), ready=Ready(delay_us=0))
    with Processes(Procfs(), Identity(environment=dict(os.environ)), str(log.parent)) as processes:
        return look(program, processes, 30_000_000, be_silent, log=log, quiet_s=QUIET_S)


def test_a_program_that_looks_for_nothing_new_is_ended(tmp_path: Path) -> None:
    began_s = time.monotonic()

    opened = looked("echo m /one >>log; sleep 50", tmp_path / "log")

    assert opened.missing == ("/one",)
    assert opened.problem is None
    assert time.monotonic() - began_s < 50


def test_a_program_that_goes_on_looking_is_watched_to_its_end(tmp_path: Path) -> None:
    opened = looked(
        "for n in 1 2 3 4; do echo m /$n >>log; sleep 1; done; exit 3", tmp_path / "log"
    )

    assert opened.missing == ("/1", "/2", "/3", "/4")
    assert "exit status 3" in (opened.problem or "")
