"""How fast the simulator is: simulated seconds in a second of one core, and how that changes.

python benchmarks/sim_speed.py [--runs N] [--quick | --long]

The workload is a pattern of 1 GiB in 64 regions with different weights, on the profile `server`. It is
monitored as usual: 5 ms, 100 ms, at most 1000 regions, and a lower bound with which some 300 regions are
held; a scheme `stat`, applied at every tick, counts the held regions. Times are CPU time of one core,
medians over the runs; the batch is timed by the clock, on all cores. `--quick` leaves the 1 TiB machine
out. `--long` also lets that machine page out without a quota: in all, more than its memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune import catalog
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme, Weights
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase

_GIB = 1 << 30
_HELD = 125
"""With this lower bound on regions, DAMON holds some 300 regions."""
_BATCH = 64
_WEIGHTS = (0, 8, 1, 4, 0, 2, 16, 1)


def _pattern(gib: float, seconds: float, *, random: bool = False) -> Pattern:
    """Regions of equal size, swept or accessed at random, with different weights in no order."""
    regions = 64
    size = int(gib * _GIB) // regions - 65_536
    accesses = tuple(
        Access(region=n, random=random, stride_bytes=4096, weight=_WEIGHTS[n * 5 % len(_WEIGHTS)])
        for n in range(regions)
    )
    return Pattern(
        regions=tuple(PatternRegion(name=f"r{n}", size_bytes=size) for n in range(regions)),
        phases=(Phase(name="all", duration_us=round(seconds * 1e6), accesses=accesses),),
    )


def _cold(age_us: int, quota: Quota | None = None) -> Scheme:
    pattern = AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(age_us)
    )
    return Scheme(action=Action.PAGEOUT, pattern=pattern, quota=quota)


def _experiment(
    pattern: Pattern, *schemes: Scheme, min_regions: int = _HELD, max_regions: int = 1000
) -> Experiment:
    monitoring = Monitoring(min_regions=min_regions, max_regions=max_regions)
    return Experiment(
        workload=pattern, monitoring=monitoring, schemes=schemes, timeout_us=80_000_000_000
    )


def _held(simulator: Simulator, experiment: Experiment) -> float:
    """How many regions are checked in a tick, on average."""
    pattern = experiment.workload
    assert isinstance(pattern, Pattern)  # noqa: S101  # all of these are
    every = Scheme(
        action=Action.STAT,
        apply_interval_us=Monitoring().intervals.sampling_us,
    )
    measured = simulator.run(replace(experiment, schemes=(every,)), seed=0)
    stats = measured.scheme_stats
    assert stats is not None  # noqa: S101  # it was monitored
    monitored = stats.tried_bytes / stats.tried_regions  # bytes of a region, on average
    ranges = sum(region.size_bytes for region in pattern.regions)
    return ranges / monitored


def _rates(run: Callable[[int], Measurement], runs: int) -> tuple[float, float]:
    """Simulated seconds a second of CPU time, and faults a simulated second, medians."""
    run(0)  # lays the workload out; the first run also compiles
    rates, faults = [], []
    for seed in range(runs):
        began_s = time.thread_time()
        measured = run(seed)
        rates.append(measured.runtime_s / (time.thread_time() - began_s))
        faults.append(measured.major_faults / measured.runtime_s)
    return statistics.median(rates), statistics.median(faults)


def _show(name: str, simulator: Simulator, experiment: Experiment, runs: int) -> None:
    rate, faults = _rates(lambda seed: simulator.run(experiment, seed=seed), runs)
    held = "" if experiment.monitoring is None else f"{_held(simulator, experiment):.0f}"
    print(f"{name:<44} {held:>8} {faults:>12,.0f} {rate:>12,.0f}", flush=True)


def _show_batch(simulator: Simulator, pattern: Pattern) -> None:
    schemes = [_cold(200_000 * (n + 1)) for n in range(_BATCH)]
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        began_s = time.perf_counter()
        measured = list(
            pool.map(lambda scheme: simulator.run(_experiment(pattern, scheme), seed=0), schemes)
        )
        took_s = time.perf_counter() - began_s
    simulated_s = sum(one.runtime_s for one in measured)
    print(
        f"\na batch of {_BATCH} schemes: {simulated_s / took_s:,.0f} simulated seconds a second on "
        f"{cores} cores, {simulated_s / took_s / cores:,.0f} on each"
    )


def _show_machine_of_1_tib(machine: Machine, name: str, scheme: Scheme) -> None:
    sizes = (1, 4, 16, 64, 128, 256, 554)
    weights = ((8, 4, 2, 1, 0, 0, 0), (4, 8, 0, 2, 1, 0, 0)) * 2
    pattern = Pattern(
        regions=tuple(
            PatternRegion(name=f"r{gib}", size_bytes=gib * _GIB - 65_536) for gib in sizes
        ),
        phases=tuple(
            Phase(
                name=f"quarter {number}",
                duration_us=900_000_000,
                accesses=tuple(
                    Access(region=n, random=n % 2 == 0, stride_bytes=4096, weight=weight)
                    for n, weight in enumerate(of_phase)
                ),
            )
            for number, of_phase in enumerate(weights)
        ),
    )
    experiment = replace(
        _experiment(pattern, scheme, min_regions=10),
        operations=OperationsSet.PADDR,
        sampling_period_us=1_000_000,
    )
    simulator = Simulator(
        replace(machine, memory_bytes=1032 * _GIB, swap_bytes=1032 * _GIB, name="1 TiB")
    )
    began_s = time.perf_counter()
    measured = simulator.run(experiment, seed=0)
    took_s = time.perf_counter() - began_s
    print(
        f"\n1 TiB of physical memory for {measured.runtime_s:,.0f} s, paged out {name}: {took_s:.1f} s, "
        f"{measured.swap_out_bytes / _GIB:.1f} GiB out, {measured.swap_in_bytes / _GIB:.1f} GiB in",
        flush=True,
    )


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    arguments = parser.parse_args()
    machine = load_machine(catalog.find("server", "machines", Path()))
    simulator = Simulator(replace(machine, memory_bytes=128 * _GIB))
    scheme = _cold(3_000_000)

    def show(name: str, experiment: Experiment) -> None:
        _show(name, simulator, experiment, arguments.runs)

    print(f"{'case':<44} {'regions':>8} {'faults per s':>12} {'s per s':>12}")
    pattern = _pattern(1, 300)
    show("1 GiB, DAMON off", Experiment(workload=pattern, timeout_us=80_000_000_000))
    show("1 GiB, monitored", _experiment(pattern))
    show("1 GiB, prcl-3s", _experiment(pattern, scheme))
    random = _pattern(1, 300, random=True)
    show("1 GiB at random, monitored", _experiment(random))
    show("1 GiB at random, prcl-3s", _experiment(random, scheme))
    for gib in (4, 16, 64):
        show(f"{gib} GiB, monitored", _experiment(_pattern(gib, 300)))
        show(f"{gib} GiB, prcl-3s", _experiment(_pattern(gib, 300), scheme))
    for least, most in ((10, 20), (10, 1000), (300, 1000), (800, 4000)):
        bounded = _experiment(pattern, scheme, min_regions=least, max_regions=most)
        show(f"1 GiB, prcl-3s, {least} to {most} regions", bounded)
    for seconds in (30, 3000):
        show(f"1 GiB, prcl-3s, {seconds} s", _experiment(_pattern(1, seconds), scheme))
    _show_batch(simulator, pattern)
    if not arguments.quick:
        quota = Quota(time_us=10_000, size_bytes=128 << 20, weights=Weights(age=1))
        _show_machine_of_1_tib(
            machine, "as DAMON_RECLAIM does by default", _cold(120_000_000, quota)
        )
    if arguments.long:
        _show_machine_of_1_tib(machine, "after 30 s, without a quota", _cold(30_000_000))


if __name__ == "__main__":
    main()
