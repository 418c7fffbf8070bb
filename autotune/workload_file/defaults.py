"""What a workload file means that says no more than what is measured."""

from __future__ import annotations

BACKEND = "simulator"
MACHINE = "server"
SEARCH_SPACE = "prcl"
OBJECTIVES = "memory"
SAMPLER = "tpe"
TRIALS = 60
PARALLEL = 4
CONFIRMATIONS = 3
SEED = 0
