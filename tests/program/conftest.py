"""The command line, and a short workload for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program.commands import Runner

SHORT = """\
a, 4000000
b, 12000000

both
1000
a, 0, 4096, 1
b, 0, 4096, 1

one
2000
a, 0, 4096, 1
"""


@pytest.fixture
def autotune(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Runner:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return Runner(capsys)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """A workload of three simulated seconds, with a cold part."""
    (tmp_path / "short.cfg").write_text(SHORT)
    file = tmp_path / "short.yaml"
    file.write_text("workload:\n  pattern: short.cfg\nconfirmations: 2\n")
    return file
