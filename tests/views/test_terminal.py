from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.watched import Watched
from autotune.objective.metrics import notable
from autotune.recommendation.front import candidates, recommend
from autotune.run_folder.comparison import compare
from autotune.run_folder.reader import load_run, pick
from autotune.study.one_scheme import measure_scheme
from autotune.testing import prcl
from autotune.units import megabytes
from autotune.views.terminal import show_outcome, show_scheme
from tests.closed_form import ClosedForm, make_file, tune


@pytest.mark.parametrize(
    ("keys", "lost", "why"),
    [
        (
            {"constraints": "[memory_saving >= 99%]"},
            None,
            "no trial kept memory_saving >= 99%",
        ),
        ({}, "it got lost", "every trial failed"),
    ],
)
def test_the_terminal_and_the_summary_give_one_reason_for_an_empty_front(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    keys: dict[str, Any],
    lost: str | None,
    why: str,
) -> None:
    tuned = tune(tmp_path, keys, backend=ClosedForm(fail=lambda _: lost))
    objectives = make_file(tmp_path / "user", keys).objectives

    show_outcome(tuned.outcome, objectives, tuned.out)

    assert why in " ".join(capsys.readouterr().out.split())
    assert f"It is empty: {why}.\n" in (tuned.out / "summary.md").read_text()


class Idle(ClosedForm):
    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        return replace(super().run(experiment, seed=seed), workload_cpu_s=0.0)


def test_an_unknown_metric_is_shown_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measure_scheme(make_file(tmp_path), (prcl(),), Idle())

    show_scheme(found)

    text = " ".join(capsys.readouterr().out.split())
    assert " slowdown unknown unknown unknown unknown " in text
    assert (
        "slowdown, own_cpu_slowdown: unknown: the baseline's workload_cpu_s is 0: nothing can be "
        "compared with it" in text
    )
    assert found.to_dict()["metrics"]["slowdown"] is None
    assert {*notable(found.missing)} == {"slowdown", "own_cpu_slowdown"}
    assert found.missing.keys() - notable(found.missing).keys() >= {"latency_max_s"}
    assert "latency" not in text


def test_schemes_with_a_mark_are_always_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"search_space": "prcl", "sampler": "random", "budget": "{trials: 40}"}
    tuned = tune(tmp_path, {**keys, "confirmations": 0})
    objectives = make_file(tmp_path / "user", keys).objectives
    whole = recommend(candidates(tuned.trials, None, objectives), [], {}, None, objectives)

    show_outcome(replace(tuned.outcome, recommendation=whole), objectives, tuned.out)

    text = capsys.readouterr().out
    assert len(whole.front) > 10
    assert f"{whole.front[0].trial.id} best" in text
    assert text.count(" knee") - text.count("--pick knee") == 1
    assert "more between these are in front.csv" in text


class HalfWatched(ClosedForm):
    """DAMON misses a process, more of it in each measurement."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = super().run(experiment, seed=seed)
        if not experiment.schemes:
            return measured
        watched = Watched(
            processes=1,
            unwatched_processes=1,
            unwatched_share=min(0.5, len(self.seeds) / 10),
            unwatched_names=("cc1",),
            max_regions=9,
            max_regions_asked=9,
        )
        return replace(measured, watched=watched)


def test_the_most_that_was_not_watched_is_said_in_the_terminal_and_in_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = tune(tmp_path, {}, backend=HalfWatched())
    objectives = make_file(tmp_path / "user", {}).objectives

    show_outcome(tuned.outcome, objectives, tuned.out)

    said = "DAMON did not watch 50 % of the workload's memory, that of cc1: "
    assert capsys.readouterr().out.count(said) == 1
    assert (tuned.out / "summary.md").read_text().count(said) == 1


def test_what_was_not_watched_is_said_beside_one_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_scheme(measure_scheme(make_file(tmp_path), (prcl(),), HalfWatched()))

    assert "DAMON did not watch 20 % of " in capsys.readouterr().out


class Prefork(ClosedForm):
    """Its two processes share a half of what is resident, and were read twice."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = super().run(experiment, seed=seed)
        series = replace(measured.series, wss_bytes=measured.series.rss_bytes)
        return replace(
            measured,
            pss_mean_bytes=measured.rss_mean_bytes / 2,
            pss_periods_us=(int(measured.runtime_s * 0.6e6),),
            wss_mean_bytes=None if experiment.monitoring is None else measured.rss_mean_bytes,
            series=series,
        )


def test_shared_memory_is_shown_with_how_well_it_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measure_scheme(make_file(tmp_path), (prcl(),), Prefork())

    show_scheme(found)

    text = " ".join(capsys.readouterr().out.split())
    before, after = (megabytes(one.pss_mean_bytes) for one in (found.baseline, found.measurement))
    assert f"of that, shared counted once {before} {after}" in text
    assert f"working set, mean at most {megabytes(found.measurement.rss_mean_bytes)}" in text
    assert "note: memory that processes share was read 2 times in" in text


def test_a_scheme_that_is_not_sure_is_shown_as_such_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {
        "search_space": "{schemes: [{action: pageout, parameters: {pattern.min_age: "
        "{low: 3000ms, high: 3001ms}}}]}",
        "constraints": "[slowdown <= 2.6%]",
        "sampler": "random",
        "budget": "{trials: 4}",
    }
    tuned = tune(tmp_path, keys, backend=ClosedForm(amplitude=0.003))
    objectives = make_file(tmp_path / "user", keys).objectives

    show_outcome(tuned.outcome, objectives, tuned.out)

    [unsure] = tuned.recommendation.unsure
    text = " ".join(capsys.readouterr().out.split())
    assert "0 recommended Not sure: trial " in text
    assert f"{unsure.trial.id} not sure" in text
    assert f"{unsure.trial.id}: not sure: slowdown <= 2.6% holds in " in text
    summary = (tuned.out / "summary.md").read_text()
    assert "It is empty: no scheme is sure enough to keep slowdown <= 2.6%.\n" in summary
    assert "\nMost probable, and not recommended. " in summary
    run = load_run(tuned.out)
    assert pick(run, "best") == [unsure.trial.id]
    assert run.notes == {unsure.trial.id: unsure.note}
    assert run.schemes(unsure.trial.id) == unsure.trial.schemes
    assert (len(run.points), run.sure_points) == (1, [])
    assert compare([run, run]).hypervolume == (0.0, 0.0)
