"""A real program tuned on its recording: the simulator's front, measured on the real kernel.

python benchmarks/offline.py [WORKLOAD] [--trials N] [--seeds N] [--most N] [--recording FILE] [--json]

WORKLOAD is a workload file with a command, examples/redis.yaml unless given. Its program is recorded
once in the micro-VM, or the recording is read from FILE. The workload file's search space is tuned on
the recording in the simulator. Then N schemes of the front, evenly chosen, and the published prcl-3s are
measured in the micro-VM with fresh seeds. Prints the figures of simulator and micro-VM, means over the
seeds, and how long the simulator took.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune import catalog
from autotune.backends.base import Backend
from autotune.backends.factory import make_recording_backend
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.recording import Recording
from autotune.experiment.measurement import Measurement
from autotune.formats import damo_record
from autotune.formats.scheme_export import scheme_text
from autotune.formats.scheme_files import load_schemes, resolve
from autotune.objective import metrics
from autotune.objective.pareto import hypervolume
from autotune.study import study
from autotune.study.recording_run import load_for_recording, record_workload
from autotune.workload_file.workload_file import WorkloadFile

_FIGURES = ("memory_saving", "own_cpu_slowdown", "cpu_use")
_FIRST_SEED = 1_000
_REFERENCE = (0.0, 0.5)
"""No saving, and a slowdown of one half."""


def _offline(file: WorkloadFile, recording: Recording) -> WorkloadFile:
    """The workload file with the recording in the place of the program."""
    machine = catalog.find("micro-vm", "machines", Path())
    backend = replace(file.backend, name="simulator", machine=machine)
    return replace(file, workload=recording, backend=backend)


def _figures(
    file: WorkloadFile,
    backend: Backend,
    sets: Sequence[tuple[Scheme, ...]],
    seeds: range,
    at_once: int,
) -> list[dict[str, float]]:
    """Means over the seeds, one for each set of schemes."""
    jobs = [(schemes, seed) for schemes in (None, *sets) for seed in seeds]

    def one(job: tuple[tuple[Scheme, ...] | None, int]) -> Measurement:
        schemes, seed = job
        return backend.run(file.experiment(schemes), seed=seed)

    backend.check(file.experiment(()))
    with ThreadPoolExecutor(at_once) as pool:
        measured = list(pool.map(one, jobs))
    count = len(seeds)
    baselines = measured[:count]
    means = []
    for begin in range(count, len(measured), count):
        computed = [
            metrics.compute(record, baseline, slowdown="own_cpu_slowdown")
            for record, baseline in zip(measured[begin : begin + count], baselines, strict=True)
        ]
        means.append({name: statistics.mean(row[name] for row in computed) for name in _FIGURES})
    return means


def _volume(figures: list[dict[str, float]]) -> float:
    points = [(-row["memory_saving"], row["own_cpu_slowdown"]) for row in figures]
    return hypervolume(points, _REFERENCE)


def main() -> None:
    """Record, tune, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", nargs="?", type=Path, default=ROOT / "examples" / "redis.yaml")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=8)
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    file = load_for_recording(arguments.workload, backend="vm", warn=print)
    vm = make_recording_backend(file.backend, lambda message: print(message, file=sys.stderr))
    if arguments.recording is None:
        recording = record_workload(file, vm)
    else:
        recording = damo_record.load(arguments.recording)
    offline = _offline(file, recording)
    offline = replace(offline, budget=replace(offline.budget, trials=arguments.trials))
    simulator = Simulator(load_machine(offline.backend.machine))
    simulator.run(offline.experiment(()), seed=0)  # the first run compiles
    began_s = time.perf_counter()
    outcome = study.run(study.prepare(offline, simulator))
    took_s = time.perf_counter() - began_s
    front = [
        chosen.trial.schemes for chosen in outcome.recommendation.front if chosen.trial.schemes
    ]
    step = max(1.0, (len(front) - 1) / max(1, arguments.most - 1))
    found = [front[round(n * step)] for n in range(min(arguments.most, len(front)))]
    intervals = file.monitoring.intervals
    published = tuple(on_grid(s, intervals) for s in load_schemes(resolve("prcl-3s", Path())))
    sets = [published, *(schemes for schemes in found if schemes != published)]
    seeds = range(_FIRST_SEED, _FIRST_SEED + arguments.seeds)
    simulated = _figures(offline, simulator, sets, seeds, at_once=1)
    measured = _figures(file, vm, sets, seeds, at_once=2)
    rows = [
        {"scheme": scheme_text(schemes), "simulator": predicted, "kernel": kernel}
        for schemes, predicted, kernel in zip(sets, simulated, measured, strict=True)
    ]
    if arguments.json:
        print(json.dumps({"rows": rows, "tuning_s": took_s}, indent=2))
        return
    print(f"{len(outcome.trials)} trials on the recording, tuned in {took_s:.1f} s\n")
    print(f"{'saving':>17} {'slowdown':>17} {'kdamond CPU':>17}")
    print(f"{'sim':>8} {'kernel':>8} " * 3 + " scheme")
    for row, predicted, kernel in zip(rows, simulated, measured, strict=True):
        cells = (
            f"{100 * predicted[name]:>7.2f}% {100 * kernel[name]:>7.2f}%" for name in _FIGURES
        )
        print(*cells, "", row["scheme"])
    for name in _FIGURES:
        errors = [100 * abs(p[name] - k[name]) for p, k in zip(simulated, measured, strict=True)]
        print(f"{name}: median absolute error {statistics.median(errors):.2f} points")
    print(
        f"hypervolume as measured: prcl-3s {_volume(measured[:1]):.3f}, the front "
        f"{_volume(measured[1:]):.3f}"
    )


if __name__ == "__main__":
    main()
