"""The command line as scripts see it: statuses, streams, signals, and the width of a terminal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autotune.cli.main import app, vm_app
from tests.program.commands import Runner

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    command.callback.__name__ for command in app.registered_commands if command.callback
)
VM_COMMANDS = [command.name for command in vm_app.registered_commands if command.name]


def test_every_help_fits_a_terminal_and_shows_every_command(autotune: Runner) -> None:
    texts = {command: autotune(command, "--help").out for command in COMMANDS}
    of_vm = {command: autotune("vm", command, "--help").out for command in VM_COMMANDS}
    overview, vm = autotune("--help").out, autotune("vm", "--help").out

    assert all(command in overview for command in (*COMMANDS, "vm"))
    assert all(command in vm for command in VM_COMMANDS)
    for text in (*texts.values(), *of_vm.values(), overview, vm):
        assert [line for line in text.splitlines() if len(line) > 80] == []


def test_without_arguments_the_help_is_shown(autotune: Runner) -> None:
    assert "Commands:" in autotune().out + autotune().err


def test_the_version_is_that_of_the_package(autotune: Runner) -> None:
    result = autotune("--version")

    assert (result.status, result.out) == (0, "autotune 0.1.0\n")


def test_a_full_standard_output_is_one_message(short: Path) -> None:
    command = f"{sys.executable} -m autotune measure {short} --json >/dev/full"

    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert result.stderr == (
        "error: standard output: can't be written: No space left on device: see where it goes\n"
    )


def test_spaces_and_objectives_are_listed(autotune: Runner) -> None:
    spaces, objectives = autotune("spaces"), autotune("objectives")

    assert all(name in spaces.out for name in ("prcl", "prcl-quota", "ethp", "100ms to 1m"))
    assert all(name in objectives.out for name in ("memory", "slowdown <= 5%", "cpu_use"))
    assert "constraint: slowdown <= 5%\nhold: 95% " in objectives.out
    for result in (spaces, objectives):
        assert max(len(line) for line in result.out.splitlines()) <= 80


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("foo",), 2, "error: No such command 'foo': see autotune --help"),
        (("run",), 2, "error: Missing argument 'WORKLOAD': see autotune --help"),
        (("run", "no.yaml"), 2, "error: no.yaml: no such file: check the path"),
        (
            ("run", "short.yaml", "--sampler", "tpee"),
            2,
            "error: short.yaml: no sampler 'tpee': did you mean 'tpe'?",
        ),
        (("run", "short.yaml", "--trials", "0"), 2, "error: 0 trials are too few: give 1 or more"),
        (
            ("run", "short.yaml", "--out", "."),
            2,
            "error: .: is not empty: name a folder that is, or a new one",
        ),
        (
            ("run", "short.yaml", "--out", "short.cfg/run"),
            2,
            "error: short.cfg/run: is no folder, or lies in something that is none: name another",
        ),
        (
            ("measure", "short.yaml", "--scheme", "prcl-4s"),
            2,
            "error: no reference scheme 'prcl-4s': did you mean 'prcl-5s'?",
        ),
        (("export", "nowhere"), 2, "error: nowhere: no such run folder: check the path"),
        (
            ("compare", ".", "."),
            2,
            "error: .: has no run.json: name a folder that a run has written",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
@pytest.mark.usefixtures("short")
def test_a_mistake_is_one_message_and_a_status(
    autotune: Runner, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = autotune(*arguments)

    assert (result.status, result.out) == (status, "")
    assert result.err == f"{message}\n"


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT] * 3,
        [signal.SIGTERM, signal.SIGINT],
        [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM],
    ],
    ids=["Ctrl-C", "SIGTERM", "hang-up"],
)
def test_several_interrupts_end_a_run_once_with_what_it_has(
    short: Path, tmp_path: Path, signals: list[signal.Signals]
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "autotune", "run", str(short), "--trials", "5000"]
    with subprocess.Popen(
        [*command, "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (out / "trials.csv").exists():
            time.sleep(0.05)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.02)
        printed, notes = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in notes
    assert " ".join(notes.split()).endswith(f"note: interrupted: what was finished is in {out}")
    assert " trials; " in printed
    assert json.loads((out / "run.json").read_text())["state"] == "interrupted"
    assert (out / "summary.md").is_file()


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m autotune spaces | head -1"

    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stderr == ""


def test_a_name_that_the_locale_cannot_write_is_no_traceback(short: Path) -> None:
    short.write_text("name: caf\u00e9\n" + short.read_text(), encoding="utf-8")
    command = ["-m", "autotune", "measure", str(short), "--scheme", "prcl-3s", "--seeds", "1"]

    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.startswith("caf\\xe9 on simulator (server)\n")
