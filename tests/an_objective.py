"""An objective for tests, by the name of its metric."""

from __future__ import annotations

from autotune.objective.expression import Expression
from autotune.objective.objective import KNOWN_NAMES, Direction, Objective


def objective(
    name: str, direction: Direction, reference: float = 0.5, *, metric: str | None = None
) -> Objective:
    """One whose metric is its name, or an expression of metrics."""
    expression = Expression.parse(metric or name, KNOWN_NAMES)
    return Objective(metric=expression, name=name, direction=direction, reference=reference)
