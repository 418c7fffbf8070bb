"""Arguments and options that several commands have, and messages of commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from autotune.cli.messages import say

WorkloadArgument = Annotated[
    Path, typer.Argument(metavar="WORKLOAD", help="A workload file (YAML), or a run folder.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="simulator, vm or host; run takes several, the cheapest first: simulator,vm.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option("--machine", metavar="NAME|FILE", help="The simulator's machine profile."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Decides everything random.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


def note(message: str) -> None:
    """Tell the user of a step that takes long, or that was done."""
    say(message, kind="note")


def warn(message: str) -> None:
    """Warn the user of something that is legal but unwise."""
    say(message, kind="warning")


def print_json(value: dict[str, Any]) -> None:
    """Print a result for scripts."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))
