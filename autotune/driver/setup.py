"""All that DAMON is told before it is turned on."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import to_kernel
from autotune.damon.monitoring import Monitoring, OperationsSet, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One kdamond's work: what it watches, how closely, and what schemes it runs.

    Attributes:
        monitoring: Intervals and bounds on regions.
        targets: One or more targets, all in one kind of address space; exactly one for physical memory.
        schemes: The schemes, in the order in which they see a region. Without schemes, DAMON only
            monitors.

    Raises:
        ValueError: If the targets are otherwise, or a scheme has a number that the kernel can't express.
    """

    monitoring: Monitoring
    targets: tuple[Target, ...]
    schemes: tuple[Scheme, ...] = ()

    def __post_init__(self) -> None:
        """Check the targets, and that the kernel can be told every scheme."""
        spaces = {target.operations for target in self.targets}
        if len(spaces) != 1:
            raise ValueError(
                f"targets in {len(spaces)} address spaces: one kdamond watches exactly one"
            )
        if self.operations is OperationsSet.PADDR and len(self.targets) > 1:
            raise ValueError(f"{len(self.targets)} targets under paddr: physical memory is one")
        for scheme in self.schemes:
            to_kernel(scheme, self.monitoring.intervals)

    @property
    def operations(self) -> OperationsSet:
        """The kind of address space of all targets."""
        return self.targets[0].operations

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are watched."""
        return tuple(target.pid for target in self.targets if target.pid is not None)
