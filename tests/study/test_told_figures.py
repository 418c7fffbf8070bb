"""Figures that can mislead are told of wherever they are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune.damon.damos import SchemeStats
from autotune.experiment.conditions import Conditions, SchemeConditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.study.one_scheme import measure_scheme
from autotune.testing import prcl
from autotune.views.terminal import show_scheme
from tests.closed_form import ClosedForm, make_file, tune_file

BASELINE_S = 8.0


class Changed(ClosedForm):
    """Gives other figures for some fields, in every measurement or only in those with schemes."""

    def __init__(self, *, always: dict[str, object] | None = None, **trial: object) -> None:
        super().__init__()
        self._always, self._trial = always or {}, trial

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = replace(super().run(experiment, seed=seed), **self._always)  # type: ignore[arg-type]  # of several kinds
        return replace(measured, **self._trial) if experiment.schemes else measured  # type: ignore[arg-type]


def said_everywhere(backend: ClosedForm, said: str, folder: Path) -> tuple[str, str]:
    """What a run's trials.csv and summary.md say, after `measure` said *said* in its doubts."""
    file = make_file(folder / "user")
    found = measure_scheme(file, (prcl(),), backend)
    assert any(said in doubt for doubt in found.doubts)
    assert found.to_dict()["doubts"] == list(found.doubts)
    tuned = tune_file(file, folder / "out", backend=backend)
    return (tuned.out / "trials.csv").read_text(), (tuned.out / "summary.md").read_text()


def test_a_program_that_waits_is_told(tmp_path: Path) -> None:
    backend = Changed(
        always={"runtime_s": BASELINE_S, "workload_cpu_s": 4.0},
        runtime_s=2 * BASELINE_S,
        kdamond_cpu=0.01,
    )

    trials, summary = said_everywhere(backend, "s it waited, for memory", tmp_path)

    assert "s it waited, for memory" in trials
    assert "## Figures in doubt\n\n- trials 0, 1, 2, " in summary
    assert ": wall_slowdown is 100.00%, and slow" in summary


def test_a_share_of_little_cpu_time_is_told_once(tmp_path: Path) -> None:
    backend = Changed(always={"runtime_s": BASELINE_S, "workload_cpu_s": 0.25})

    trials, summary = said_everywhere(backend, "share of the 0.25 s of CPU time", tmp_path)

    assert "of CPU time" not in trials
    assert summary.count("Slowdown is a share of the 0.25 s of CPU time that the baseline ") == 1


def test_files_in_memory_are_told(tmp_path: Path) -> None:
    met = Conditions(
        monitored_s=8.0,
        schemes=(SchemeConditions(stats=SchemeStats(tried_regions=1, tried_bytes=1)),),
        files_in_memory_bytes=1 << 40,
    )
    backend = Changed(swap_pool_mean_bytes=float(1 << 30), conditions=met)

    trials, summary = said_everywhere(backend, "which lie in memory here and were ", tmp_path)

    assert "which lie in memory here and were paged out to swap" in trials
    assert "which lie in memory here and were paged out to swap" in summary


def test_a_kdamond_on_the_one_cpu_is_a_note_and_no_doubt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = Changed(
        always={"runtime_s": BASELINE_S, "workload_cpu_s": 4.0},
        runtime_s=1.25 * BASELINE_S,
        kdamond_cpu=0.25,
    )

    found = measure_scheme(make_file(tmp_path), (prcl(),), backend)
    show_scheme(found)

    assert [note[:46] for note in found.notes] == [
        "wall_slowdown is 25.00%, and slowdown 0.00%: o"
    ]
    assert found.to_dict()["notes"] == list(found.notes)
    assert not any("wall_slowdown" in doubt for doubt in found.doubts)
    assert f"note: {found.notes[0]}" in " ".join(capsys.readouterr().out.split())


def test_a_scheme_with_two_outcomes_says_so(tmp_path: Path) -> None:
    class Bistable(ClosedForm):
        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            measured = super().run(experiment, seed=seed)
            if experiment.schemes and seed % 3 == 0:
                return replace(measured, pss_mean_bytes=0.98 * measured.pss_mean_bytes / 0.4)
            return measured

    file = make_file(tmp_path / "user")

    found = measure_scheme(
        file, (prcl(min_age_us=1_000_000),), Bistable(amplitude=0.005), seeds=12
    )

    rare = sum(seed % 3 == 0 for seed in found.seeds)
    assert 2 <= rare <= 10
    [note] = [note for note in found.notes if note.startswith("two outcomes: memory_saving ")]
    assert f" in {max(rare, 12 - rare)} of 12 runs, " in note
