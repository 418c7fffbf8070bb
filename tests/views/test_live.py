"""What a log shows of a run; a terminal shows the same in one line that moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune.views.live import ProgressView
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
