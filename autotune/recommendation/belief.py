"""What is believed of a scheme's figures: how large they are on average, and in the next run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri, stdtrit

from autotune.objective.figures import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is believed of the figures of one trial's schemes.

    A figure of the next run follows Student's t with `freedom` degrees of freedom around `mean`, with
    the scale ``sqrt(error**2 + spread**2)``. The figures are metrics and figures of objectives, by name;
    all three mappings have the same names.

    Attributes:
        mean: The mean over many runs that is expected.
        error: How uncertain that mean is: a standard deviation.
        spread: How far one run is from that mean: a standard deviation.
        freedom: Degrees of freedom, above 0; infinite where the deviations are known.
        within: The probability that all constraints hold in the next run, from 0 to 1.

    Raises:
        ValueError: If a number is out of its range, or the mappings have different names.
    """

    mean: Figures
    error: Figures
    spread: Figures
    freedom: float
    within: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.mean.keys() == self.error.keys() == self.spread.keys():
            raise ValueError("mean, error and spread are of different figures")
        if not all(
            deviation >= 0.0 for deviation in (*self.error.values(), *self.spread.values())
        ):
            raise ValueError("a deviation is not a number from 0 upwards")
        if not self.freedom > 0.0:
            raise ValueError(f"freedom is {self.freedom:g}: it must be above 0")
        if not 0.0 <= self.within <= 1.0:
            raise ValueError(f"within is {self.within:g}: a probability is from 0 to 1")

    @property
    def is_known(self) -> bool:
        """Whether anything is known about how much figures differ from run to run."""
        return math.isfinite(self.freedom) or any(self.spread.values())

    def interval(self, name: str, *, confidence: float = 0.95) -> tuple[float, float]:
        """Give the bounds between which the mean of a figure lies with a probability.

        Raises:
            KeyError: If there is no such figure.
        """
        share = (1.0 + confidence) / 2.0
        away = ndtri(share) if math.isinf(self.freedom) else stdtrit(self.freedom, share)
        margin = float(away) * self.error[name]
        return self.mean[name] - margin, self.mean[name] + margin
