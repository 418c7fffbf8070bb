"""What one run does: a workload, DAMON on or off, schemes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autotune.damon.damos import Scheme, check_meeting
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.damon.recording import Recording
from autotune.experiment.patience import Patience
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One run of a workload: all that decides its outcome, except the backend and the seed.

    Attributes:
        workload: What runs.
        monitoring: DAMON's attributes. None leaves DAMON off: then the run is a baseline.
        schemes: Schemes that are applied. Without schemes, DAMON only monitors.
        operations: The kind of address space that is monitored.
        start_after_us: Time from the beginning of the measured part until DAMON is turned on.
        timeout_us: Time, by the run's clock, after which the run is given up. The wait until the
            workload is ready is given up after as much time.
        sampling_period_us: Time between two samples of memory use.
        patience: When the run is ended early; None lets it run to its end. Only where a real workload
            runs: the simulator has none to end.

    Raises:
        ValueError: If there are schemes without monitoring, or a scheme does nothing in this kind of
            address space.
    """

    workload: Pattern | Program | Recording
    monitoring: Monitoring | None = None
    schemes: tuple[Scheme, ...] = ()
    operations: OperationsSet = OperationsSet.VADDR
    start_after_us: int = 0
    timeout_us: int = 600_000_000
    sampling_period_us: int = 100_000
    patience: Patience | None = None

    def __post_init__(self) -> None:
        """Check that the schemes can do something."""
        if self.schemes and self.monitoring is None:
            raise ValueError("schemes need monitoring: a baseline has none")
        for scheme in self.schemes:
            check_meeting(scheme, self.operations)

    def baseline(self) -> Experiment:
        """The same run of the workload with DAMON off."""
        return replace(self, monitoring=None, schemes=(), start_after_us=0, patience=None)
