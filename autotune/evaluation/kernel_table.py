"""Stored measurements of schemes on a real kernel: a CSV file that grows row by row.

A row is one measurement: the parameters of its schemes, its seed, and the fields of the measurement that
decide the figures. Rows without parameters are baselines. Equal experiments and seeds give equal
measurements in the micro-VM; so a file that is continued later is the file that one call would write.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid
from autotune.experiment.measurement import Measurement
from autotune.objective.figures import Figures, figures
from autotune.space.fields import Value
from autotune.space.parameters import Choices, Parameter
from autotune.space.space import ParameterSet, SearchSpace
from autotune.testing import measurement
from autotune.workload_file.workload_file import WorkloadFile

FIELDS = (
    "runtime_s",
    "work_done",
    "workload_cpu_s",
    "rss_mean_bytes",
    "pss_mean_bytes",
    "swap_pool_mean_bytes",
    "system_used_mean_bytes",
    "kdamond_cpu",
    "major_faults",
    "swap_in_bytes",
    "swap_out_bytes",
)
"""The fields of a measurement that are kept, in the order of the columns."""

BASELINE = "baseline"
"""The origin of the rows that have no schemes."""

Schemes = tuple[Scheme, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement.

    Attributes:
        origin: What proposed the schemes; `BASELINE` of a run without DAMON.
        parameters: The parameter set of the schemes; empty of a baseline.
        seed: The seed.
        measurement: It has the kept fields only.
    """

    origin: str
    parameters: ParameterSet
    seed: int
    measurement: Measurement


def schemes_of(file: WorkloadFile, parameters: ParameterSet) -> Schemes | None:
    """Give the schemes of a parameter set as the kernel runs them; None if they are impossible."""
    try:
        wanted = file.search_space.schemes(parameters)
        return tuple(on_grid(scheme, file.monitoring.intervals) for scheme in wanted)
    except ValueError:
        return None


def columns(space: SearchSpace) -> list[str]:
    """Give the columns of a table over *space*."""
    return ["origin", *(parameter.column for parameter in space.parameters), "seed", *FIELDS]


def read_table(path: Path, space: SearchSpace) -> list[Row]:
    """Read a table; a missing file has no rows.

    Raises:
        KeyError: If the file lacks a column.
        ValueError: If a cell can't be read.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return [_row(cells, space) for cells in rows]


def _row(cells: Mapping[str, str], space: SearchSpace) -> Row:
    parameters = {p.name: _value(p, text) for p in space.parameters if (text := cells[p.column])}
    return Row(
        origin=cells["origin"],
        parameters=parameters,
        seed=int(cells["seed"]),
        measurement=measurement(**{name: float(cells[name]) for name in FIELDS if cells[name]}),
    )


def _value(parameter: Parameter, text: str) -> Value:
    if isinstance(parameter, Choices):
        [choice] = (choice for choice in parameter.choices if str(choice) == text)
        return choice
    return int(text) if text.lstrip("-").isdigit() else float(text)


def append_row(path: Path, space: SearchSpace, row: Row, *, comment: str) -> None:
    """Add a row to a table; a new file begins with *comment* and the names of the columns."""
    is_new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(space), lineterminator="\n")
        if is_new:
            file.write(f"# {comment}\n")
            writer.writeheader()
        kept = {name: getattr(row.measurement, name) for name in FIELDS}
        writer.writerow(
            {
                "origin": row.origin,
                **{p.column: row.parameters.get(p.name) for p in space.parameters},
                "seed": row.seed,
                **{name: "" if value is None else f"{value:.10g}" for name, value in kept.items()},
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is stored of one tuple of schemes.

    Attributes:
        parameters: The parameter set that the schemes were first made of.
        origin: What proposed it.
        figures: The figures by seed.
    """

    parameters: ParameterSet
    origin: str
    figures: Mapping[int, Figures]


def stored(rows: Sequence[Row], file: WorkloadFile) -> dict[Schemes, Measured]:
    """Give the figures of all schemes whose seeds have a baseline, in the order of the rows."""
    baselines = {row.seed: row.measurement for row in rows if row.origin == BASELINE}
    found: dict[Schemes, tuple[Row, dict[int, Figures]]] = {}
    for row, schemes in _with_schemes(rows, file):
        if row.seed in baselines:
            _, by_seed = found.setdefault(schemes, (row, {}))
            by_seed[row.seed] = figures(
                row.measurement,
                baselines[row.seed],
                file.objectives,
                slowdown="own_cpu_slowdown",
            )
    return {
        schemes: Measured(parameters=row.parameters, origin=row.origin, figures=by_seed)
        for schemes, (row, by_seed) in found.items()
    }


def _with_schemes(rows: Sequence[Row], file: WorkloadFile) -> Iterator[tuple[Row, Schemes]]:
    for row in rows:
        if row.origin != BASELINE:
            schemes = schemes_of(file, row.parameters)
            if schemes is not None:
                yield row, schemes
