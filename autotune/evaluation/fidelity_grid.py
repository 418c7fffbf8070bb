"""The grid that judges the simulator: patterns, schemes, and the real kernel's figures of them.

The kernel's figures are kept in fidelity_grid.csv beside this file; benchmarks/fidelity.py measured them
in the default micro-VM. Three of the patterns may be used to calibrate the simulator; three patterns
only judge it; three were written, and measured, when the simulator was done; two are masim's own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme, Weights
from autotune.damon.monitoring import Monitoring
from autotune.evaluation import kernel_grid
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.objective import metrics
from autotune.testing import measurement

KEPT = Path(__file__).parent / "fidelity_grid.csv"
SEEDS = (0, 1, 2)
BASELINE = "orig"
ONLY_MONITORED = "rec"
FIGURES = ("memory_saving", "own_cpu_slowdown")

_MIB = 1 << 20
_MB = 1_000_000
START_AFTER_US = 1_000_000
"""DAMON starts so late that the program already runs, as when somebody attaches to a running program."""


def _sweep(
    region: int, weight: int = 1, *, stride: int = 4096, mode: AccessMode = AccessMode.WRITE
) -> Access:
    return Access(region=region, random=False, stride_bytes=stride, weight=weight, mode=mode)


def _at_random(region: int, weight: int = 1, *, mode: AccessMode = AccessMode.WRITE) -> Access:
    return Access(region=region, random=True, stride_bytes=0, weight=weight, mode=mode)


def _phase(name: str, ms: int, *accesses: Access) -> Phase:
    return Phase(name=name, duration_us=ms * 1000, accesses=accesses)


def _regions(*sizes_bytes: int) -> tuple[PatternRegion, ...]:
    return tuple(
        PatternRegion(name=f"r{index}", size_bytes=size) for index, size in enumerate(sizes_bytes)
    )


def _steps() -> Pattern:
    """All regions at first, then region by region, each once."""
    count = 8
    everything = _phase("all", 1500, *(_sweep(region) for region in range(count)))
    one_by_one = (_phase(f"step {region}", 1000, _sweep(region)) for region in range(count))
    return Pattern(regions=_regions(*[12 * _MB] * count), phases=(everything, *one_by_one))


def _turns() -> Pattern:
    """Two large regions in turn: a region that goes cold is wanted again a second later."""
    both = _phase("both", 1500, _sweep(0), _sweep(1))
    turns = (_phase(f"turn {turn}", 1250, _sweep(turn % 2)) for turn in range(6))
    return Pattern(regions=_regions(48 * _MB, 48 * _MB), phases=(both, *turns))


def _hot_cold() -> Pattern:
    """A small region is always hot; a large region rests for seconds, and is wanted once more."""
    both = _at_random(0), _sweep(1)
    return Pattern(
        regions=_regions(16 * _MB, 90 * _MB),
        phases=(
            _phase("load", 1500, *both),
            _phase("rest", 5500, _at_random(0)),
            _phase("again", 500, *both),
            _phase("rest again", 1500, _at_random(0)),
        ),
    )


def _drift() -> Pattern:
    """Three of twelve regions at a time; each phase drops a region and adds the next.

    Some regions are accessed at random, some in sweeps.
    """
    count = 12

    def access(region: int) -> Access:
        return _at_random(region) if region % 3 == 0 else _sweep(region)

    slides = (
        _phase(f"slide {first}", 700, *(access((first + n) % count) for n in range(3)))
        for first in range(count)
    )
    everything = _phase("all", 1000, *(access(region) for region in range(count)))
    return Pattern(regions=_regions(*[8 * _MB] * count), phases=(everything, *slides))


def _tiers() -> Pattern:
    """Graded heat: the larger a region, the less often it is wanted."""
    weights = (80, 15, 4, 1)
    accesses = (_at_random(region, weight) for region, weight in enumerate(weights))
    return Pattern(
        regions=_regions(8 * _MB, 14 * _MB, 24 * _MB, 44 * _MB),
        phases=(_phase("all", 9000, *accesses),),
    )


def _bursts() -> Pattern:
    """A small set, idle time, and every two seconds a sweep of much memory."""
    small, idle = _at_random(0, 1), _at_random(0, 0)
    burst = _at_random(0, 1), _sweep(1, 3)
    rounds: list[Phase] = []
    for number in range(4):
        rounds += (
            _phase(f"work {number}", 700, small),
            _phase(f"idle {number}", 600, idle),
            _phase(f"work on {number}", 400, small),
            _phase(f"burst {number}", 300, *burst),
        )
    return Pattern(
        regions=_regions(12 * _MB, 64 * _MB), phases=(_phase("load", 1000, *burst), *rounds)
    )


def _store() -> Pattern:
    """A hot index, a log that rests for seconds after each sweep, an archive that is read at times."""
    index, log, archive = 0, 1, 2
    read = AccessMode.READ
    rounds: list[Phase] = []
    for number in range(3):
        rounds += (
            _phase(f"write {number}", 400, _at_random(index, 3), _sweep(log, 1, stride=64)),
            _phase(f"serve {number}", 1600, _at_random(index, 1, mode=read)),
            _phase(f"look up {number}", 250, _at_random(archive, 1, mode=read)),
            _phase(f"serve on {number}", 600, _at_random(index, 1, mode=read)),
        )
    load = _phase("load", 900, _at_random(index), _sweep(log), _sweep(archive))
    return Pattern(regions=_regions(6 * _MB, 34 * _MB, 40 * _MB), phases=(load, *rounds))


def _shifts() -> Pattern:
    """Four sizes; each shift mostly wants one of them; of the largest, every second page is used."""
    weights = ((8, 1, 1, 0), (1, 8, 0, 1), (0, 1, 8, 1), (1, 0, 1, 8), (4, 4, 0, 0))
    shifts = (
        _phase(
            f"shift {number}",
            1700,
            _at_random(0, shift[0]),
            _sweep(1, shift[1], stride=512),
            _at_random(2, shift[2], mode=AccessMode.READ_WRITE),
            _sweep(3, shift[3], stride=8192),
        )
        for number, shift in enumerate(weights)
    )
    load = _phase("load", 800, *(_sweep(region) for region in range(4)))
    return Pattern(regions=_regions(5 * _MB, 11 * _MB, 23 * _MB, 47 * _MB), phases=(load, *shifts))


def _scans() -> Pattern:
    """A hot set, a large region that a slow scan keeps lukewarm, a region that waits for the end."""
    hot, scan, waits = _at_random(0, 39), _sweep(1, 1, mode=AccessMode.READ), _at_random(2, 20)
    return Pattern(
        regions=_regions(9 * _MB, 50 * _MB, 30 * _MB),
        phases=(
            _phase("load", 1000, hot, scan, waits),
            _phase("scan", 5000, hot, scan),
            _phase("pause", 1200, hot),
            _phase("all again", 1800, hot, scan, waits),
        ),
    )


CALIBRATING: Mapping[str, Pattern] = MappingProxyType(
    {"steps": _steps(), "turns": _turns(), "hot-cold": _hot_cold()}
)
"""Constants of the simulator's machine may be fitted to these."""

