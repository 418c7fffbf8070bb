"""The values of keys that a workload file leaves out."""

from __future__ import annotations

BACKEND = "simulator"
MACHINE = "server"
SEARCH_SPACE = "prcl"
OBJECTIVES = "memory"
SAMPLER = "auto"
TRIALS = 60
PARALLEL = 4
CONFIRMATIONS = 3
RECOMMEND = 7
SEED = 0

SIMULATED_TRIALS = 4000
"""The number of trials where each costs milliseconds; the search ends by itself long before."""
SIMULATED_CONFIRMATIONS = 40
"""So many fresh seeds tell a scheme that keeps its limits in 95 % of runs from one that does not."""


def trials(sampler: str, backend: str) -> int:
    """Give the number of trials of a budget that a workload file leaves out."""
    return SIMULATED_TRIALS if _fast(sampler, backend) else TRIALS


def confirmations(sampler: str, backend: str) -> int:
    """Give the number of confirmations that a workload file leaves out."""
    return SIMULATED_CONFIRMATIONS if _fast(sampler, backend) else CONFIRMATIONS


def _fast(sampler: str, backend: str) -> bool:
    return (sampler, backend) == ("auto", "simulator")
