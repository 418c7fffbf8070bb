"""One run of a workload: what it does, and what it showed."""
