"""The simulator beside a recorded grid of runs on the real kernel (tests/data/kernel_grid.csv)."""

from __future__ import annotations

import csv
import itertools
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from autotune import catalog, metrics
from autotune.backends.simulator.simulator import Simulator
from autotune.damon import Monitoring
from autotune.damos import AccessPattern, Action, Range, Scheme
from autotune.experiment import Experiment
from autotune.patterns import Access, Pattern, PatternRegion, Phase
from autotune.profiles import load_machine

GRID = Path(__file__).parents[2] / "data" / "kernel_grid.csv"
AGGREGATION_US = 100_000
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Cell:
    pattern: str
    scheme: str
    memory_saving: float
    own_cpu_slowdown: float


def kernel_cells() -> list[Cell]:
    """The rows without a quota."""
    with GRID.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [
        Cell(
            row["pattern"],
            row["scheme"],
            float(row["memory_saving"]),
            float(row["own_cpu_slowdown"]),
        )
        for row in rows
        if row["scheme"] == "rec" or row["scheme"].endswith("-q0")
    ]


def phase(ms: int, *regions: int) -> Phase:
    accesses = tuple(
        Access(region=region, random=False, stride_bytes=4096, weight=1) for region in regions
    )
    return Phase(name="phase", duration_us=ms * 1000, accesses=accesses)


PATTERNS = {
    "stairs_30secs": Pattern(
        regions=tuple(PatternRegion(name=f"s{n}", size_bytes=10_000_000) for n in range(10)),
        phases=(phase(5000, *range(10)), *(phase(2500, step) for step in range(10))),
    ),
    "zigzag_30secs": Pattern(
        regions=tuple(PatternRegion(name=name, size_bytes=100_000_000) for name in "ab"),
        phases=(phase(5000, 0, 1), *(phase(2500, turn % 2) for turn in range(12))),
    ),
}


def schemes(name: str) -> tuple[Scheme, ...]:
    if name == "rec":
        return ()
    age = int(name.split("-")[1].removeprefix("a"))
    pattern = AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(age * AGGREGATION_US)
    )
    return (Scheme(action=Action.PAGEOUT, pattern=pattern),)


@cache
def simulated(pattern: str, scheme: str) -> Cell:
    """Mean over a few seeds."""
    backend = Simulator(load_machine(catalog.find("micro-vm", "machines", Path())))
    figures = []
    for seed in SEEDS:
        baseline = backend.run(Experiment(workload=PATTERNS[pattern]), seed=seed)
        experiment = Experiment(
            workload=PATTERNS[pattern], monitoring=Monitoring(), schemes=schemes(scheme)
        )
        measured = backend.run(experiment, seed=seed)
        figures.append(metrics.compute(measured, baseline, slowdown="own_cpu_slowdown"))
    return Cell(
        pattern,
        scheme,
        sum(f["memory_saving"] for f in figures) / len(figures),
        sum(f["own_cpu_slowdown"] for f in figures) / len(figures),
    )


@pytest.mark.parametrize("cell", kernel_cells(), ids=lambda cell: f"{cell.pattern}-{cell.scheme}")
def test_memory_saving_is_within_ten_points_of_the_kernel(cell: Cell) -> None:
    assert simulated(cell.pattern, cell.scheme).memory_saving == pytest.approx(
        cell.memory_saving, abs=0.10
    )


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("figure", ["memory_saving", "own_cpu_slowdown"])
def test_schemes_that_the_kernel_tells_apart_come_in_its_order(pattern: str, figure: str) -> None:
    """Half a point apart, which is more than the kernel's own runs differ where nothing happens."""
    cells = [cell for cell in kernel_cells() if cell.pattern == pattern]

    swapped = [
        (one.scheme, other.scheme)
        for one, other in itertools.permutations(cells, 2)
        if getattr(one, figure) > getattr(other, figure) + 0.005
        and not getattr(simulated(pattern, one.scheme), figure)
        > getattr(simulated(pattern, other.scheme), figure)
    ]

    assert swapped == []
