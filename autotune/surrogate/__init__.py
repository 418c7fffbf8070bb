"""Models of a workload's response: where parameter sets lie, and which of them are worth a look."""
