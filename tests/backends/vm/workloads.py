"""What runs in the machines of the tests: patterns and small programs of a few MiB and seconds."""

from __future__ import annotations

from dataclasses import replace

from autotune.backends.settings import VmSettings
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.testing import prcl

MIB = 1 << 20
STEPS, STEP_BYTES = 4, 8 * MIB

SMALL = VmSettings(memory_bytes=160 * MIB, swap_bytes=16 * MIB)
"""A machine for a small program."""


def _phase(name: str, *regions: int) -> Phase:
    accesses = tuple(
        Access(region=region, random=False, stride_bytes=4096, weight=1) for region in regions
    )
    return Phase(name=name, duration_us=1_000_000, accesses=accesses)


STAIRS = Experiment(
    workload=Pattern(
        regions=tuple(
            PatternRegion(name=f"step{step}", size_bytes=STEP_BYTES) for step in range(STEPS)
        ),
        phases=(
            _phase("all", *range(STEPS)),
            *(_phase(f"step {step}", step) for step in range(STEPS)),
        ),
    )
)
"""All of it for a second, then a step a second."""

STAIRS_MONITORED = replace(STAIRS, monitoring=Monitoring())
STAIRS_PAGED_OUT = replace(STAIRS_MONITORED, schemes=(prcl(min_age_us=500_000),))
"""By half a second all steps but one are paged out, and each next one comes back from swap."""
