"""A trial: a proposal of a sampler, the schemes that it means, and the figures that came of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from autotune.damon.damos import Scheme


class TrialState(enum.Enum):
    """What became of a trial."""

    COMPLETE = "complete"
    """It was measured."""
    FAILED = "failed"
    """Its schemes are impossible or could not be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A proposal and what came of it.

    Attributes:
        number: Position in its study, from 0.
        state: Whether it was measured.
        seed: With which it was measured.
        parameters: By name, only those that exist beside the others.
        schemes: As the kernel runs them; empty where there are none for the parameters.
        figures: All that an objective or a constraint may name, by name; empty if it failed.
        reason: Why it failed; None if it was measured.

    Raises:
        ValueError: If the number is negative, or a trial failed without a reason or with figures.

    >>> Trial(number=7, state=TrialState.COMPLETE, seed=0, parameters={}).id
    'trial-007'
    """

    number: int
    state: TrialState
    seed: int
    parameters: Mapping[str, int | float | str]
    schemes: tuple[Scheme, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None

    def __post_init__(self) -> None:
        """Check that the fields belong together."""
        if self.number < 0:
            raise ValueError(f"number is {self.number}: trials are counted from 0")
        if self.state is TrialState.FAILED and (self.figures or not self.reason):
            raise ValueError(f"trial {self.number} failed: it needs a reason and has no figures")

    @property
    def id(self) -> str:
        """Its name in files."""
        return trial_id(self.number)


def trial_id(number: int) -> str:
    """The name of a trial in files.

    >>> trial_id(7), trial_id(1234)
    ('trial-007', 'trial-1234')
    """
    return f"trial-{number:03d}"
