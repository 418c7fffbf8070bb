"""What it costs to know the memory that processes share, and how good the figure is.

python benchmarks/memory_cost.py [--gib N] [--seconds N] [--vm] [--saving]

On this machine, without DAMON: 64 small processes, two processes that share N GiB, and a prefork server.
For each: the CPU time of a reading, the time between two readings, the share of a CPU that they take,
resident memory as the sum over processes, resident memory where what is shared counts once, and the
same as another reader sees it, who adds up the proportional size of every mapping.

With --vm: the same prefork server in the micro-VM, with 400 MiB. Three baselines with seeds of their own
are compared with a first baseline, as trials are. None of them saves anything.

With --saving: only the saving of prcl-3s on a prefork server in the micro-VM, beside another reader's.
It is a client in there, which once a second adds up the proportional sizes of all processes of its
user, and the swap pool.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.cache import cache_folder
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program, Ready
from autotune.formats.scheme_files import load_schemes, resolve
from autotune.objective import metrics
from autotune.runner.identity import Identity
from autotune.runner.measuring import Measuring
from autotune.runner.processes import Processes, adopt_orphans
from autotune.runner.procfs import Procfs
from autotune.runner.running import start_workload
from autotune.runner.shared_memory import reading_cost_s
from autotune.runner.system_memory import SystemMemory

_MIB = 1 << 20
_LOOK_S = 0.5
_TIMEOUT_US = 600_000_000

_SMALL = """
import os, time
for _ in range(63):
    pid = os.fork()
    if not pid:
        time.sleep(1000)
print("up", flush=True)
time.sleep(1000)
"""

_SHARING = """
import mmap, os, time
flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
memory = mmap.mmap(-1, {gib} << 30, flags=flags)
ready = os.pipe()
pid = os.fork()
if not pid:
    for at in range(0, len(memory), 4096):
        memory[at]
    os.write(ready[1], b"x")
else:
    os.read(ready[0], 1)
    print("up", flush=True)
time.sleep(1000)
"""

_PREFORK = """
import os, time
cold = bytearray((os.urandom(1 << 9) + bytes(7 << 9)) * (256 * {cold}))
ready, children = os.pipe(), []
for _ in range(3):
    pid = os.fork()
    if not pid:
        own = bytearray((os.urandom(1 << 9) + bytes(7 << 9)) * (256 * {own}))
        hot = bytearray(2 << 20)
        os.write(ready[1], b"x")
        for _ in range({rounds}):
            for at in range(0, len(hot), 4096):
                hot[at] = (hot[at] + 1) & 255
            time.sleep(0.01)
        os._exit(0)
    children.append(pid)
for _ in children:
    os.read(ready[0], 1)
print("up", flush=True)
for pid in children:
    os.waitpid(pid, 0)
"""
"""A server: the workers share {cold} MiB with their parent, and each has {own} MiB of its own."""


_READER = """
import os, time
began, seen = time.monotonic(), []
while time.monotonic() < began + {seconds}:
    held = int(open("/sys/block/zram0/mm_stat").read().split()[2])
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            lines = open(f"/proc/{{pid}}/smaps_rollup").read().splitlines()
        except OSError:
            continue
        held += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    seen.append(held)
    time.sleep(max(0, began + len(seen) - time.monotonic()))
