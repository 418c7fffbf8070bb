from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune import catalog
from autotune.objective.metrics import METRICS
from autotune.objective.objective import load_objectives
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommended
from autotune.run_folder.measurements import read_measurements
from autotune.run_folder.tables import (
    front_columns,
    front_rows,
    outcome_json,
    to_csv,
    trial_columns,
    trial_rows,
)
from autotune.space.space import load_search_space
from autotune.testing import prcl
from autotune.trial import Trial, TrialState
from tests.closed_form import (
    make_file,
    table,
    tune,
)

SPACE = load_search_space(catalog.find("prcl-quota", "search_spaces", Path()))
OBJECTIVES = load_objectives(catalog.find("memory", "objectives", Path()))
FIGURES = {name: (rank + 1) / 7 for rank, name in enumerate(METRICS)}
WITH_QUOTA = Trial(
    number=0,
    state=TrialState.COMPLETE,
    seed=5,
    parameters={
        "pattern.min_age": 100_000,
        "pattern.min_size": 4096,
        "limit": "size",
        "quota.size": 1 << 20,
        "quota.reset_interval": 200_000,
        "quota.weights.access_rate": 300,
        "quota.weights.age": 0,
    },
    schemes=(prcl(min_age_us=100_000, size_bytes=1 << 20),),
    figures=FIGURES,
)
FAILED = Trial(
    number=1,
    state=TrialState.FAILED,
    seed=5,
    parameters={"pattern.min_age": 200_000, "pattern.min_size": 8192, "limit": "none"},
    reason='it got lost, "somewhere"',
)


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


def test_the_columns_of_trials_carry_their_units() -> None:
    assert trial_columns(SPACE, OBJECTIVES) == [
        "trial",
        "state",
        "seed",
        "pattern.min_age_us",
        "pattern.min_size_bytes",
        "limit",
        "quota.time_us",
        "quota.size_bytes",
        "quota.reset_interval_us",
        "quota.weights.access_rate",
        "quota.weights.age",
        *METRICS,
        "reason",
    ]


def test_trials_read_back_with_empty_fields_where_nothing_is() -> None:
    rows = trial_rows([WITH_QUOTA, FAILED], {1: str(FAILED.reason)}, SPACE, OBJECTIVES)

    table = read(to_csv(trial_columns(SPACE, OBJECTIVES), rows))

    assert table["state"].tolist() == ["complete", "failed"]
    assert table["quota.size_bytes"].tolist()[0] == 1 << 20
    assert table["quota.time_us"].isna().all()
    for name in METRICS:
        assert table[name][0] == FIGURES[name]
        assert pd.isna(table[name][1])
    assert table["reason"].tolist()[1] == 'it got lost, "somewhere"'


def test_trials_that_broke_a_bound_say_so_in_the_run_folder(tmp_path: Path) -> None:
    tuned = tune(tmp_path, {"constraints": "[slowdown <= 5%]"})

    trials = table(tuned, "trials.csv")

    slow = trials[trials["slowdown"] > 0.05]
    assert len(slow) == 4
    assert all("slowdown 18.39% > 5%" in r or "slowdown 6.77% > 5%" in r for r in slow["reason"])
    assert not trials[trials["slowdown"] <= 0.05]["reason"].str.contains(">").any()


def test_a_row_of_the_front_has_mean_first_low_and_high_of_every_metric() -> None:
    halves = {name: value / 2 for name, value in FIGURES.items()}
    option = Recommended(trial=WITH_QUOTA, figures=halves, confirmations=(halves, FIGURES))

    (row,) = front_rows([option], OBJECTIVES)

    assert list(row) == front_columns(OBJECTIVES)
    assert row["scheme"] == "4K max 0 0 100ms max pageout 0us 1M 1s 0 0 0 none 0us 0 0 0"
    for name in METRICS:
        assert [row[name], row[f"{name}_first"], row[f"{name}_low"], row[f"{name}_high"]] == [
            halves[name],
            FIGURES[name],
            halves[name],
            FIGURES[name],
        ]


def test_a_row_of_the_front_tells_what_is_measured_from_what_is_believed() -> None:
    belief = Belief(
        mean={"slowdown": 0.01},
        error={"slowdown": 0.001},
        spread={"slowdown": 0.002},
        freedom=math.inf,
        within=0.97,
    )
    option = Recommended(
        trial=WITH_QUOTA,
        figures=FIGURES,
        confirmations=(FIGURES,) * 4,
        belief=belief,
        note="it has two outcomes",
    )

    (row,) = front_rows([option], OBJECTIVES)

    assert (row["seeds"], row["probability_within"]) == (4, 0.97)
    assert row["note"] == "it has two outcomes"
    assert row["slowdown"] == FIGURES["slowdown"]
    assert row["slowdown_model"] == 0.01
    assert row["slowdown_model_low"] == pytest.approx(0.01 - 1.96 * 0.001, abs=1e-6)
    assert row["slowdown_model_high"] == pytest.approx(0.01 + 1.96 * 0.001, abs=1e-6)
    assert row["memory_saving_model"] is None


def test_without_a_belief_the_columns_of_a_model_are_empty() -> None:
    (row,) = front_rows([Recommended(trial=WITH_QUOTA, figures=FIGURES)], OBJECTIVES)

    assert (row["seeds"], row["probability_within"], row["note"]) == (1, None, None)
    assert {row[f"{name}_model{end}"] for name in METRICS for end in ("", "_low", "_high")} == {
        None
    }


def test_an_interval_that_nobody_knows_is_empty() -> None:
    nothing = {"slowdown": 0.0}
    belief = Belief(
        mean={"slowdown": 0.01}, error=nothing, spread=nothing, freedom=math.inf, within=1.0
    )

    (row,) = front_rows(
        [Recommended(trial=WITH_QUOTA, figures=FIGURES, belief=belief)], OBJECTIVES
    )

    assert (row["slowdown_model"], row["slowdown_model_low"]) == (0.01, None)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_read_back_the_same(values: list[float]) -> None:
    text = to_csv(["x"], [{"x": value} for value in values])

    assert [float(line) for line in text.splitlines()[1:]] == values


def test_the_json_of_a_run_has_the_rows_of_the_front(tmp_path: Path) -> None:
    outcome = tune(tmp_path)

    objectives = make_file(tmp_path / "user").objectives
    values = json.loads(json.dumps(outcome_json(outcome.out, outcome.outcome, objectives)))
    assert list(values) == [
        "out",
        "trials",
        "failed",
        "starts",
        "verdict",
        "hypervolume",
        "front",
        "missing",
        "reason",
    ]
    records = read_measurements(outcome.out / "measurements.jsonl")
    assert values["starts"] == len(list(records))
    assert values["verdict"] in " ".join((outcome.out / "summary.md").read_text().split())
    front = table(outcome, "front.csv").astype(object)
    assert values["front"] == front.where(front.notna(), None).to_dict("records")
