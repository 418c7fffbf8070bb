"""Places where a workload can be run under DAMON."""
