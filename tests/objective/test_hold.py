"""Tests for how limits must hold."""

from __future__ import annotations

import pytest

from autotune.objective.hold import USUAL, Hold, parse_hold


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("95%", Hold(share=0.95)),
        ("99.5 %", Hold(share=0.995)),
        ("mean", Hold()),
        ("worst of 3", Hold(worst_of=3)),
        (" worst  of 40 ", Hold(worst_of=40)),
    ],
)
def test_a_rule_is_read_and_written_again(text: str, rule: Hold) -> None:
    assert parse_hold(text) == rule
    assert parse_hold(str(rule)) == rule


def test_the_usual_rule_is_95_percent_of_runs() -> None:
    assert str(USUAL) == "95%"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("100%", "100% is out of range: give a share above 0% and below 100%"),
        ("0%", "0% is out of range"),
        ("0.95", "'0.95' is no rule for limits: write a share of runs, as in 95%, mean, or"),
        ("worst", "'worst' is no rule for limits"),
        ("worst of 0", "worst of 0 is out of range: give 1 to 1000 runs"),
        ("worst of 1001", "worst of 1001 is out of range"),
        ("x%", "'x%' is not a share"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_hold(text)


def test_a_rule_is_one_thing_only() -> None:
    with pytest.raises(ValueError, match="give one"):
        Hold(share=0.95, worst_of=3)
