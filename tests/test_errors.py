from __future__ import annotations

from pathlib import Path

import pytest

from autotune.errors import (
    AutotuneError,
    BackendUnavailableError,
    InputError,
    RunError,
    TrialError,
    Where,
    nearest,
)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where("my.yaml"), "my.yaml"),
        (Where(Path("a") / "my.yaml", 2), "a/my.yaml:2"),
        (Where("my.yaml", 2, 15), "my.yaml:2:15"),
    ],
)
def test_a_place_is_written_as_far_as_it_is_known(where: Where, text: str) -> None:
    assert str(where) == text
    assert str(InputError("no phase", where)) == f"{text}: no phase"


def test_an_input_error_without_a_place_is_its_message() -> None:
    error = InputError("no phase")

    assert str(error) == "no phase"
    assert error.where is None


@pytest.mark.parametrize(
    "kind", [AutotuneError, TrialError, BackendUnavailableError, RunError, InputError]
)
def test_the_exit_status_is_2_for_what_the_user_gave_and_else_1(kind: type[AutotuneError]) -> None:
    assert issubclass(kind, AutotuneError)
    assert kind.exit_status == (2 if kind is InputError else 1)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("prlc", "did you mean 'prcl'?"),
        ("Prcl", "did you mean 'prcl'?"),
        ("prcl-quotas", "did you mean 'prcl-quota'?"),
        ("x", "known are ethp, prcl, prcl-quota"),
        ("", "known are ethp, prcl, prcl-quota"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_or_with_all(name: str, answer: str) -> None:
    assert nearest(name, {"prcl-quota", "prcl", "ethp"}) == answer
