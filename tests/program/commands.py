"""Runs commands in this process, as a shell would: a status and two streams."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from autotune.cli.main import run_command_line


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


class Runner:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Result:
        self.capsys.readouterr()
        status = run_command_line([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return Result(status, captured.out, captured.err)
