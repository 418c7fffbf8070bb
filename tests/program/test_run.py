"""`autotune run`, and what is done with a run folder: `export`, `compare`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.program.commands import Runner


def test_a_run_is_tuned_exported_and_compared(autotune: Runner, short: Path) -> None:
    run = autotune("run", short, "--trials", 8, "--seed", 1, "--out", "first", "--json")
    other = autotune("run", short, "--trials", 8, "--seed", 1, "--out", "second")
    exported = autotune("export", "first", "--pick", "best", "--format", "damos")
    compared = autotune("compare", "first", "second", "--json")

    summary = json.loads(run.out)
    assert (run.status, other.status, exported.status, compared.status) == (0, 0, 0, 0)
    assert list(summary) == [
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
    assert (summary["out"], summary["trials"], summary["failed"]) == ("first", 8, 0)
    assert summary["starts"] == len(Path("first", "measurements.jsonl").read_text().splitlines())
    assert summary["verdict"] in " ".join(other.out.split())
    assert summary["front"][0]["scheme"] in exported.out
    assert max(len(line) for line in other.out.splitlines()) <= 80
    values = json.loads(compared.out)
    assert list(values) == ["runs", "hypervolume", "coverage", "epsilon"]
    assert values["hypervolume"] == [summary["hypervolume"]] * 2
    for file in ("trials.csv", "front.csv", "measurements.jsonl", "summary.md"):
        assert Path("first", file).read_bytes() == Path("second", file).read_bytes()


def test_a_process_is_filled_in(autotune: Runner, short: Path) -> None:
    autotune("run", short, "--trials", 8, "--seed", 1, "--out", "run")

    open_ended = autotune("export", "run", "--pick", "best", "--format", "kdamonds")
    filled_in = autotune("export", "run", "--pick", "best", "--format", "kdamonds", "--pid", 42)
    line = autotune("export", "run", "--pick", "best", "--format", "args", "--pid", 42)

    pids = [
        json.loads(result.out)["kdamonds"][0]["contexts"][0]["targets"][0]["pid"]
        for result in (open_ended, filled_in)
    ]
    assert pids == ["0", 42]
    assert line.out.startswith("damo start 42 ")


def test_several_schemes_are_several_files(autotune: Runner, short: Path) -> None:
    short.write_text(
        short.read_text() + "objectives:\n"
        "  - {metric: memory_saving, direction: maximize, reference: 0%}\n"
        "  - {metric: cpu_use, direction: minimize, reference: 2%}\n"
    )
    autotune("run", short, "--trials", 16, "--seed", 1, "--out", "run")

    to_terminal = autotune("export", "run", "--pick", "all", "--format", "kdamonds")
    to_files = autotune("export", "run", "--pick", "all", "--format", "kdamonds", "--out", "files")

    assert to_terminal.status == 2
    assert "give --out DIR" in to_terminal.err
    assert all(Path(name).is_file() for name in to_files.out.split())
    assert len(to_files.out.split()) > 1


def test_a_run_of_which_every_trial_failed_has_failed(autotune: Runner, short: Path) -> None:
    short.write_text(
        short.read_text()
        + "objectives: [{metric: 1 / (memory_saving - memory_saving), direction: minimize, "
        "reference: 1}]\n"
    )

    result = autotune("run", short, "--trials", 2, "--out", "run")

    assert result.status == 1
    assert "error: run: every trial failed: " in result.err
    assert Path("run", "trials.csv").is_file()


def test_figures_that_are_no_fractions_are_plain_numbers(autotune: Runner, short: Path) -> None:
    short.write_text(
        short.read_text()
        + "objectives: [{metric: major_faults, direction: minimize, reference: 100000}]\n"
    )

    result = autotune("run", short, "--trials", 4, "--out", "run")

    assert result.status == 0
    assert "%" not in result.out.replace("slowdown <= 5%", "")


def test_the_next_command_can_be_pasted(short: Path, tmp_path: Path, autotune: Runner) -> None:
    out = tmp_path / "a [red] run"

    printed = autotune("run", short, "--trials", 8, "--seed", 1, "--out", out).out

    command = shlex.split(printed.splitlines()[-1].removeprefix("next: autotune "))
    assert command[:2] == ["export", str(out)]
    assert autotune(*command).status == 0


def test_a_scheme_that_is_not_sure_is_exported_with_a_warning(
    autotune: Runner, short: Path
) -> None:
    autotune("run", short, "--trials", 8, "--seed", 1, "--out", "run")
    front = Path("run", "front.csv")
    header, row, *others = front.read_text().splitlines()
    assert header.endswith(",note")
    assert row.endswith(",")
    said = "not sure: slowdown <= 5% holds in 71 % of runs; 9 more runs would settle it"
    front.write_text("\n".join([header, row + said, *others, ""]))

    exported = autotune("export", "run", "--pick", "best", "--format", "damos")

    assert exported.status == 0
    assert said in " ".join(exported.err.split())
    assert exported.out.count("pageout") == 1
