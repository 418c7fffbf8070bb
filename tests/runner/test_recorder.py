from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotune.runner.procfs import Procfs
from autotune.runner.recorder import Recorder
from autotune.runner.tracing import TraceBuffer
from autotune.testing import measurement
from tests.runner.test_trace_pages import FORMAT


class NoTrace(TraceBuffer):
    """A buffer that nothing is written to."""

    layout_text = FORMAT

    def __init__(self) -> None:
        """Make nothing in the kernel."""

    def drain(self) -> None:
        """Find nothing."""

    def pages(self) -> tuple[bytes, ...]:
        return ()


@pytest.mark.parametrize(
    ("idle_s", "held_up_s"),
    [(0.0, 1.0), (0.75, 0.25), (1.0, 0.0), (9.0, 0.0)],
)
def test_what_watches_holds_up_for_as_long_as_no_cpu_was_idle(
    tmp_path: Path, idle_s: float, held_up_s: float
) -> None:
    """A kdamond that was busy for 1 s of 2; 1.2 s is left beside the workload."""
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    stat.write_text("cpu 7 7 7 500 0 7\n")
    recorder = Recorder(NoTrace(), Procfs(tmp_path))

    recorder.begin(0.0)
    stat.write_text(f"cpu 8 8 8 {500 + round(idle_s / tick_s)} 0 8\n")
    recorder.finish()
    taken = recorder.taken(measurement(runtime_s=2.0, kdamond_cpu=0.5, workload_cpu_s=0.8), ())

    assert taken.held_up_us / 1e6 == pytest.approx(held_up_s, abs=0.1)


def test_it_is_not_held_up_while_it_runs(tmp_path: Path) -> None:
    recorder = Recorder(NoTrace(), Procfs(tmp_path))

    recorder.begin(0.0)
    recorder.finish()
    taken = recorder.taken(measurement(runtime_s=2.0, kdamond_cpu=0.5, workload_cpu_s=1.9), ())

    assert taken.held_up_us == 100_000
