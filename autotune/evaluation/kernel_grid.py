"""Recorded runs of the real kernel (kernel_grid.csv, beside this file), and the simulator's runs."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme, Weights
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.objective import metrics

_GRID = Path(__file__).parent / "kernel_grid.csv"
_AGGREGATION_US = 100_000

FIGURES = ("memory_saving", "own_cpu_slowdown", "kdamond_cpu")


@dataclass(frozen=True)
class Cell:
    """One scheme on one pattern, run by the kernel; figures by name."""

    pattern: str
    scheme: str
    figures: Mapping[str, float]

    @property
    def has_quota(self) -> bool:
        """Whether the scheme has a quota."""
        return not (self.scheme == "rec" or self.scheme.endswith("-q0"))


def kernel_cells() -> list[Cell]:
    """Every recorded run but the baselines."""
    with _GRID.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [
        Cell(row["pattern"], row["scheme"], {name: float(row[name]) for name in FIGURES})
        for row in rows
        if row["scheme"] != "orig"
    ]


def _phase(ms: int, *regions: int) -> Phase:
    accesses = tuple(
        Access(region=region, random=False, stride_bytes=4096, weight=1) for region in regions
    )
    return Phase(name="phase", duration_us=ms * 1000, accesses=accesses)


PATTERNS = {
    "stairs_30secs": Pattern(
        regions=tuple(PatternRegion(name=f"s{n}", size_bytes=10_000_000) for n in range(10)),
        phases=(_phase(5000, *range(10)), *(_phase(2500, step) for step in range(10))),
    ),
    "zigzag_30secs": Pattern(
        regions=tuple(PatternRegion(name=name, size_bytes=100_000_000) for name in "ab"),
        phases=(_phase(5000, 0, 1), *(_phase(2500, turn % 2) for turn in range(12))),
    ),
}


def _schemes(name: str) -> tuple[Scheme, ...]:
    if name == "rec":
        return ()
    _, age, limit = name.split("-")
    pattern = AccessPattern(
        size_bytes=Range(4096),
        access_rate=Range(0.0, 0.0),
        age_us=Range(int(age[1:]) * _AGGREGATION_US),
    )
    quota = None
    if milliseconds := int(limit[1:]):
        quota = Quota(time_us=milliseconds * 1000, weights=Weights(access_rate=300, age=700))
    return (Scheme(action=Action.PAGEOUT, pattern=pattern, quota=quota),)


def experiments(
    pattern: str, scheme: str, *, start_after_us: int
) -> tuple[Experiment, Experiment]:
    """The baseline of a cell, and the experiment that is compared with the baseline."""
    baseline = Experiment(workload=PATTERNS[pattern])
    return baseline, replace(
        baseline,
        monitoring=Monitoring(),
        schemes=_schemes(scheme),
        start_after_us=start_after_us,
    )


class Runs(Protocol):
    """What runs an experiment."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Run the experiment once."""
        ...


def measure(
    backend: Runs, pattern: str, scheme: str, seeds: Iterable[int], *, start_after_us: int
) -> dict[str, float]:
    """The figures of a cell on a backend, means over the seeds."""
    baseline, experiment = experiments(pattern, scheme, start_after_us=start_after_us)
    figures = []
    for seed in seeds:
        measured = backend.run(experiment, seed=seed)
        computed = metrics.compute(
            measured, backend.run(baseline, seed=seed), slowdown="own_cpu_slowdown"
        )
        figures.append({**computed, "kdamond_cpu": measured.kdamond_cpu})
    return {name: statistics.mean(one[name] for one in figures) for name in FIGURES}


def simulate(pattern: str, scheme: str, seeds: Iterable[int]) -> dict[str, float]:
    """The figures of a cell in the simulator, means over the seeds."""
    backend = Simulator(load_machine(catalog.find("micro-vm", "machines", Path())))
    return measure(backend, pattern, scheme, seeds, start_after_us=0)
