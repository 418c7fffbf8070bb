"""Real programs: which schemes judge the simulator on them, and the kernel's figures as they are kept.

benchmarks/programs.py measures the programs in the micro-VM and keeps a row for each measurement.
"""

from __future__ import annotations

import csv
import itertools
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.monitoring import Intervals
from autotune.evaluation.agreement import Figures, Ranking, ranking, told_apart
from autotune.evaluation.fidelity import Beside

FIGURES = ("memory_saving", "own_cpu_slowdown")
COLUMNS = ("program", "scheme", "seed", *FIGURES, "major_faults")
LEAST_SIGN = 0.01
"""A point. A figure that is closer to zero than this has no sign that matters."""

_MIB = 1 << 20


def _pageout(
    age_s: float, *, least_bytes: int = 4096, most_rate: float = 0.0, quota: Quota | None = None
) -> Scheme:
    return Scheme(
        action=Action.PAGEOUT,
        pattern=AccessPattern(
            size_bytes=Range(least_bytes),
            access_rate=Range(0.0, most_rate),
            age_us=Range(int(age_s * 1e6)),
        ),
        quota=quota,
    )


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "age-0.5s": _pageout(0.5),
        "age-2s": _pageout(2),
        "age-1s-8M/s": _pageout(1, quota=Quota(size_bytes=8 * _MIB)),
        "age-4s": _pageout(4),
        "age-1s": _pageout(1),
        "age-1s-size-1M": _pageout(1, least_bytes=_MIB),
        "age-1s-rate-10%": _pageout(1, most_rate=0.1),
        "age-0.5s-time-10ms/s": _pageout(0.5, quota=Quota(time_us=10_000)),
    }
)
"""By name; the first few alone already differ in age and quota."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement of a program under a scheme."""

    program: str
    scheme: str
    seed: int


def kept_figures(path: Path) -> dict[Cell, dict[str, float]]:
    """Read the kernel's figures; none if there is no such file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        Cell(row["program"], row["scheme"], int(row["seed"])): {
            name: float(row[name]) for name in (*FIGURES, "major_faults")
        }
        for row in rows
    }


def usual_spreads(kernel: Mapping[Cell, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Say how far apart the seeds of one program usually are, by scheme and by figure.

    It is the median over the programs that were measured under the scheme with several seeds, from the
    smallest figure to the largest; a scheme without such a program is left out.

    >>> figures = [{"memory_saving": 0.25, "own_cpu_slowdown": slowdown} for slowdown in (0.5, 1.0)]
    >>> usual_spreads({Cell("p", "s", seed): one for seed, one in enumerate(figures)})
    {'s': {'memory_saving': 0.0, 'own_cpu_slowdown': 0.5}}
    """
    spreads = {}
    for scheme in dict.fromkeys(cell.scheme for cell in kernel):
        of_programs: dict[str, list[Mapping[str, float]]] = {}
        for cell, figures in kernel.items():
            if cell.scheme == scheme:
                of_programs.setdefault(cell.program, []).append(figures)
        several = [rows for rows in of_programs.values() if len(rows) > 1]
        if several:
            spreads[scheme] = {
                name: statistics.median(
                    max(row[name] for row in rows) - min(row[name] for row in rows)
                    for rows in several
                )
                for name in FIGURES
            }
    return spreads


def beside(
    program: str,
    kernel: Mapping[Cell, Mapping[str, float]],
    predicted: Mapping[str, Mapping[str, float]],
) -> Beside | None:
    """Put a program's figures of kernel and simulator together, for the schemes that both have.

    Args:
        program: Its name.
        kernel: Figures by measurement, of any programs.
        predicted: Figures of this program by scheme, means over seeds.

    Returns:
        None if no scheme has both. Seeds that some of the schemes lack are left out. The usual spread is
        that of all programs in *kernel*, and None if a scheme has none.
    """
    own = {cell: figures for cell, figures in kernel.items() if cell.program == program}
    schemes = tuple(name for name in predicted if any(cell.scheme == name for cell in own))
    seeds = [
        seed
        for seed in sorted({cell.seed for cell in own})
        if all(Cell(program, name, seed) in own for name in schemes)
    ]
    if not schemes or not seeds:
        return None
    measured: Figures = np.array(
        [
            [[own[Cell(program, name, seed)][figure] for figure in FIGURES] for seed in seeds]
            for name in schemes
        ]
    )
    spreads = usual_spreads(kernel)
    known = all(name in spreads for name in schemes)
    means: Figures = np.array([[predicted[n][figure] for figure in FIGURES] for n in schemes])
    return Beside(
        pattern=program,
        part="program",
        schemes=schemes,
        kernel=measured,
        predicted=means,
        usual_spread=np.array([[spreads[name][figure] for figure in FIGURES] for name in schemes])
        if known
        else None,
    )


def between_seeds(one: Beside) -> tuple[Ranking, Ranking]:
    """Rank by one seed what another seed shows to save more than a point more or less.

    Returns:
        How the kernel's other seeds rank each seed's schemes, and how the prediction does: what one
        measurement can be expected to agree with. No pairs if there is only one seed.

    >>> kernel = np.array([[[0.5, 0.0], [0.3, 0.0]], [[0.4, 0.0], [0.4, 0.0]]])
    >>> between_seeds(
    ...     Beside(
    ...         pattern="p",
    ...         part="program",
    ...         schemes=("a", "b"),
    ...         kernel=kernel,
    ...         predicted=np.array([[0.5, 0.0], [0.4, 0.0]]),
    ...     )
    ... )
    (Ranking(score=-2, pairs=2), Ranking(score=0, pairs=2))
    """
    savings, predicted = one.kernel[:, :, 0], one.predicted[:, 0]
    by_kernel = by_prediction = Ranking(score=0, pairs=0)
    for shown, ranking_it in itertools.permutations(range(one.seeds), 2):
        pairs = told_apart(savings[:, [shown]], least=LEAST_SIGN)
        by_kernel += ranking(savings[:, shown], savings[:, ranking_it], pairs)
        by_prediction += ranking(savings[:, shown], predicted, pairs)
    return by_kernel, by_prediction


def wrong_signs(one: Beside) -> tuple[str, ...]:
    """Give the schemes that save memory here and cost memory there.

    >>> predicted, kernel = np.array([[-0.13, 3.4]]), np.array([[[0.12, 0.8]]])
    >>> wrong_signs(
    ...     Beside(pattern="p", part="program", schemes=("s",), kernel=kernel, predicted=predicted)
    ... )
    ('s',)
    """
    savings = zip(one.kernel[:, :, 0].mean(axis=1), one.predicted[:, 0], strict=True)
    return tuple(
        name
        for name, (kernel, predicted) in zip(one.schemes, savings, strict=True)
        if min(abs(kernel), abs(predicted)) > LEAST_SIGN and kernel * predicted < 0
    )


def on_grid_schemes(intervals: Intervals, count: int) -> dict[str, Scheme]:
    """Give the first *count* schemes as the kernel runs them with these intervals."""
    return {name: on_grid(SCHEMES[name], intervals) for name in list(SCHEMES)[:count]}
