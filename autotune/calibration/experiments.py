"""What a calibration runs: one pattern under several kinds of monitoring and schemes, and a little more.

The pattern sweeps over a hot region all the time, and over a cold region in a short phase every now and
then. Runs with few DAMON regions, with many and without any show what monitoring costs. A scheme that
takes the cold region after a rest shows what paging out costs, and the sweep that brings the cold region
back shows what a fault costs; both costs depend on what the pages hold. A pattern that idles shows what
it costs to look at pages that are out already.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.errors import InputError, RunError, Where
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import TABLE_BYTES, Access, Pattern, PatternRegion, Phase
from autotune.experiment.program import Program, Ready
from autotune.units import format_size

_MIB = 1 << 20
INTERVALS: Final = Intervals()

_LARGE_MACHINE_BYTES = 4 << 30
_COLD_BYTES = (64 * _MIB, 256 * _MIB)
"""On a machine below `_LARGE_MACHINE_BYTES`, and on a larger machine. Fast machines need more pages to
show a cost."""

_RANDOM_BYTES = 64 * _MIB
"""More than a CPU's own caches hold, as in any program whose memory is worth tuning."""

_LEAST_MEMORY_BYTES = 384 * _MIB

_CYCLES = 2
_REST_US, _SWEEP_US = 3_000_000, 250_000
_IDLE_US = 6_000_000
_RANDOM_US = 2_000_000

_COLD_AFTER_US = 1_500_000
"""Longer than a slow machine takes for a sweep that meets a fault on every page: pages that the sweep
has just brought back must not be paged out before it ends."""

# With more regions than half of the upper bound DAMON splits none, and pieces of equal size never merge:
# the number of regions stays as it was at the start.
_FEW = Monitoring(intervals=INTERVALS, min_regions=10, max_regions=14)
_MANY = Monitoring(intervals=INTERVALS, min_regions=1000, max_regions=1100)

_OVER_TABLE_BYTES = 9 * _MIB
"""Larger than the player's program with its table of random numbers: they are cold in sweeps, and would
be paged out too. Smaller than a tenth of all memory."""

_PROGRAM_BYTES = _MIB
"""The player without its table, and its stack, roughly."""

_FILE_BYTES = _MIB
_SCATTERED_A_PAGE = 260
"""lz4 compresses an empty page with so many single bytes to about a quarter: each byte takes a sequence
of 4 or 5 bytes. Source: doc/lz4_Block_format.md of lz4."""

_WRITTEN_BYTE = 1
"""The byte that the pattern player writes."""

