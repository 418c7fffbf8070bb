"""The figures of past trials, for samplers that decide by more than the objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from autotune.errors import InputError

_FIGURES = "figures"
_WITHOUT = "without figures"


@runtime_checkable
class DecidesByFigures(Protocol):
    """A sampler that must be told figures with `tell_figures`, whatever the objectives are.

    Attributes:
        figures: The names of these figures.
    """

    figures: tuple[str, ...]


def tell_figures(sampler: object, trial: Trial, figures: Mapping[str, float]) -> None:
    """Tell a sampler the figures of a trial, if it decides by figures. Call it before `Study.tell`."""
    if isinstance(sampler, DecidesByFigures):
        known = {name: figures[name] for name in sampler.figures if name in figures}
        trial.set_user_attr(_FIGURES, known)


def tell_no_figures(sampler: object, trial: Trial) -> None:
    """Tell a sampler that decides by figures that a trial has none, though Optuna is told values."""
    if isinstance(sampler, DecidesByFigures):
        trial.set_user_attr(_WITHOUT, True)


def measured_trials(study: Study) -> list[FrozenTrial]:
    """Give the trials whose figures are known, in the order of their numbers."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [trial for trial in complete if not trial.user_attrs.get(_WITHOUT)]


def figure(trial: FrozenTrial, name: str, sampler: str) -> float:
    """Give a figure of a measured trial.

    Args:
        trial: The trial.
        name: Name of the figure.
        sampler: Name of the sampler that needs it.

    Raises:
        InputError: If the trial doesn't have this figure.
    """
    figures: Mapping[str, float] = trial.user_attrs.get(_FIGURES, {})
    if name not in figures:
        raise InputError(
            f"sampler {sampler} decides by {name}, which this workload doesn't have: "
            "use sampler sweep or tpe"
        )
    return figures[name]
