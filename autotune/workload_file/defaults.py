"""The values of keys that a workload file leaves out."""

from __future__ import annotations

BACKEND = "simulator"
MACHINE = "server"
MACHINE_OF_VM = "micro-vm"
SEARCH_SPACE = "prcl"
OBJECTIVES = "memory"
AUTO = "auto"
SAMPLER = AUTO
TRIALS = 60
PARALLEL = 4
CONFIRMATIONS = 3
RECOMMEND = 7
SEED = 0

SIMULATED_TRIALS = 4000
"""The number of trials where each costs milliseconds; the search ends by itself long before."""
SIMULATED_CONFIRMATIONS = 40
"""So many fresh seeds tell a scheme that keeps its limits in 95 % of runs from one that does not."""


KERNEL_TRIALS = 20
"""The number of trials where each takes a start of the workload; the search ends by itself before."""
KERNEL_CONFIRMATIONS = 8
"""So often a scheme is run again, at most, where a search chooses what is worth running again."""


def trials(sampler: str, backend: str) -> int:
    """Give the number of trials of a budget that a workload file leaves out."""
    if sampler != AUTO:
        return TRIALS
    return SIMULATED_TRIALS if backend == BACKEND else KERNEL_TRIALS


def confirmations(sampler: str, backend: str) -> int:
    """Give the number of confirmations that a workload file leaves out."""
    if sampler != AUTO:
        return CONFIRMATIONS
    return SIMULATED_CONFIRMATIONS if backend == BACKEND else KERNEL_CONFIRMATIONS