_BEFORE_TOUCHING_S = 1
_READY_AFTER_US = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All runs of a calibration, and the numbers that their figures are divided by.

    Attributes:
        experiments: By name; experiments of one workload are in a row.
        mapped_bytes: Memory that the cycling pattern maps and DAMON watches, to a few per cent.
        touched_pages: How many more pages `touched_once` touches for the first time than
            `touched_twice`; both clear equally many bytes.
    """

    experiments: Mapping[str, Experiment]
    mapped_bytes: int
    touched_pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFiles:
    """What regions are filled with.

    Attributes:
        random: Bytes that can't be compressed.
        scattered: Single bytes at random places, as a pattern's random writes leave them; pages are
            compressed to about a quarter.
    """

    random: Path
    scattered: Path


def make_plan(memory_bytes: int, files: DataFiles) -> Plan:
    """Plan the runs for a machine.

    Args:
        memory_bytes: The machine's memory.
        files: What regions are filled with.

    Raises:
        InputError: If the machine is too small for the runs.
    """
    if memory_bytes < _LEAST_MEMORY_BYTES:
        raise InputError(
            f"calibration: the machine has {format_size(memory_bytes)} of memory: it takes "
            f"{format_size(_LEAST_MEMORY_BYTES)} or more"
        )
    cold_bytes = _COLD_BYTES[memory_bytes >= _LARGE_MACHINE_BYTES]
    cycling = _cycling(cold_bytes)
    experiments = {
        "unmonitored": Experiment(workload=cycling),
        "few_regions": Experiment(workload=cycling, monitoring=_FEW, schemes=(_COUNT,)),
        "many_regions": Experiment(workload=cycling, monitoring=_MANY, schemes=(_COUNT,)),
        "paged_out": Experiment(workload=cycling, monitoring=_FEW, schemes=(_PAGE_OUT,)),
        "scattered": _filled(cold_bytes, files.scattered),
        "incompressible": _filled(cold_bytes, files.random),
        "tried_again": Experiment(
            workload=_idle(cold_bytes * 3 // 2), monitoring=_FEW, schemes=(_TRY_AGAIN,)
        ),
        "random": Experiment(workload=_random()),
        "touched_once": Experiment(workload=_touching(cold_bytes, times=1)),
        "touched_twice": Experiment(workload=_touching(cold_bytes // 2, times=2)),
    }
    regions_bytes = sum(region.size_bytes for region in cycling.regions)
    return Plan(
        experiments=experiments,
        mapped_bytes=regions_bytes + TABLE_BYTES + _PROGRAM_BYTES,
        touched_pages=cold_bytes // 2 // PAGE_BYTES,
    )


TICKS_A_COUNT: Final = 5
"""Counting takes time for each region: more often, its cost would matter beside the checks."""

_COUNT = Scheme(action=Action.STAT, apply_interval_us=TICKS_A_COUNT * INTERVALS.sampling_us)
"""Takes every region now and then: the statistics then tell how many regions and how many ticks."""

_PAGE_OUT = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(_OVER_TABLE_BYTES),
        access_rate=Range(0.0, 0.0),
        age_us=Range(_COLD_AFTER_US),
    ),
)
_TRY_AGAIN = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(size_bytes=Range(_OVER_TABLE_BYTES), access_rate=Range(0.0, 0.0)),
    apply_interval_us=INTERVALS.sampling_us,
)
"""Takes idle memory at every sampling interval: most pages that it looks at are out already."""


def _sweep(region: int, *, weight: int = 1) -> Access:
    return Access(region=region, random=False, stride_bytes=PAGE_BYTES, weight=weight)


def _cycling(cold_bytes: int, data_file: str | None = None) -> Pattern:
    """Make the pattern; half of the regions' size is hot all the time."""
    rest = Phase(name="rest", duration_us=_REST_US, accesses=(_sweep(0),))
    sweep = Phase(name="sweep", duration_us=_SWEEP_US, accesses=(_sweep(0), _sweep(1)))
    return Pattern(
        regions=(
            PatternRegion(name="hot", size_bytes=cold_bytes // 2),
            PatternRegion(name="cold", size_bytes=cold_bytes, data_file=data_file),
        ),
        phases=(rest, sweep) * _CYCLES,
    )


def _filled(cold_bytes: int, file: Path) -> Experiment:
    return Experiment(
        workload=_cycling(cold_bytes, str(file)), monitoring=_FEW, schemes=(_PAGE_OUT,)
    )


def _idle(size_bytes: int) -> Pattern:
    """Make a pattern that touches nothing, so that all pages that are paged out stay out."""
    return _one_phase("idle", size_bytes, _IDLE_US, _sweep(0, weight=0))


def _random() -> Pattern:
    access = Access(region=0, random=True, stride_bytes=1, weight=1)
    return _one_phase("random", _RANDOM_BYTES, _RANDOM_US, access)


def _one_phase(name: str, size_bytes: int, duration_us: int, access: Access) -> Pattern:
    return Pattern(
        regions=(PatternRegion(name="all", size_bytes=size_bytes),),
        phases=(Phase(name=name, duration_us=duration_us, accesses=(access,)),),
    )


def _touching(block_bytes: int, *, times: int) -> Program:
    """Make a program that clears a block of new memory, once or several times.

    A pattern touches all of its memory before it is measured, so it can't show a first touch.
    """
    command = f"exec dd if=/dev/zero of=/dev/null bs={block_bytes} count={times}"
    return Program(
        command=f"sleep {_BEFORE_TOUCHING_S}; {command}", ready=Ready(delay_us=_READY_AFTER_US)
    )


def write_data_files(folder: Path) -> DataFiles:
    """Write the data files, always the same, into *folder*, unless they are there.

    Raises:
        RunError: If a file can't be written.
    """
    draws = random.Random(0)  # noqa: S311  # no secret
    incompressible = draws.randbytes(_FILE_BYTES)
    scattered = bytearray(_FILE_BYTES)
    for at in draws.sample(range(_FILE_BYTES), _FILE_BYTES // PAGE_BYTES * _SCATTERED_A_PAGE):
        scattered[at] = _WRITTEN_BYTE
    return DataFiles(
        random=_write(folder / "incompressible.bin", incompressible),
        scattered=_write(folder / "scattered.bin", bytes(scattered)),
    )


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
        path.chmod(0o644)
    except OSError as error:
        raise RunError(
            f"{Where(path)}: can't be written: {error.strerror}: make room, or make it writable"
        ) from error
    return path
