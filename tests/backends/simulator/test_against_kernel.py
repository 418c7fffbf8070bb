"""The simulator beside recorded runs of the real kernel."""

from __future__ import annotations

import itertools
from functools import cache

import pytest

from autotune.evaluation.kernel_grid import PATTERNS, Cell, kernel_cells, simulate

WITHOUT_QUOTA = [cell for cell in kernel_cells() if not cell.has_quota]
TOLD_APART = 0.005
"""Half a point: the kernel's own runs differ by less where the scheme does nothing."""


@cache
def simulated(pattern: str, scheme: str) -> dict[str, float]:
    return simulate(pattern, scheme, seeds=range(3))


@pytest.mark.parametrize("cell", WITHOUT_QUOTA, ids=lambda cell: f"{cell.pattern}-{cell.scheme}")
def test_memory_saving_is_within_ten_points_of_the_kernel(cell: Cell) -> None:
    saving = simulated(cell.pattern, cell.scheme)["memory_saving"]

    assert saving == pytest.approx(cell.figures["memory_saving"], abs=0.10)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("figure", ["memory_saving", "own_cpu_slowdown"])
def test_schemes_that_the_kernel_tells_apart_come_in_its_order(pattern: str, figure: str) -> None:
    cells = [cell for cell in WITHOUT_QUOTA if cell.pattern == pattern]

    swapped = [
        (one.scheme, other.scheme)
        for one, other in itertools.permutations(cells, 2)
        if one.figures[figure] > other.figures[figure] + TOLD_APART
        and simulated(pattern, one.scheme)[figure] <= simulated(pattern, other.scheme)[figure]
    ]

    assert swapped == []
