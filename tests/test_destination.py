from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from autotune.destination import default_folder

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_two_runs_in_one_second_go_to_two_folders(tmp_path: Path) -> None:
    first = default_folder("stairs", now=NOW, runs=tmp_path)
    first.mkdir()

    second = default_folder("stairs", now=NOW, runs=tmp_path)

    assert second == tmp_path / "stairs-2026-01-31-120000-2"
