from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from autotune.experiment.pattern import Pattern, PatternRegion
from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes, Started
from autotune.runner.running import check_end, start_workload
from autotune.testing import pattern
from tests.runner.measured_parts import (
    LONG_US,
    measured_part,
    verdict,
)
from tests.runner.programs import wait_for


def test_a_pattern_waits_with_its_memory_until_it_begins(
    processes: Processes, player: Path
) -> None:
    size = 16 << 20
    played = pattern(regions=2, size_bytes=size, duration_us=100_000)

    running = start_workload(played, processes, player=player, timeout_us=LONG_US)

    assert processes.procfs.memory(processes.measured()).rss_bytes >= 2 * size
    assert not running.has_ended()


def test_a_pattern_ends_while_its_memory_is_there_still(
    processes: Processes, player: Path
) -> None:
    size = 16 << 20
    played = pattern(regions=2, size_bytes=size, duration_us=100_000)
    running = start_workload(played, processes, player=player, timeout_us=LONG_US)

    measured_part(running)

    assert processes.procfs.memory(processes.measured()).rss_bytes >= 2 * size
    assert running.last is running.measured
    check_end(running, processes, 0)


def test_a_patterns_work_is_what_the_player_says_of_all_phases(
    processes: Processes, player: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    start = processes.start

    def start_and_hear(command: Sequence[str], on_line: Callable[[str], None]) -> Started:
        def also(line: str) -> None:
            heard.append(line)
            on_line(line)

        return start(command, also)

    monkeypatch.setattr(processes, "start", start_and_hear)
    played = pattern(regions=3, size_bytes=1 << 20, duration_us=50_000)
    running = start_workload(played, processes, player=player, timeout_us=LONG_US)
    measured_part(running)

    phases = [line.split() for line in heard if line.startswith("phase")]
    assert len(phases) == 3
    assert running.work_done() == sum(int(fields[2]) for fields in phases) > 0


def test_a_pattern_whose_data_is_missing_is_told_with_the_players_reason(
    processes: Processes, player: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    region = PatternRegion(name="a", size_bytes=4096, data_file=str(gone))
    played = Pattern(regions=(region,), phases=pattern(regions=1).phases)

    with pytest.raises(WorkloadError) as error:
        start_workload(played, processes, player=player, timeout_us=LONG_US)

    assert "ended before it was ready, with exit status 3" in str(error.value)
    assert str(gone) in str(error.value)


def test_a_player_that_dies_has_not_done_its_work(processes: Processes, player: Path) -> None:
    played = pattern(regions=1, size_bytes=4096, duration_us=LONG_US)
    running = start_workload(played, processes, player=player, timeout_us=LONG_US)
    running.begin(1)

    os.kill(running.measured.pid, 9)
    wait_for(running.has_ended)

    assert verdict(running, processes) == (
        f"workload: '{player}' failed with signal 9 (SIGKILL): ready: something in the workload killed "
        "it, or a limit of its CPU time (ulimit -t) did: leave that out; if it is meant to end "
        "so, list 137 under accept_exit"
    )
    with pytest.raises(WorkloadError, match="the pattern's player did not end as it should"):
        running.work_done()
