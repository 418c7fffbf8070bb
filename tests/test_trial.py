from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.testing import prcl
from autotune.trial import Trial, TrialState


def test_a_failed_trial_says_why() -> None:
    with pytest.raises(
        ValueError, match=r"^trial 3 is failed: it needs a reason and has no figures$"
    ):
        Trial(number=3, state=TrialState.FAILED, seed=0, parameters={})


def test_a_failed_trial_has_no_figures() -> None:
    with pytest.raises(
        ValueError, match=r"^trial 3 is failed: it needs a reason and has no figures$"
    ):
        Trial(
            number=3,
            state=TrialState.FAILED,
            seed=0,
            parameters={},
            figures={"slowdown": 0.1},
            reason="lost",
        )


def test_a_censored_trial_has_bounds_and_no_figures() -> None:
    censored = Trial(
        number=3,
        state=TrialState.CENSORED,
        seed=0,
        parameters={},
        at_least={"slowdown": 0.3},
        reason="ended early",
    )

    assert censored.figures == {}
    with pytest.raises(ValueError, match=r"^trial 3 is censored: it needs a reason and has no "):
        replace(censored, figures={"slowdown": 0.3})
    with pytest.raises(ValueError, match=r"^trial 3 is failed: only of censored trials is the le"):
        replace(censored, state=TrialState.FAILED)


def test_trials_are_counted_from_0() -> None:
    with pytest.raises(ValueError, match=r"^number is -1: trials are counted from 0$"):
        Trial(number=-1, state=TrialState.COMPLETE, seed=0, parameters={})


def test_a_trial_is_named_after_its_number() -> None:
    trial = Trial(number=12, state=TrialState.COMPLETE, seed=0, parameters={}, schemes=(prcl(),))

    assert trial.id == "trial-012"
