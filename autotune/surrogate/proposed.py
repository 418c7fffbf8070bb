"""What a correction of a prior proposes, believes and leaves to be gained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autotune.space.space import ParameterSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A run that the kernel should make.

    Attributes:
        parameters: What to run.
        again: Whether it was run before.
        gain: By how much the run will raise the volume of what can be recommended, as a share of the
            box that can be had.
    """

    parameters: ParameterSet
    again: bool
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is believed of a scheme that was run. All by the names of the figures.

    Attributes:
        mean: The mean over many runs.
        error: The standard deviation of that mean.
        spread: The standard deviation of one run.
        freedom: Degrees of freedom of Student's t, which a run follows.
        within: The probability that all constraints hold in the next run.
    """

    mean: Mapping[str, float]
    error: Mapping[str, float]
    spread: Mapping[str, float]
    freedom: float
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left to gain.

    Attributes:
        volume: Of what can be recommended now, as a share of the box that can be had.
        gain: What the best run would add.
        stake: The first objective's side of that box, in its unit.
    """

    volume: float
    gain: float
    stake: float
