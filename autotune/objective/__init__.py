"""Metrics, expressions of them, objectives, constraints, and the arithmetic of fronts."""
