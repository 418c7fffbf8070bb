"""What one run does: a workload, DAMON on or off, schemes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autotune.damon.damos import Scheme, check_meeting
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.damon.recording import Recording
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One run of a workload, all that decides its outcome except backend and seed.

    Attributes:
        workload: What runs.
        monitoring: DAMON's attributes; None leaves DAMON off, which is a baseline.
        schemes: Applied while monitoring; none only monitors.
        operations: The address space that is monitored.
        start_after_us: DAMON is turned on this long after the measured part begins.
        timeout_us: The run is given up after this much time of its own clock; so is the wait until the
            workload is ready.
        sampling_period_us: Between two samples of memory use.

    Raises:
        ValueError: If there are schemes without monitoring, or one that does nothing here.
    """

    workload: Pattern | Program | Recording
    monitoring: Monitoring | None = None
    schemes: tuple[Scheme, ...] = ()
    operations: OperationsSet = OperationsSet.VADDR
    start_after_us: int = 0
    timeout_us: int = 600_000_000
    sampling_period_us: int = 100_000

    def __post_init__(self) -> None:
        """Check that schemes and target meet."""
        if self.schemes and self.monitoring is None:
            raise ValueError("schemes need monitoring: a baseline has none")
        for scheme in self.schemes:
            check_meeting(scheme, self.operations)

    def baseline(self) -> Experiment:
        """The same run of the workload with DAMON off."""
        return replace(self, monitoring=None, schemes=(), start_after_us=0)
