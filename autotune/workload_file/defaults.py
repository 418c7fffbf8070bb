"""The values of keys that a workload file leaves out."""

from __future__ import annotations

BACKEND = "simulator"
MACHINE = "server"
SEARCH_SPACE = "prcl"
OBJECTIVES = "memory"
SAMPLER = "tpe"
TRIALS = 60
PARALLEL = 4
CONFIRMATIONS = 3
RECOMMEND = 7
SEED = 0
