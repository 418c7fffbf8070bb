"""Simulated seconds per wall second of one core, medians over a few runs of each example.

python benchmarks/sim_speed.py [RUNS]
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from autotune.available import make_backend
from autotune.formats.scheme_files import load_schemes, resolve
from autotune.workload import load_workload

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Print a row an example, machine and scheme."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(
        f"{'workload':<10} {'machine':<9} {'scheme':<10} {'wall s':>8} {'simulated s per s':>18}"
    )
    for name in ("stairs", "zigzag"):
        for machine in ("server", "micro-vm"):
            workload = load_workload(EXAMPLES / f"{name}.yaml", machine=machine)
            backend = make_backend(workload)
            for scheme in ("off", "monitor", "prcl-3s"):
                schemes = None
                if scheme != "off":
                    schemes = () if scheme == "monitor" else load_schemes(resolve(scheme, Path()))
                experiment = workload.experiment(schemes)
                backend.run(experiment, seed=0)  # compiles, the first time
                walls, simulated_s = [], 0.0
                for seed in range(runs):
                    began = time.perf_counter()
                    simulated_s = backend.run(experiment, seed=seed).runtime_s
                    walls.append(time.perf_counter() - began)
                wall = statistics.median(walls)
                print(
                    f"{name:<10} {machine:<9} {scheme:<10} {wall:>8.3f} {simulated_s / wall:>18.0f}"
                )


if __name__ == "__main__":
    main()