JUDGING: Mapping[str, Pattern] = MappingProxyType(
    {"drift": _drift(), "tiers": _tiers(), "bursts": _bursts()}
)
"""Nothing is fitted to these."""

FRESH: Mapping[str, Pattern] = MappingProxyType(
    {"store": _store(), "shifts": _shifts(), "scans": _scans()}
)
"""Nobody had seen the kernel's figures of these before the simulator was done."""

MASIM: Mapping[str, Pattern] = MappingProxyType(
    {name.removesuffix("_30secs"): pattern for name, pattern in kernel_grid.PATTERNS.items()}
)
"""Patterns of runs that were recorded elsewhere with one seed; here they run with the schemes below."""

PATTERNS: Mapping[str, Pattern] = MappingProxyType({**CALIBRATING, **JUDGING, **FRESH, **MASIM})

_WEIGHTS = Weights(access_rate=300, age=700)


def _scheme(min_age_ms: int, *, min_size_bytes: int = 4096, quota: Quota | None = None) -> Scheme:
    pattern = AccessPattern(
        size_bytes=Range(min_size_bytes),
        access_rate=Range(0.0, 0.0),
        age_us=Range(min_age_ms * 1000),
    )
    return Scheme(action=Action.PAGEOUT, pattern=pattern, quota=quota)


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {f"age-{age}ms": _scheme(age) for age in (300, 500, 800, 1200, 2000, 3000)}
    | {
        f"age-{age}ms-time-{limit}ms": _scheme(
            age, quota=Quota(time_us=limit * 1000, weights=_WEIGHTS)
        )
        for age, limit in ((500, 2), (500, 10), (500, 40), (1500, 10), (1500, 40))
    }
    | {
        f"age-{age}ms-size-{limit}MiB": _scheme(
            age, quota=Quota(size_bytes=limit * _MIB, weights=_WEIGHTS)
        )
        for age, limit in ((500, 4), (500, 16), (1500, 8))
    }
    | {
        f"age-500ms-from-{kib}KiB": _scheme(500, min_size_bytes=kib << 10)
        for kib in (64, 512, 2048)
    }
)
"""Page out memory that was not accessed: by age alone, with a quota of time or size, by region size."""

