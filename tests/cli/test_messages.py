from __future__ import annotations

import sys

import pytest

from autotune.cli.messages import say


def test_a_message_is_wrapped_to_the_terminal_and_nothing_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    path = "/a/path/that/is/much/longer/than/the/terminal-is-wide.yaml"

    say(f"{path}:3: key 'seed': write a whole number of 0 or more", kind="warning")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "warning:",
        f"{path}:3:",
        "key 'seed': write a whole number of 0 or",
        "more",
    ]


def test_elsewhere_a_message_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    say("a.damos:3: 4 fields:\na scheme has 7, 9, 12, 17 or 18: count them again")

    assert capsys.readouterr().err == (
        "error: a.damos:3: 4 fields: a scheme has 7, 9, 12, 17 or 18: count them again\n"
    )
