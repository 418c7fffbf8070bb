"""Wall time of export and compare of a large run folder, against the time of a small one.

python benchmarks/large_runs.py [--trials 5000] [--small 50] [WORKLOAD.yaml]

Tunes the workload with the sampler `random`, which takes some minutes for 5,000 trials, and then calls
the command line on the folder, five times each. It prints the median seconds of each command, and beside
them the seconds for a folder with few trials: the difference is what the trials take.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ROUNDS = 5


def _seconds(*arguments: str | Path) -> float:
    begin_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "autotune", *map(str, arguments)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - begin_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--small", type=int, default=50)
    parser.add_argument("workload", type=Path, nargs="?", default=ROOT / "examples/stairs.yaml")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        folders = {}
        for trials in (options.small, options.trials):
            folder = folders[trials] = Path(kept) / str(trials)
            tune = ("run", options.workload, "--sampler", "random", "--trials", str(trials))
            print(f"run, {trials} trials: {_seconds(*tune, '--out', folder):.1f} s", flush=True)
        print(f"{'':9} {options.small:>6} {options.trials:>6} trials")
        for name, arguments in {
            "export": ("--pick", "knee"),
            "compare": (),
        }.items():
            medians = [
                statistics.median(
                    _seconds(name, folder, *((folder,) if name == "compare" else ()), *arguments)
                    for _ in range(_ROUNDS)
                )
                for folder in folders.values()
            ]
            print(f"{name:9} {medians[0]:6.2f} {medians[1]:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
