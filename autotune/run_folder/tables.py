"""The tables of a run folder: one row a trial, one row a recommended scheme.

Numbers are written exactly: reading a number gives the number that was written. Equal runs give equal
bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autotune.formats.scheme_export import scheme_text
from autotune.objective.figures import columns
from autotune.objective.objective import Objectives
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommended
from autotune.recommendation.worth import verdict
from autotune.space.space import SearchSpace
from autotune.study.outcome import Outcome
from autotune.trial import Trial

Row = dict[str, int | float | str | None]


def trial_rows(
    trials: Sequence[Trial],
    reasons: Mapping[int, str],
    space: SearchSpace,
    objectives: Objectives,
) -> list[Row]:
    """Give the rows of `trials.csv`.

    Args:
        trials: In the order of their numbers.
        reasons: Why a trial came to nothing, by its number (`autotune.recommendation.verdict.reasons`).
        space: Its parameters are columns.
        objectives: Their figures are columns beside the metrics.
    """
    shown = columns(objectives)
    return [
        {
            "trial": trial.number,
            "state": trial.state.value,
            "seed": trial.seed,
            **{p.column: trial.parameters.get(p.name) for p in space.parameters},
            **{name: trial.figures.get(name) for name in shown},
            "reason": reasons.get(trial.number),
        }
        for trial in trials
    ]


def trial_columns(space: SearchSpace, objectives: Objectives) -> list[str]:
    """Give the columns of `trials.csv`."""
    parameters = [parameter.column for parameter in space.parameters]
    return ["trial", "state", "seed", *parameters, *columns(objectives), "reason"]


def front_rows(front: Sequence[Recommended], objectives: Objectives) -> list[Row]:
    """Give the rows of `front.csv`, in the order of *front*.

    What a model believes stands in columns of its own. They are empty where nothing is believed; the
    interval is also empty where nothing is known about how much figures differ from run to run.
    """
    shown = columns(objectives)
    return [
        {
            "trial": option.trial.number,
            "scheme": scheme_text(option.trial.schemes),
            **{name: option.figures.get(name) for name in shown},
            **{f"{name}_first": option.trial.figures.get(name) for name in shown},
            **{f"{name}_low": option.low(name) for name in shown},
            **{f"{name}_high": option.high(name) for name in shown},
            "seeds": len(option.confirmations) or 1,
            "probability_within": None if option.belief is None else option.belief.within,
            **_believed(option.belief, shown),
            "note": option.note,
        }
        for option in front
    ]


def _believed(belief: Belief | None, shown: Sequence[str]) -> Row:
    """Give the mean that is believed of each figure, and the interval in which it lies at 95 %."""
    means: Row = {f"{name}_model": None for name in shown}
    lows: Row = {f"{name}_model_low": None for name in shown}
    highs: Row = {f"{name}_model_high": None for name in shown}
    for name in shown:
        if belief is not None and name in belief.mean:
            means[f"{name}_model"] = belief.mean[name]
            if belief.is_known:
                low, high = belief.interval(name)
                lows[f"{name}_model_low"], highs[f"{name}_model_high"] = low, high
    return {**means, **lows, **highs}


def outcome_json(out: Path, outcome: Outcome, objectives: Objectives) -> dict[str, Any]:
    """Give a run's outcome as plain JSON values, with the rows of `front.csv`.

    Args:
        out: The run folder.
        outcome: What the run came to.
        objectives: What was sought.
    """
    return {
        "out": str(out),
        "trials": len(outcome.trials),
        "failed": outcome.failed,
        "starts": outcome.starts,
        "verdict": verdict(outcome.trials, outcome.recommendation, objectives),
        "hypervolume": outcome.recommendation.hypervolume,
        "front": front_rows(outcome.recommendation.shown, objectives),
        "missing": dict(outcome.missing),
        "reason": outcome.reason,
    }


def front_columns(objectives: Objectives) -> list[str]:
    """Give the columns of `front.csv`."""
    shown = columns(objectives)
    return [
        "trial",
        "scheme",
        *(f"{name}{suffix}" for suffix in ("", "_first", "_low", "_high") for name in shown),
        "seeds",
        "probability_within",
        *(
            f"{name}{suffix}"
            for suffix in ("_model", "_model_low", "_model_high")
            for name in shown
        ),
        "note",
    ]


def to_csv(header: Sequence[str], rows: Iterable[Row]) -> str:
    """Write rows below their header; None is an empty field.

    >>> print(to_csv(["trial", "reason"], [{"trial": 0, "reason": None}]), end="")
    trial,reason
    0,
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
