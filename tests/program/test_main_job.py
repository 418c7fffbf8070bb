"""The main job on the example that the README runs: what a user is promised of a front."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest

from autotune.backends.factory import make_backend
from autotune.cli.main import run_command_line
from autotune.formats.scheme_files import load_schemes, resolve
from autotune.objective import metrics
from autotune.run_folder import reader as report
from autotune.workload_file.workload_file import load_workload_file

ROOT = Path(__file__).parents[2]
STAIRS = ROOT / "examples" / "stairs.yaml"
OBJECTIVES = {"memory_saving": 1, "slowdown": -1, "cpu_use": -1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> report.Run:
    folder = tmp_path_factory.mktemp("runs") / "stairs"
    arguments = ["run", str(STAIRS), "--trials", "60", "--seed", "1", "--out", str(folder)]
    assert run_command_line(arguments) == 0
    return report.load_run(folder)


def test_there_is_a_row_a_trial_counted_from_zero(run: report.Run) -> None:
    trials = pd.read_csv(run.path / "trials.csv")

    assert trials["trial"].tolist() == list(range(60))
    assert set(trials["state"]) == {"complete"}
    assert set(trials["seed"]) == {1}
    assert {"pattern.min_age_us", "pattern.min_size_bytes", *metrics.METRICS} <= {*trials.columns}


def test_no_point_of_the_front_dominates_another(run: report.Run) -> None:
    front = pd.read_csv(run.path / "front.csv")

    points = [
        tuple(sign * row[name] for name, sign in OBJECTIVES.items()) for _, row in front.iterrows()
    ]
    assert len(set(points)) == len(points)
    assert not [
        (one, other)
        for one in points
        for other in points
        if one != other and all(a >= b for a, b in zip(one, other, strict=True))
    ]


def test_the_front_is_sorted_by_the_first_objective(run: report.Run) -> None:
    savings = pd.read_csv(run.path / "front.csv")["memory_saving"].tolist()

    assert savings == sorted(savings, reverse=True)


def test_what_confirmations_showed_lies_between_their_extremes(run: report.Run) -> None:
    front = pd.read_csv(run.path / "front.csv")

    for name in metrics.METRICS:
        assert (front[f"{name}_low"] <= front[name]).all()
        assert (front[name] <= front[f"{name}_high"]).all()


@pytest.mark.parametrize("reference", ["prcl-talk", "prcl-5s", "prcl-3s"])
def test_the_front_holds_one_at_least_as_good_as_each_published_scheme(
    run: report.Run, reference: str
) -> None:
    """Measured here again, with the seeds of the run's confirmations."""
    workload = load_workload_file(STAIRS)
    backend = make_backend(workload.backend)
    schemes = load_schemes(resolve(reference, ROOT))
    figures = [
        metrics.compute(
            backend.run(workload.experiment(schemes), seed=seed),
            backend.run(workload.experiment(None), seed=seed),
            slowdown=backend.slowdown_metric,
        )
        for seed in run.description.confirmation_seeds
    ]
    saving, slowdown = (
        mean(one[name] for one in figures) for name in ("memory_saving", "slowdown")
    )

    front = pd.read_csv(run.path / "front.csv")
    as_good = (front["memory_saving"] >= saving) & (front["slowdown"] <= slowdown)

    assert len(run.description.confirmation_seeds) == 3
    assert as_good.any()


def test_the_front_beats_what_is_published(run: report.Run) -> None:
    """Tuning is worth its while: more is saved at a slowdown far below the bound."""
    front = pd.read_csv(run.path / "front.csv")
    published = front[front["trial"] < 3]

    assert front["memory_saving"].max() > published["memory_saving"].max()


def test_the_run_can_be_repeated_from_its_folder(run: report.Run, tmp_path: Path) -> None:
    arguments = ["run", str(run.path / "workload.yaml"), "--trials", "6", "--seed", "1"]

    assert run_command_line([*arguments, "--out", str(tmp_path / "again")]) == 0

    first = pd.read_csv(run.path / "trials.csv")
    again = pd.read_csv(tmp_path / "again" / "trials.csv")
    known = [name for name in again.columns if name != "reason"]
    pd.testing.assert_frame_equal(again[known].head(3), first[known].head(3))


def test_a_bound_is_kept_by_the_means_of_the_confirmations(tmp_path: Path) -> None:
    workload = tmp_path / "slow.yaml"
    workload.write_text(
        f"workload:\n  pattern: {ROOT / 'examples' / 'stairs.cfg'}\n"
        "machine: micro-vm\nconstraints:\n  - slowdown <= 2%\n"
    )

    status = run_command_line(
        ["run", str(workload), "--trials", "32", "--seed", "1", "--out", str(tmp_path / "run")]
    )

    front = pd.read_csv(tmp_path / "run" / "front.csv")
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert status == 0
    assert len(front) > 0
    assert (front["slowdown"] <= 0.02).all()
    assert (trials["slowdown"] > 0.02).any()
    assert (front["memory_saving"] > 0.0).all()


def test_every_measurement_is_kept_with_its_series(run: report.Run) -> None:
    lines = (run.path / "measurements.jsonl").read_text().splitlines()

    records = [json.loads(line) for line in lines]

    roles = [record["role"] for record in records]
    assert roles.count("trial") == 60
    assert roles.count("baseline") == 1 + 3
    assert all(record["measurement"]["series"]["time_s"] for record in records)
