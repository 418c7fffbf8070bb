"""What a log shows of a run; a terminal shows the same in one line that moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune.views.live import ProgressView, SeedsView
from tests.closed_form import tune


def test_a_log_gets_a_few_lines_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressView(tmp_path / "out") as view:
        tune(tmp_path, listeners=[view])

    captured = capsys.readouterr()
    text = " ".join(captured.err.split())
    assert captured.out == ""
    assert text.startswith("my: search space custom, sampler grid, seed 0, into ")
    assert "baseline: 10.0 s, 100.0 MiB resident" in text
    assert "trials: 8 of 8, best memory_saving " in text
    assert "confirming: " in text


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        # The formulas of eight schemes: savings of 54 to 20 %, slowdowns of 18 to 0 %.
        ("[slowdown <= 5%]", "best memory_saving within the constraints 36.39%"),
        ("[memory_saving >= 99%]", "(closest: memory_saving 54.29% < 99%)"),
    ],
)
def test_the_best_so_far_keeps_the_constraints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], constraints: str, said: str
) -> None:
    with ProgressView(tmp_path / "out") as view:
        tune(tmp_path, {"constraints": constraints}, listeners=[view])

    lines = [line for line in capsys.readouterr().err.splitlines() if "trials: " in line]
    assert lines[-1].startswith("trials: 8 of 8, ")
    assert lines[-1].endswith(said)
    assert ("none within the constraints yet" in lines[-1]) == ("closest" in said)


def test_a_log_hears_of_many_seeds_and_not_of_a_few(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with SeedsView() as view:
        for total in (1, 3, 20):
            for done in range(1, total + 1):
                view(done, total)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "seeds: 3 of 20"
    assert lines[-1] == "seeds: 20 of 20"
    assert len(lines) == 7
