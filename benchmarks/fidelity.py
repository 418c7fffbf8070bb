"""How well the simulator predicts the real kernel: errors, rankings, and what a choice by it is worth.

python benchmarks/fidelity.py [--machine NAME|FILE] [--json] [--worst N] [--measure [--records FOLDER]]

The kernel's figures are kept in autotune/evaluation/fidelity_grid.csv. `--measure` runs the missing runs
in the micro-VM, two machines at a time: 627 runs of 15 to 60 s if no run is kept. `--records` keeps each
of these runs whole, its series included. The simulator runs these experiments with twelve seeds, the
kernel's seeds among them: this averages the simulator's own chance out at no cost.

- error: median over the schemes of the absolute difference, in percentage points.
- tau: Kendall's, over the pairs of schemes that the kernel itself tells apart: their means are further
  apart than the spread of either scheme's figures over the seeds. A tie in the simulator scores nothing.
- transfer: the hypervolume, measured in the kernel, of the schemes on the simulator's front, divided by
  the hypervolume of all schemes, from the reference of 0 % saving and 50 % slowdown.

All figures are means over the seeds. Brackets hold the kernel against itself, each seed against the mean
of the remaining seeds: the best that can be expected. For several patterns together, errors and pairs
are pooled, and transfers are averaged. Constants of a machine profile may be fitted to the patterns that
calibrate. All further patterns only judge; three of them were measured only when everything else was
done. The recorded patterns (kernel_grid.csv beside fidelity_grid.csv) have one seed, and a spread of one
point is assumed.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune import catalog
from autotune.backends.settings import VmSettings
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.backends.vm.vm import Vm
from autotune.cache import cache_folder
from autotune.evaluation import fidelity_grid as grid
from autotune.evaluation.agreement import Ranking
from autotune.evaluation.fidelity import (
    Beside,
    ByCell,
    FigureVerdict,
    Verdict,
    beside,
    goals,
    part_of,
    recorded_figures,
    simulated_figures,
    to_simulate,
    verdict,
)
from autotune.experiment.measurement import Measurement

_MACHINES_AT_ONCE = 2
_POLITE = 10

_PARTS = {
    "calibrate": "patterns that calibrate",
    "judge": "patterns that judge",
    "fresh": "patterns not seen before",
    "masim": "masim's own patterns",
    "recorded": "recorded patterns",
}
_SHORT = dict(zip(grid.FIGURES, ("saving", "slowdown"), strict=True))


def measure(path: Path, records: Path | None) -> None:
    """Run the runs that the kept file lacks in the micro-VM; the file grows run by run."""
    kept = grid.kept_rows(path)
    missing = [cell for cell in grid.cells() if cell not in kept]
    vm = Vm(VmSettings(), cache_folder(), partial(print, file=sys.stderr))
    for pattern in dict.fromkeys(cell.pattern for cell in missing):
        vm.check(grid.experiment(pattern, grid.BASELINE))

    def run(cell: grid.Cell) -> Measurement:
        return vm.run(grid.experiment(cell.pattern, cell.run), seed=cell.seed)

    os.nice(_POLITE)
    with ThreadPoolExecutor(_MACHINES_AT_ONCE) as pool:
        try:
            for done, (cell, measured) in enumerate(
                zip(missing, pool.map(run, missing), strict=True), 1
            ):
                _keep(path, vm.machine, cell, measured)
                if records is not None:
                    _keep_whole(records, cell, measured)
                progress = f"{done}/{len(missing)}"
                print(progress, cell.pattern, cell.run, cell.seed, file=sys.stderr)
        finally:
            vm.stop()
            pool.shutdown(cancel_futures=True)


def _keep(path: Path, machine: str, cell: grid.Cell, measured: Measurement) -> None:
    is_new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, grid.COLUMNS, lineterminator="\n")
        if is_new:
            file.write(f"# Measured by benchmarks/fidelity.py on {machine}.\n")
            writer.writeheader()
        writer.writerow(grid.row(cell, measured))


def _keep_whole(folder: Path, cell: grid.Cell, measured: Measurement) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{cell.pattern}.{cell.run}.{cell.seed}.json.gz"
    with gzip.open(folder / name, "wt", encoding="utf-8") as file:
        json.dump(measured.to_dict(), file)


def _points(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _tau(ranking: Ranking | None) -> float | None:
    return None if ranking is None else ranking.tau


def _columns(judged: FigureVerdict) -> Iterator[str]:
    own_error, own_tau = _points(judged.own_error), _number(_tau(judged.own_ranking))
    yield f"{_points(judged.error):>6} {f'({own_error})':>7}"
    yield f"{_number(judged.ranking.tau):>6} {f'({own_tau})':>7} {judged.ranking.pairs:>5}"


def _row(name: str, seeds: str, judged: Verdict) -> str:
    columns = [f"{name:<24} {seeds:>5}"]
    for figure in judged.figures.values():
        columns += _columns(figure)
    own = "(" + _number(judged.own_transfer) + ")"
    return "  ".join((*columns, f"{_number(judged.transfer):>8} {own:>7}"))


def _print_table(patterns: Sequence[Beside]) -> None:
    figures = "  ".join(
        f"{name + ': error':<14}  {'tau':>6} {'':>7} pairs" for name in _SHORT.values()
    )
    print(f"{'pattern':<24} seeds  {figures}  transfer")
    for part, title in _PARTS.items():
        of_part = [one for one in patterns if one.part == part]
        for one in of_part:
            print(_row(one.pattern, str(one.seeds), verdict([one])))
        if of_part:
            print(_row(title, "", verdict(of_part)))
            print()


def _by_run(figures: ByCell) -> dict[tuple[str, str], list[Mapping[str, float]]]:
    runs: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    for cell, of_cell in figures.items():
        runs.setdefault((cell.pattern, cell.run), []).append(of_cell)
    return runs


def _cells(kernel: ByCell, simulated: ByCell) -> list[dict[str, Any]]:
    """Every run and figure: means over the kernel's and the simulator's seeds; the worst comes first."""
    compared: list[dict[str, Any]] = []
    sides = _by_run(kernel), _by_run(simulated)
    for pattern, run in sides[0]:
        for name in grid.FIGURES:
            measured, predicted = (
                statistics.mean(figures[name] for figures in side[pattern, run]) for side in sides
            )
            compared.append(
                {
                    "pattern": pattern,
                    "part": part_of(pattern),
                    "scheme": run,
                    "figure": name,
                    "kernel": measured,
                    "simulator": predicted,
                }
            )
    return sorted(compared, key=lambda row: -abs(row["simulator"] - row["kernel"]))


def _print_worst(cells: Sequence[dict[str, Any]]) -> None:
    print(f"{'worst of all':<24} {'scheme':<24} {'figure':<17} {'kernel':>8} {'simulator':>9}")
    for cell in cells:
        print(
            f"{cell['pattern']:<24} {cell['scheme']:<24} {cell['figure']:<17} "
            f"{_points(cell['kernel']):>8} {_points(cell['simulator']):>9}"
        )


def _goals(patterns: Sequence[Beside]) -> dict[str, dict[str, bool]]:
    """By each part of the patterns that has goals: whether each goal is met."""
    return {
        part: goals(verdict(of_part))
        for part in ("judge", "fresh")
        if (of_part := [one for one in patterns if one.part == part])
    }


def _plain_verdict(judged: Verdict) -> dict[str, Any]:
    figures = {
        name: {
            "error": figure.error,
            "own_error": figure.own_error,
            "tau": figure.ranking.tau,
            "own_tau": _tau(figure.own_ranking),
            "pairs": figure.ranking.pairs,
        }
        for name, figure in judged.figures.items()
    }
    return {**figures, "transfer": judged.transfer, "own_transfer": judged.own_transfer}


def _as_json(patterns: Sequence[Beside], cells: Sequence[dict[str, Any]]) -> str:
    parts = {
        part: _plain_verdict(verdict(of_part))
        for part in _PARTS
        if (of_part := [one for one in patterns if one.part == part])
    }
    by_pattern = {
        one.pattern: {"part": one.part, "seeds": one.seeds, **_plain_verdict(verdict([one]))}
        for one in patterns
    }
    return json.dumps(
        {"patterns": by_pattern, "parts": parts, "goals": _goals(patterns), "cells": cells},
        indent=1,
    )


def main() -> None:
    """Measure missing runs if asked to; print a row a pattern, the goals, and the worst cells."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--machine", default="micro-vm", help="of the simulator: a name or a file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worst", type=int, default=12, help="how many cells to list")
    parser.add_argument(
        "--measure", action="store_true", help="what is missing of the kernel's side"
    )
    parser.add_argument("--records", type=Path, help="a folder for whole measurements")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(grid.KEPT, arguments.records)
    kernel = {**grid.kernel_figures(), **recorded_figures()}
    simulator = Simulator(load_machine(catalog.find(arguments.machine, "machines", Path())))
    simulated = simulated_figures(simulator, to_simulate(kernel))
    patterns = list(beside(kernel, simulated))
    cells = _cells(kernel, simulated)
    if arguments.json:
        print(_as_json(patterns, cells))
        return
    _print_table(patterns)
    for part, met in _goals(patterns).items():
        for goal, is_met in met.items():
            print(f"{'met' if is_met else 'missed'}: {goal}, of the {_PARTS[part]}")
        print()
    _print_worst(cells[: arguments.worst])


if __name__ == "__main__":
    main()
