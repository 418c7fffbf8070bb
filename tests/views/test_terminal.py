from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotune.views.terminal import show_outcome
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


def test_schemes_with_a_mark_are_always_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"search_space": "prcl", "sampler": "random", "budget": "{trials: 40}"}
    tuned = tune(tmp_path, {**keys, "confirmations": 0})

    show_outcome(tuned.outcome, make_file(tmp_path / "user", keys).objectives, tuned.out)

    text = capsys.readouterr().out
    count = len(tuned.recommendation.front)
    assert count > 10
    assert f"{tuned.recommendation.front[0].trial.id} best" in text
    assert text.count(" knee") - text.count("--pick knee") == 1
    assert "more between these are in front.csv" in text
