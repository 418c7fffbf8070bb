"""Fronts of several runs of one workload, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autotune.errors import InputError, Where
from autotune.objective import pareto
from autotune.run_folder.reader import Run
from autotune.run_folder.run_json import RunDescription

Points = list[tuple[float, ...]]
Matrix = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How fronts compare, two by two.

    Attributes:
        runs: The folders.
        hypervolume: Of each front, with the objectives' reference. A scheme that is not sure to keep the
            limits does not count, though it is shown.
        coverage: Row A, column B: share of B's front that A's front equals or dominates. None if A's
            front or B's front is empty.
        epsilon: Row A, column B: by how much A's front must improve in every objective to equal or
            dominate all of B's front. None if A's front or B's front is empty.
    """

    runs: tuple[str, ...]
    hypervolume: tuple[float, ...]
    coverage: Matrix
    epsilon: Matrix

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "runs": list(self.runs),
            "hypervolume": list(self.hypervolume),
            "coverage": [list(row) for row in self.coverage],
            "epsilon": [list(row) for row in self.epsilon],
        }


def compare(runs: Sequence[Run]) -> Comparison:
    """Compare the fronts of *runs*.

    Raises:
        InputError: If there are fewer than two runs, or two runs measured different things; the message
            names the difference.
    """
    if len(runs) < 2:
        raise InputError("there is nothing to compare: name two runs or more")
    first = runs[0]
    for other in runs[1:]:
        _check_comparable(first, other)
    fronts = [run.sure_points for run in runs]
    reference = first.objectives.reference
    return Comparison(
        runs=tuple(str(run.path) for run in runs),
        hypervolume=tuple(pareto.hypervolume(front, reference) for front in fronts),
        coverage=_matrix(pareto.coverage, fronts),
        epsilon=_matrix(pareto.epsilon, fronts),
    )


def _check_comparable(first: Run, other: Run) -> None:
    mine, theirs = _identity(first.description), _identity(other.description)
    if first.description.workload_sha256 == other.description.workload_sha256:
        del mine["workload"]
    for what, value in mine.items():
        if value != theirs[what]:
            raise InputError(
                f"{what}: {theirs[what]}; in {first.path}: {value}: compare runs with the same {what}",
                Where(other.path),
            )


def _identity(run: RunDescription) -> dict[str, str]:
    """What must be equal so that figures compare: the workload (not its name), place and aim."""
    return {
        "workload": f"{run.name} ({run.workload_sha256[:8]})",
        "backend": run.backend,
        "machine": run.machine,
        "objectives": ", ".join(
            f"{o.name} = {o.metric} ({o.direction.value}, reference {o.reference:g})"
            for o in run.objectives.objectives
        ),
        "constraints": ", ".join(sorted(map(str, run.objectives.constraints))) or "none",
    }


def _matrix(indicator: Callable[[Points, Points], float], fronts: Sequence[Points]) -> Matrix:
    return tuple(tuple(indicator(a, b) if a and b else None for b in fronts) for a in fronts)
