"""Schemes that do nothing: the program says why, in a measurement and in a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from autotune import catalog
from autotune.cli.main import run_command_line

COLD_HALF = """\
warm, 20000000
idle, 40000000

all
8000
warm, 0, 4096, 1
"""
"""Eight seconds; the larger region is never accessed."""

RANDOM = """\
big, 8000000000

all
3000
big, 1, 64, 1
"""
"""At random, so that a sample sees a fifth of the pages accessed."""

GOAL: dict[str, Any] = {
    "action": "pageout",
    "access_pattern": {
        "sz_bytes": {"min": "4K", "max": "max"},
        "nr_accesses": {"min": "0 %", "max": "0 %"},
        "age": {"min": "1 s", "max": "max"},
    },
    "quotas": {
        "time_ms": "0 s",
        "sz_bytes": "0 B",
        "reset_interval_ms": "1 s",
        "goals": [
            {"metric": "user_input", "target_value": "10000", "current_value": "9000"},
        ],
        "weights": {"sz_permil": "0 %", "nr_accesses_permil": "0 %", "age_permil": "1 %"},
    },
}

WATERMARKS = """\
min_age=1000000
wmarks_high=990
wmarks_mid=990
wmarks_low=200
wmarks_interval=1000000
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    server = catalog.find("server", "machines", tmp_path).read_text()
    [swap] = [line for line in server.splitlines() if line.startswith("swap:")]
    Path("noswap.yaml").write_text(server.replace(swap, "swap: 0MiB"))
    Path("smallswap.yaml").write_text(server.replace(swap, "swap: 8MiB"))
    Path("cold.cfg").write_text(COLD_HALF)
    Path("cold.yaml").write_text("workload: {pattern: cold.cfg}\n")
    Path("random.cfg").write_text(RANDOM)
    Path("random.yaml").write_text("workload: {pattern: random.cfg}\n")
    Path("old.damos").write_text("4K max 0 0 2m max pageout\n")
    Path("cold.damos").write_text("4K max 0 0 1s max pageout\n")
    Path("hot.damos").write_text("min max 95 max min max hugepage\n")
    Path("gated.params").write_text(WATERMARKS)
    Path("goal.json").write_text(json.dumps([GOAL]))
    return tmp_path


def words(out: str, begin: str) -> str:
    """What was printed from *begin* on, in one line."""
    text = " ".join(out.split())
    return text[text.index(begin) :]


def reason(capsys: pytest.CaptureFixture[str], *arguments: str) -> str | None:
    assert run_command_line(["measure", *arguments, "--json"]) == 0
    found: str | None = json.loads(capsys.readouterr().out)["reason"]
    return found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("cold.yaml", "--scheme", "old.damos"), "no region got older than 7.9 s in the 8 s of"),
        (
            ("cold.yaml", "--scheme", "gated.params"),
            "never active: free memory (99.6 % of all) stayed above the high watermark (99 %)",
        ),
        (("cold.yaml", "--scheme", "cold.damos", "--machine", "noswap.yaml"), "there is no swap"),
        (
            ("cold.yaml", "--scheme", "cold.damos", "--machine", "smallswap.yaml"),
            "swap (8.0 MiB) was full from 1.1 s on",
        ),
        (
            ("cold.yaml", "--scheme", "goal.json"),
            "the quota was still at 1 byte, less than a page",
        ),
        (
            ("random.yaml", "--scheme", "hot.damos"),
            "no region was seen accessed in more than 80 % of the samples",
        ),
    ],
)
def test_a_measurement_says_why_nothing_happened(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in (reason(capsys, *arguments) or "")


@pytest.mark.usefixtures("folder")
def test_what_worked_needs_no_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert reason(capsys, "cold.yaml", "--scheme", "cold.damos") is None
    assert reason(capsys, "cold.yaml") is None


@pytest.mark.usefixtures("folder")
def test_the_table_says_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["measure", "cold.yaml", "--scheme", "old.damos"]) == 0

    assert words(capsys.readouterr().out, "held back: ").startswith(
        "held back: matched nothing: no region got older than 7.9 s in the 8 s of this run, and the min "
        "age is 120 s: let the workload run longer, or lower the min age"
    )


@pytest.mark.usefixtures("folder")
def test_a_run_says_once_what_held_back_all_trials(capsys: pytest.CaptureFixture[str]) -> None:
    Path("ages.yaml").write_text(
        "workload: {pattern: cold.cfg}\n"
        "search_space: {base: prcl, parameters: {pattern.min_age: {low: 2m, high: 10m}}}\n"
    )

    assert run_command_line(["run", "ages.yaml", "--trials", "3", "--out", "out"]) == 0

    first = words(capsys.readouterr().out, "note: ").partition(" 3 trials; ")[0]
    assert first.startswith(
        "note: the schemes were held back in all 3 trials, for example: matched nothing: no region got "
        "older than 7.9 s in the 8 s of this run, and the min age is "
    )
    summary = Path("out/summary.md").read_text()
    note, front = summary.index(f"N{first[1:]}.\n"), summary.index("## Front")
    assert note < front < summary.index("## Held back")
    with Path("out/trials.csv").open() as file:
        reasons = [row["reason"] for row in csv.DictReader(file)]
    assert all(text.startswith("matched nothing: no region got older") for text in reasons)


@pytest.mark.usefixtures("folder")
def test_following_the_remedies_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """What each sentence advises is done to the letter."""
    Path("longer.yaml").write_text(
        "workload: {pattern: random.cfg}\n"
        "monitoring: {sampling_interval: 50ms, aggregation_interval: 1s}\n"
    )
    limit = {**GOAL["quotas"], "sz_bytes": "10 MB", "goals": []}
    Path("limit.json").write_text(json.dumps([{**GOAL, "quotas": limit}]))
    Path("lower.damos").write_text("4K max 0 0 7s max pageout\n")

    assert (reason(capsys, "longer.yaml", "--scheme", "hot.damos") or "").startswith(
        "hugepage changed nothing: "  # it matched, and a pattern's memory was resident before
    )
    assert "the quota was still" not in (
        reason(capsys, "cold.yaml", "--scheme", "limit.json") or ""
    )
    assert reason(capsys, "cold.yaml", "--scheme", "lower.damos") is None


def test_a_trial_without_a_saving_to_time_says_why_it_saved_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sought.yaml").write_text(
        "workload: {pattern: cold.cfg}\n"
        "search_space: {base: prcl, parameters: {pattern.min_age: {choices: [1s, 1m]}}}\n"
        "budget: {trials: 2}\nsampler: grid\nconfirmations: 0\n"
        "objectives: [{metric: half_saving_s, direction: minimize, reference: 8}]\n"
    )

    assert run_command_line(["run", "sought.yaml", "--out", "sought"]) == 0

    capsys.readouterr()
    text = (folder / "sought" / "trials.csv").read_text()
    trials = list(csv.DictReader(text.splitlines()))
    assert {trial["state"] for trial in trials} == {"complete", "failed"}
    for trial in trials:
        if trial["state"] == "failed":
            assert (
                "which is unknown: less than 1% of memory was saved, too little" in trial["reason"]
            )
            assert "; matched nothing: no region got older than" in trial["reason"]
        else:
            assert 1.0 < float(trial["half_saving_s"]) < 8.0
