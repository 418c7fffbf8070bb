"""Judging: the simulator against the kernel, on grids that were measured."""
