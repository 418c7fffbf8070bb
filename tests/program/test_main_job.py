"""The main job on the example that the README runs: what a user is promised of a front."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from autotune.backends.factory import make_backend
from autotune.cli.main import run_command_line
from autotune.formats.scheme_files import load_schemes, resolve
from autotune.objective import metrics, pareto
from autotune.objective.figures import mean, minimised
from autotune.run_folder import reader as report
from autotune.workload_file.workload_file import load_workload_file

ROOT = Path(__file__).parents[2]
STAIRS = ROOT / "examples" / "stairs.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> report.Run:
    folder = tmp_path_factory.mktemp("runs") / "stairs"
    arguments = ["run", str(STAIRS), "--trials", "60", "--seed", "1", "--out", str(folder)]
    assert run_command_line(arguments) == 0
    return report.load_run(folder)


def test_there_is_a_row_a_trial_counted_from_zero(run: report.Run) -> None:
    trials = pd.read_csv(run.path / "trials.csv")

    assert trials["trial"].tolist() == list(range(len(trials)))
    # A tenth is for plain values, of which a scheme may have no others.
    assert 54 <= len(trials) <= 60
    assert set(trials["state"]) == {"complete"}
    assert set(trials["seed"]) == {1}
    assert {"pattern.min_age_us", "pattern.min_size_bytes", *metrics.METRICS} <= {*trials.columns}


@pytest.mark.parametrize("reference", ["prcl-talk", "prcl-5s", "prcl-3s"])
def test_each_published_scheme_would_add_next_to_nothing_to_the_front(
    run: report.Run, reference: str
) -> None:
    """Measured here again, with the seeds with which every published scheme is confirmed."""
    workload = load_workload_file(STAIRS)
    backend = make_backend(workload.backend)
    schemes = load_schemes(resolve(reference, ROOT))
    figures = [
        metrics.compute(
            backend.run(workload.experiment(schemes), seed=seed),
            backend.run(workload.experiment(None), seed=seed),
            slowdown=backend.slowdown_metric,
        )
        for seed in run.description.confirmation_seeds[:4]
    ]
    published = minimised(mean(figures), workload.objectives)
    limit = workload.objectives.limit

    added = pareto.hypervolume([*run.points, published], limit)
    assert added <= 1.01 * pareto.hypervolume(run.points, limit)
    assert len(run.description.confirmation_seeds) == 40


def test_the_front_beats_what_is_published(run: report.Run) -> None:
    """Tuning is worth its while: more is saved at a slowdown far below the bound."""
    front = pd.read_csv(run.path / "front.csv")
    published = front[front["trial"] < 3]

    assert front["memory_saving"].max() > published["memory_saving"].max()


def test_every_measurement_is_kept_and_those_to_look_at_with_their_series(run: report.Run) -> None:
    lines = (run.path / "measurements.jsonl").read_text().splitlines()

    records = [json.loads(line) for line in lines]
    trials = pd.read_csv(run.path / "trials.csv")

    tried = {(one["trial"], one["seed"]) for one in records if one["role"] == "trial"}
    assert {trial for trial, seed in tried if seed == 1} == set(trials["trial"])
    with_series = [one for one in records if one["measurement"]["series"]["time_s"]]
    assert {one["role"] for one in with_series} == {"baseline", "confirmation"}
    front = set(pd.read_csv(run.path / "front.csv")["trial"])
    assert front <= {one["trial"] for one in with_series}
