"""The simulator beside recorded runs of the real kernel: memory saving, slowdown and CPU use.

python benchmarks/kernel_grid.py [SEEDS]
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.kernel_grid import FIGURES, PATTERNS, kernel_cells, simulate  # noqa: E402 - needs the path


def main() -> None:
    """Print a row a cell, then the median error of each pattern."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    print(f"{'pattern':<14} {'scheme':<13}", *(f"{f'{name} sim':>22} kernel" for name in FIGURES))
    errors: dict[str, dict[str, list[float]]] = {}
    for cell in kernel_cells():
        simulated = simulate(cell.pattern, cell.scheme, seeds)
        row = [f"{cell.pattern:<14} {cell.scheme:<13}"]
        for name in FIGURES:
            row.append(f"{simulated[name]:>22.4f} {cell.figures[name]:>6.4f}")
            errors.setdefault(cell.pattern, {}).setdefault(name, []).append(
                abs(simulated[name] - cell.figures[name])
            )
        print(*row)
    for pattern in PATTERNS:
        medians = [f"{name} {statistics.median(e):.4f}" for name, e in errors[pattern].items()]
        print(f"{pattern}: median absolute error: {', '.join(medians)}")


if __name__ == "__main__":
    main()
