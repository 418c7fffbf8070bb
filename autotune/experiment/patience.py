"""When a run is ended early, since it is slower than could be of use already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How much slower than a baseline a run of fixed work may become before it is ended.

    What a run has taken so far is less than what it will take. So how slow it is so far is a lower bound
    of its slowdown.

    Attributes:
        of: What counts: "cpu", the CPU time of the workload, or "time", the time of the measured part.
        baseline_s: What the baseline took, in seconds.
        most: A run that is slower than this is ended; a fraction.

    Raises:
        ValueError: If the baseline took no time, or *most* is below 0.
    """

    of: Literal["cpu", "time"]
    baseline_s: float
    most: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.baseline_s <= 0.0:
            raise ValueError(f"baseline_s is {self.baseline_s:g}: it must be above 0")
        if self.most < 0.0:
            raise ValueError(f"most is {self.most:g}: it must be 0 or more")

    def lost(self, *, cpu_s: float, time_s: float) -> float | None:
        """Say how much slower a run is that goes on; None while there is patience with it.

        Args:
            cpu_s: CPU time of the workload since the measured part began, in seconds.
            time_s: Time since the measured part began, in seconds.

        >>> patience = Patience(of="time", baseline_s=10.0, most=0.25)
        >>> patience.lost(cpu_s=20.0, time_s=12.0), patience.lost(cpu_s=1.0, time_s=15.0)
        (None, 0.5)
        """
        slower = (cpu_s if self.of == "cpu" else time_s) / self.baseline_s - 1.0
        return slower if slower > self.most else None
