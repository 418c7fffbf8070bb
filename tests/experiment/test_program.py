from __future__ import annotations

from typing import Any

import pytest

from autotune.experiment.program import Program, Ready


@pytest.mark.parametrize(
    "criterion", [{"delay_us": 0}, {"line": "ready$"}, {"port": 1}, {"command": ("true",)}]
)
def test_one_criterion_says_when_a_program_is_ready(criterion: dict[str, Any]) -> None:
    ready = Ready(**criterion)

    assert {name: getattr(ready, name) for name in criterion} == criterion


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ({}, "give exactly one of delay, line, port and command"),
        ({"delay_us": 0, "port": 1}, "give exactly one of delay, line, port and command"),
        ({"port": 65_536}, "port is 65536: it must be from 1 to 65535"),
        (
            {"line": "("},
            "line is no regular expression (missing ), unterminated subpattern at position 0): "
            "mend '('",
        ),
    ],
)
def test_another_number_of_criteria_is_refused(criteria: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Ready(**criteria)

    assert str(error.value) == message


def test_a_program_is_ready_after_a_second_by_default() -> None:
    assert Program(command=("sleep", "9")).ready == Ready(delay_us=1_000_000)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"command": ()}, "a command is empty: name a program"),
        ({"command": ("a",), "client": ()}, "a command is empty: name a program"),
        (
            {"command": ("a",), "work": "[0-9]+ requests"},
            "work has 0 groups: put round brackets around the number, once",
        ),
        (
            {"command": ("a",), "work": "([0-9]+) (requests)"},
            "work has 2 groups: put round brackets around the number, once",
        ),
        (
            {"command": ("a",), "latency": "max [0-9]+"},
            "latency has 0 groups: put round brackets around the number, once",
        ),
        (
            {"command": ("a",), "latency_unit": "ms"},
            "latency_unit without latency: name what prints the time, or drop it",
        ),
        (
            {"command": ("a",), "latency": "max ([0-9]+)", "latency_unit": "min"},
            "latency_unit is 'min': use one of us, ms, s",
        ),
    ],
)
def test_a_program_that_cannot_be_measured_is_refused(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Program(**fields)

    assert str(error.value) == message
