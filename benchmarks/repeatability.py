"""How well the micro-VM repeats: equal measurements under load and on new machines; other seeds.

python benchmarks/repeatability.py [--repeats N] [--seeds N]

The pattern turns between two regions faster than the age in its scheme suits, so that pages go out and
come back thousands of times. Half of the repeats run while all cores are kept busy, and two repeats run
on a machine that is built anew. Prints the number of different results, and the spread of the metrics
over the seeds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune.cache import cache_folder

_PATTERN = """hot, 8000000
a, 24000000
b, 24000000

both
2000
a, 0, 4096, 1
b, 0, 4096, 1

"""
_TURN = """turn {number}
1500
{name}, 0, 4096, 8
hot, 1, 0, 2

"""
_TURNS = 6
_SCHEME = "4K max 0 0 500ms max pageout\n"


def _write_workload(folder: Path) -> None:
    turns = [_TURN.format(number=turn, name="ab"[turn % 2]) for turn in range(_TURNS)]
    (folder / "turns.cfg").write_text((_PATTERN + "".join(turns)).rstrip("\n") + "\n")
    (folder / "turns.yaml").write_text("workload: {pattern: turns.cfg}\nbackend: vm\n")
    (folder / "scheme.damos").write_text(_SCHEME)


def _measure(folder: Path, seed: int, cache: Path) -> bytes:
    command = (sys.executable, "-m", "autotune", "measure", "turns.yaml", "--json")
    done = subprocess.run(
        (*command, "--scheme", "scheme.damos", "--seed", str(seed)),
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return done.stdout


def _spin() -> None:
    while True:
        pass


def _other_cache(folder: Path) -> Path:
    """Make a cache with the kernel of the user's cache, and without machines."""
    cache = folder / f"cache-{time.monotonic_ns()}"
    kept = cache / "damos-autotune"
    kept.mkdir(parents=True)
    (kept / "kernels").symlink_to(cache_folder() / "kernels")
    return cache


def main() -> None:
    """Print the number of different results, and the spread over the seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_workload(folder)
        first = _other_cache(folder)
        results = []
        for number in range(arguments.repeats):
            anew = number in {1, arguments.repeats - 1}
            busy = number >= arguments.repeats // 2
            load = [multiprocessing.Process(target=_spin) for _ in range(os.cpu_count() or 1)]
            for process in load if busy else ():
                process.start()
            try:
                began_s = time.monotonic()
                results.append(_measure(folder, 0, _other_cache(folder) if anew else first))
                took_s = time.monotonic() - began_s
            finally:
                for process in load if busy else ():
                    process.terminate()
                    process.join()
            record = json.loads(results[-1])["record"]
            print(
                f"run {number}: {'busy' if busy else 'quiet'}, "
                f"{'machine built anew' if anew else 'the same machine'}, {took_s:.0f} s: "
                f"{record['swap_out_bytes'] >> 12} pages out, {record['swap_in_bytes'] >> 12} in, "
                f"fingerprint {record['fingerprint'][:8]}, result {results.index(results[-1])}",
                flush=True,
            )
        print(f"{len(results)} equal measurements: {len(set(results))} different result(s)")
        metrics = [
            json.loads(_measure(folder, seed, first))["metrics"] for seed in range(arguments.seeds)
        ]
        different = len({json.dumps(one) for one in metrics})
        print(f"{arguments.seeds} seeds: {different} different sets of metrics")
        for metric in metrics[0]:
            values = [one[metric] for one in metrics]
            print(
                f"  {metric:<22} mean {statistics.mean(values):>8.4f}  "
                f"standard deviation {statistics.stdev(values):.4f}  "
                f"from {min(values):.4f} to {max(values):.4f}"
            )


if __name__ == "__main__":
    main()