RUNS = (BASELINE, ONLY_MONITORED, *SCHEMES)
"""The runs on each pattern, with each seed."""


def experiment(pattern: str, run: str) -> Experiment:
    """Give a run of the grid."""
    workload = PATTERNS[pattern]
    if run == BASELINE:
        return Experiment(workload=workload)
    schemes = () if run == ONLY_MONITORED else (SCHEMES[run],)
    return Experiment(
        workload=workload,
        monitoring=Monitoring(),
        schemes=schemes,
        start_after_us=START_AFTER_US,
    )


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One run of the grid."""

    pattern: str
    run: str
    seed: int


def cells() -> Iterator[Cell]:
    """Give every run: all patterns with the first seed, then all patterns with the second seed."""
    for seed in SEEDS:
        for pattern in PATTERNS:
            for run in RUNS:
                yield Cell(pattern, run, seed)


MEASURED = (
    "runtime_s",
    "work_done",
    "workload_cpu_s",
    "rss_mean_bytes",
    "swap_pool_mean_bytes",
    "system_used_mean_bytes",
    "kdamond_cpu",
    "major_faults",
    "swap_in_bytes",
    "swap_out_bytes",
)
"""The fields of a measurement that are kept, in the order of the columns."""

TRIED = ("tried_regions", "tried_bytes", "quota_exceeds")
"""The scheme's own counts that are kept; their cells are empty if there is no scheme."""

COLUMNS = ("pattern", "scheme", "seed", *MEASURED, *TRIED)


def row(cell: Cell, measured: Measurement) -> dict[str, object]:
    """Give the kept figures of a measurement, by column; ten digits are more than enough."""
    stats = measured.scheme_stats
    return {
        "pattern": cell.pattern,
        "scheme": cell.run,
        "seed": cell.seed,
        **{name: f"{getattr(measured, name):.10g}" for name in MEASURED},
        **{name: "" if stats is None else getattr(stats, name) for name in TRIED},
    }


def kept_rows(path: Path = KEPT) -> dict[Cell, dict[str, str]]:
    """Read the kept file; a missing file gives no rows."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {Cell(row["pattern"], row["scheme"], int(row["seed"])): row for row in rows}


def _measurement(kept: Mapping[str, str]) -> Measurement:
    """Give a measurement that has only the kept figures; the metrics follow from these."""
    return measurement(**{name: float(kept[name]) for name in MEASURED})


def kernel_figures(path: Path = KEPT) -> dict[Cell, dict[str, float]]:
    """Give the figures of every kept run that has a baseline; baselines themselves have no figures."""
    rows = kept_rows(path)
    figures = {}
    for cell, kept in rows.items():
        baseline = rows.get(Cell(cell.pattern, BASELINE, cell.seed))
        if cell.run != BASELINE and baseline is not None:
            figures[cell] = figures_of(_measurement(kept), _measurement(baseline))
    return figures


def figures_of(measured: Measurement, baseline: Measurement) -> dict[str, float]:
    """Give the figures that are compared."""
    computed = metrics.compute(measured, baseline, slowdown="own_cpu_slowdown")
    return {name: computed[name] for name in FIGURES}