print("held", sum(seen) // len(seen))
"""


def _program(code: str, seconds: int | None = None) -> Program:
    """Run *code*, for *seconds* or until it ends."""
    return Program(
        command=("/usr/bin/python3", "-c", code),
        client=None if seconds is None else ("sleep", str(seconds)),
        ready=Ready(line="^up$"),
    )


def _outside(pids: Sequence[int]) -> int:
    """Add up the proportional sizes of all mappings."""
    found = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return found


def _on_this_machine(name: str, program: Program) -> None:
    procfs, system = Procfs(), SystemMemory()
    adopt_orphans()
    ended = threading.Event()
    seen: list[int] = []
    with Processes(procfs, Identity(environment=dict(os.environ)), "/") as processes:
        experiment = Experiment(workload=program)
        free_bytes = system.free_bytes()
        running = start_workload(program, processes, player=None, timeout_us=_TIMEOUT_US)
        cost_s = reading_cost_s(procfs, processes.measured())

        def look() -> None:
            while not ended.wait(_LOOK_S):
                seen.append(_outside(processes.measured()))

        measuring = Measuring(
            running,
            processes,
            system,
            free_before_bytes=free_bytes,
            kdamond=None,
            reading_cost_s=cost_s,
        )
        looking = threading.Thread(target=look)
        looking.start()
        try:
            measured = measuring.measure(experiment, seed=0)
        finally:
            ended.set()
            looking.join()
    period_s = measured.pss_periods_us[-1] / 1e6
    sizes = measured.rss_mean_bytes, measured.pss_mean_bytes, fmean(seen)
    row = (1e3 * cost_s, period_s, 100 * cost_s / period_s, *(size / _MIB for size in sizes))
    print(f"{name:<28}", *(f"{value:>12.2f}" for value in row), flush=True)


def _in_the_micro_vm() -> None:
    settings = VmSettings(memory_bytes=1024 * _MIB)
    vm = Vm(settings, cache_folder(), lambda _: None)
    experiment = Experiment(workload=_program(_PREFORK.format(cold=70, own=30, rounds=1200)))
    vm.check(experiment)
    first = vm.run(experiment, seed=0)
    print(
        f"\nmicro-VM: {first.rss_mean_bytes / _MIB:.1f} MiB as a sum, "
        f"{first.pss_mean_bytes / _MIB:.1f} MiB with what is shared counted once, read every "
        f"{first.pss_periods_us[-1] / 1e6:.1f} s of {first.runtime_s:.1f} s"
    )
    print(f"{'baseline again, in %':<28}", *(f"{f'seed {seed}':>12}" for seed in range(3)))
    found = [
        metrics.compute(vm.run(experiment, seed=seed), first, slowdown=vm.slowdown_metric)
        for seed in range(3)
    ]
    for name in ("memory_saving", "system_memory_saving", "own_cpu_slowdown", "wall_slowdown"):
        print(f"{name:<28}", *(f"{100 * one[name]:>12.3f}" for one in found))


def _saving_beside_another_reader(seconds: int) -> None:
    program = replace(
        _program(_PREFORK.format(cold=50, own=25, rounds=1_000_000)),
        client=("/usr/bin/python3", "-c", _READER.format(seconds=seconds)),
        work=r"held (\d+)",
        folder=str(ROOT / "benchmarks"),
    )
    vm = Vm(VmSettings(memory_bytes=512 * _MIB), cache_folder(), lambda _: None)
    trial = Experiment(
        workload=program,
        monitoring=Monitoring(),
        schemes=load_schemes(resolve("prcl-3s", Path())),
    )
    vm.check(trial)
    baseline, measured = vm.run(trial.baseline(), seed=0), vm.run(trial, seed=0)
    print(f"{'':<28} {'ours, MiB':>12} {'reader, MiB':>12}")
    for name, one in (("baseline", baseline), ("prcl-3s", measured)):
        held = one.pss_mean_bytes + one.swap_pool_mean_bytes
        print(f"{name:<28} {held / _MIB:>12.2f} {(one.work_done or 0) / _MIB:>12.2f}")
    ours = metrics.compute(measured, baseline, slowdown=vm.slowdown_metric)["memory_saving"]
    seen = 1 - (measured.work_done or 0) / (baseline.work_done or 1)
    print(f"{'saving, in %':<28} {100 * (ours or 0):>12.2f} {100 * seen:>12.2f}")


def main() -> None:
    """Print a row a workload; with --vm, what an A/A pair shows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gib", type=int, default=2, help="what two processes share")
    parser.add_argument("--seconds", type=int, default=20, help="length of the measured part")
    parser.add_argument("--vm", action="store_true", help="measure in the micro-VM, too")
    parser.add_argument("--saving", action="store_true", help="only a saving, in the micro-VM")
    arguments = parser.parse_args()
    if arguments.saving:
        _saving_beside_another_reader(arguments.seconds)
        return
    columns = ("reading, ms", "every, s", "CPU, %", "sum, MiB", "once, MiB", "outside, MiB")
    print(f"{'workload':<28}", *(f"{column:>12}" for column in columns))
    for name, code in (
        ("64 small processes", _SMALL),
        (f"two that share {arguments.gib} GiB", _SHARING.format(gib=arguments.gib)),
        ("a prefork server", _PREFORK.format(cold=40, own=20, rounds=1_000_000)),
    ):
        _on_this_machine(name, _program(code, arguments.seconds))
    if arguments.vm:
        _in_the_micro_vm()


if __name__ == "__main__":
    main()
