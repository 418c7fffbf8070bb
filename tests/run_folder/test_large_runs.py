"""Run folders of thousands of trials; how long they take is benchmarks/large_runs.py's matter."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autotune.formats.forms import Form
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.why import explain
from autotune.run_folder import tables
from autotune.run_folder.comparison import compare
from autotune.run_folder.export import export_all
from autotune.run_folder.folder import RunFolder
from autotune.run_folder.reader import load_run, pick
from autotune.run_folder.summary import Findings, summary
from autotune.run_folder.writer import RunWriter
from autotune.study.events import BatchFinished, Ended, Started
from autotune.study.outcome import Outcome, RunState
from autotune.surrogate.unit_cube import UnitCube
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import WorkloadFile
from tests.closed_form import make_file

TRIALS = 5_000
KEYS = {"search_space": "prcl-quota", "objectives": "memory", "constraints": "[slowdown <= 2%]"}


def trials(file: WorkloadFile) -> tuple[Trial, ...]:
    random = np.random.default_rng(0)
    cube = UnitCube(file.search_space)
    found = []
    for number, point in enumerate(random.random((TRIALS, cube.dimensions))):
        values = cube.values(point)
        age = math.log(float(values["pattern.min_age"]) / 1e5) / math.log(600.0)
        found.append(
            Trial(
                number=number,
                state=TrialState.COMPLETE,
                seed=0,
                parameters=values,
                schemes=tuple(file.search_space.schemes(values)),
                figures={
                    "memory_saving": 0.4 * (1.0 - age) + 0.001 * random.normal(),
                    "slowdown": 0.04 * (1.0 - age) ** 2,
                    "cpu_use": 0.01,
                },
                reason="the quota was used up" if number % 3 == 0 else None,
            )
        )
    return tuple(found)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> WorkloadFile:
    return make_file(tmp_path_factory.mktemp("user"), KEYS)


@pytest.fixture(scope="module")
def outcome(file: WorkloadFile) -> Outcome:
    made = trials(file)
    within = sorted(
        (one for one in made if one.figures["slowdown"] <= 0.02),
        key=lambda one: -one.figures["memory_saving"],
    )
    front = tuple(
        Recommended(
            trial=one,
            figures=one.figures,
            confirmations=(one.figures,) * 40,
            belief=Belief(
                mean=one.figures,
                error=dict.fromkeys(one.figures, 0.001),
                spread=dict.fromkeys(one.figures, 0.002),
                freedom=39.0,
                within=0.97,
            ),
        )
        for one in within[:700:100]
    )
    return Outcome(
        state=RunState.COMPLETE,
        baseline=None,
        trials=made,
        published=(),
        recommendation=Recommendation(
            front=front,
            thrown_out={one.number: "it adds less than 1 %" for one in within[1:100]},
            confirmed={option.trial.number: option for option in front},
            hypervolume=0.1,
        ),
        starts=2 * TRIALS,
    )


@pytest.fixture(scope="module")
def folder(file: WorkloadFile, outcome: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "large"
    writer = RunWriter(RunFolder.create(path))
    writer(Started(file=file, backend="simulator", machine="server", confirmation_seeds=(1, 2)))
    writer(BatchFinished(trials=outcome.trials))
    writer(Ended(outcome=outcome))
    return path


def test_its_tables_hold_all_trials(folder: Path, outcome: Outcome) -> None:
    rows = pd.read_csv(folder / "trials.csv")

    assert rows["trial"].tolist() == list(range(TRIALS))
    assert rows["slowdown"].tolist() == [one.figures["slowdown"] for one in outcome.trials]


def test_it_is_read_and_exported(folder: Path, outcome: Outcome, tmp_path: Path) -> None:
    run = load_run(folder)
    names = pick(run, "all")
    written = export_all(run, names, Form.DAMOS, tmp_path / "out")

    assert names == [option.trial.id for option in outcome.recommendation.front]
    assert len(written) == 7


def test_it_is_compared(folder: Path) -> None:
    found = compare([load_run(folder), load_run(folder)])

    assert found.coverage == ((1.0, 1.0), (1.0, 1.0))


def test_what_is_behind_it_is_told(file: WorkloadFile, outcome: Outcome) -> None:
    why = explain(outcome.trials, outcome.recommendation, file.search_space, file.objectives)
    text = summary(
        Findings(
            file=file,
            backend="simulator",
            machine="server",
            outcome=outcome,
            why=why,
            notes=(),
        )
    )
    values = tables.outcome_json(Path("run"), outcome, file.objectives)

    assert set(why.importances) == {"memory_saving", "slowdown"}
    assert len(text) < 10_000
    assert "and 1655 more: the quota was used up" in text
    assert len(values["front"]) == 7
    assert values["starts"] == 2 * TRIALS
