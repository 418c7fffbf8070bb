"""A job with numpy; the argument is the folder that holds numpy."""

import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, sys.argv[1])

import numpy as np


def main() -> None:
    """Blocks of a table are summed up, one after the other; all of it is kept."""
    draws = np.random.default_rng(3)
    history = draws.integers(0, 50, (48, 1 << 17)).astype(np.float64)  # 48 MiB
    weights = np.linspace(0, 1, 1 << 18)  # 2 MiB
    print("loaded", flush=True)
    total = 0.0
    for step in range(500):
        # The newest eighth is read all the time, older blocks in turn and rarely.
        total += float(history[42 + step % 6].sum() + weights.sum())
        if step % 25 == 0:
            total += float(history[step // 25].max())
        time.sleep(0.015)
    print("done", total)


main()
