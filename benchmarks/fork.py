"""Wall time of a trial in the micro-VM, with and without a fork of a machine that is booted and warm.

python benchmarks/fork.py [--mib N] [--rounds N] [WORKLOAD.yaml ...]

For a pattern of N MiB whose measured part is 0, 1 and 4 s of virtual time, and for the given workloads:
the seconds of boot and warm-up (paid once a workload with the fork, once a trial without it) and of a
forked trial, medians over the rounds. A measured part of 0 s is one batch of accesses, so that all the
time of its trial is the cost of a fork.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.cache import cache_folder
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.testing import pattern, prcl
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.workload_file import load_workload_file

_SECONDS = (0, 1, 4)
_MIB = 1 << 20


def _row(name: str, experiment: Experiment, settings: VmSettings, rounds: int) -> float:
    """Print a row; give the wall seconds of a trial."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        (cache / "kernels").symlink_to(cache_folder() / "kernels")
        vm = Vm(settings, cache, lambda _: None)
        vm.check(experiment)
        began_s = time.monotonic()
        vm.prepare(experiment)
        boot_s = time.monotonic() - began_s
        trials_s, virtual_s = [], 0.0
        for _ in range(rounds):
            began_s = time.monotonic()
            virtual_s = vm.run(experiment, seed=0).runtime_s
            trials_s.append(time.monotonic() - began_s)
    trial_s = statistics.median(trials_s)
    row = (virtual_s, boot_s, trial_s, boot_s + trial_s)
    print(f"{name:<28}", *(f"{seconds:>12.1f}" for seconds in row), flush=True)
    return trial_s


def main() -> None:
    """Print a row a workload, then the cost of the fork; all in seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", type=Path)
    parser.add_argument("--mib", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    columns = ("virtual", "boot", "forked trial", "without fork")
    print(f"{'workload':<28}", *(f"{column:>12}" for column in columns))
    fork_s = 0.0
    for seconds in _SECONDS:
        played = pattern(
            regions=1, size_bytes=arguments.mib * _MIB, duration_us=seconds * 1_000_000
        )
        experiment = Experiment(workload=played, monitoring=Monitoring(), schemes=(prcl(),))
        name = f"pattern of {arguments.mib} MiB, {seconds} s"
        trial_s = _row(name, experiment, VmSettings(), arguments.rounds)
        fork_s = fork_s if seconds else trial_s
    print(f"a fork adds {fork_s:.2f} s")
    for path in arguments.workloads:
        file = load_workload_file(path, Overrides(backend="vm"))
        experiment = file.experiment((prcl(min_age_us=3_000_000),))
        _row(file.name, experiment, file.backend.vm, arguments.rounds)


if __name__ == "__main__":
    main()
