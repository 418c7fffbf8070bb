"""Starting a workload, waiting until it is ready, measuring it under DAMON, and ending it."""
