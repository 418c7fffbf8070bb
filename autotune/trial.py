"""A trial: a proposal of a sampler, its schemes, and their figures."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from autotune.damon.damos import Scheme


class TrialState(enum.Enum):
    """Whether a trial was measured."""

    COMPLETE = "complete"
    """The trial was measured."""
    FAILED = "failed"
    """The trial's schemes are impossible, or could not be measured."""
    CENSORED = "censored"
    """The trial was ended early, since it was clearly beyond a limit: by how much is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A proposal and its figures.

    Attributes:
        number: Position in the study, from 0.
        state: Whether the trial was measured.
        seed: The seed of the measurement.
        parameters: Values by name, only of parameters that exist given these values.
        schemes: The schemes, as the kernel runs them; empty if the parameters give no possible schemes.
        figures: All that an objective or a constraint may name, by name; empty if the trial has none.
        at_least: Of a censored trial, the smallest values that figures can have, by name.
        reason: Why the trial failed or was ended; of a measured trial, why its schemes did nothing or
            less than they could. None if there is nothing to say.
        doubt: Why the figures of a measured trial are in doubt; None if they are not.

    Raises:
        ValueError: If the number is negative, or a trial that was not measured has no reason or has
            figures.

    >>> Trial(number=7, state=TrialState.COMPLETE, seed=0, parameters={}).id
    'trial-007'
    """

    number: int
    state: TrialState
    seed: int
    parameters: Mapping[str, int | float | str]
    schemes: tuple[Scheme, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    doubt: str | None = None

    def __post_init__(self) -> None:
        """Check that the fields belong together."""
        if self.number < 0:
            raise ValueError(f"number is {self.number}: trials are counted from 0")
        if self.state is not TrialState.COMPLETE and (self.figures or not self.reason):
            raise ValueError(
                f"trial {self.number} is {self.state.value}: it needs a reason and has no figures"
            )
        if self.at_least and self.state is not TrialState.CENSORED:
            raise ValueError(
                f"trial {self.number} is {self.state.value}: only of censored trials is the least known"
            )

    @property
    def id(self) -> str:
        """The trial's name in files."""
        return trial_id(self.number)


def trial_id(number: int) -> str:
    """Give the name of a trial in files.

    >>> trial_id(7), trial_id(1234)
    ('trial-007', 'trial-1234')
    """
    return f"trial-{number:03d}"
