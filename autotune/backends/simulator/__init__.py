"""DAMON and a workload's memory, simulated: the rules of Linux 6.12, one tick at a time."""
