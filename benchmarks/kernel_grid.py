"""A backend beside recorded runs of the real kernel: memory saving, slowdown and CPU use.

python benchmarks/kernel_grid.py [--backend simulator|vm] [--seeds N]

In the recorded runs the machine had 512 MiB of memory, and DAMON began 1 s after the workload; the
micro-VM runs so here too. A cell takes the micro-VM a minute or two for each seed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.backends.wrappers import Remembering
from autotune.cache import cache_folder
from autotune.evaluation.kernel_grid import (
    FIGURES,
    PATTERNS,
    Cell,
    experiments,
    kernel_cells,
    measure,
    simulate,
)

_MACHINES_AT_ONCE = 2
_START_AFTER_US = 1_000_000


def _in_machines(cells: list[Cell], seeds: range) -> Iterator[dict[str, float]]:
    memory = 512 << 20
    vm = Vm(VmSettings(memory_bytes=memory), cache_folder(), partial(print, file=sys.stderr))
    kept = Remembering(vm, lambda experiment: experiment.monitoring is None)
    for pattern in PATTERNS:
        baseline, _ = experiments(pattern, "rec", start_after_us=0)
        vm.check(baseline)
        for seed in seeds:
            kept.run(baseline, seed=seed)

    def one(cell: Cell) -> dict[str, float]:
        return measure(kept, cell.pattern, cell.scheme, seeds, start_after_us=_START_AFTER_US)

    with ThreadPoolExecutor(_MACHINES_AT_ONCE) as pool:
        yield from pool.map(one, cells)


def _simulated(cells: list[Cell], seeds: range) -> Iterator[dict[str, float]]:
    return (simulate(cell.pattern, cell.scheme, seeds) for cell in cells)


_BACKENDS: dict[str, Callable[[list[Cell], range], Iterator[dict[str, float]]]] = {
    "simulator": _simulated,
    "vm": _in_machines,
}


def main() -> None:
    """Print a row a cell, then the median and the largest error of each pattern."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", choices=_BACKENDS, default="simulator")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    cells = kernel_cells()
    found = _BACKENDS[arguments.backend](cells, range(arguments.seeds))
    print(f"{'pattern':<14} {'scheme':<13}", *(f"{name:>19} recorded" for name in FIGURES))
    errors: dict[str, dict[str, list[float]]] = {}
    for cell, figures in zip(cells, found, strict=True):
        row = [f"{cell.pattern:<14} {cell.scheme:<13}"]
        for name in FIGURES:
            row.append(f"{figures[name]:>19.4f} {cell.figures[name]:>8.4f}")
            errors.setdefault(cell.pattern, {}).setdefault(name, []).append(
                abs(figures[name] - cell.figures[name])
            )
        print(*row, flush=True)
    for pattern in PATTERNS:
        for kind, of in (("median", statistics.median), ("largest", max)):
            shown = [f"{name} {of(values):.4f}" for name, values in errors[pattern].items()]
            print(f"{pattern}: {kind} absolute error: {', '.join(shown)}")


if __name__ == "__main__":
    main()
