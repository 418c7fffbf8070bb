"""The command that compares tuners, on the problems that take no time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PART = ["--problem", "responses/vips", "responses/*radix", "--method", "sweep", "random"]


def compare(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "benchmarks/tuner.py", str(folder), *arguments, "--workers", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keys(folder: Path) -> list[tuple[str, str, int, int]]:
    lines = (folder / "runs.jsonl").read_text().splitlines()
    runs = [json.loads(line) for line in lines]
    return [(run["problem"], run["method"], run["budget"], run["seed"]) for run in runs]


def test_a_folder_is_continued_and_its_tables_are_written_again(tmp_path: Path) -> None:
    compare(tmp_path, *PART, "--seeds", "1")
    first = keys(tmp_path)

    told = compare(tmp_path, *PART, "--seeds", "2")

    assert len(first) == 2 * 2 * 2
    assert keys(tmp_path)[: len(first)] == first
    assert len(set(keys(tmp_path))) == len(keys(tmp_path)) == 2 * len(first)
    assert (tmp_path / "report.md").read_text() + "\n" == told
    [row] = [line for line in told.splitlines() if line.startswith("| sweep, 10 |")]
    # Two workloads with two seeds; where nothing helps, the answer is off.
    assert row.split(" | ")[1] == "4"
    assert row.split(" | ")[5] == "100.0"
