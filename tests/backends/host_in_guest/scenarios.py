"""What is done with the host backend inside a virtual machine, where DAMON may be written to."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from autotune.backends.host import Host
from autotune.backends.settings import HostSettings
from autotune.damon.damos import Action, Scheme
from autotune.damon.monitoring import Monitoring, Target
from autotune.driver.claim import claim
from autotune.driver.journal import JOURNAL, Journal
from autotune.driver.kdamond import KdamondEndedError
from autotune.driver.memory_settings import add_zram_swap
from autotune.driver.restoring import restore_after_kill
from autotune.driver.setup import Setup
from autotune.driver.sysfs_file import read_value, write_value
from autotune.driver.system_calls import LinuxCalls
from autotune.driver.tree import KDAMONDS, DamonTree
from autotune.errors import AutotuneError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.experiment.program import Program, Ready
from autotune.runner.processes import adopt_orphans
from autotune.runner.procfs import Procfs
from autotune.testing import prcl
from tests.backends.host_in_guest.facts import Facts
from tests.backends.host_in_guest.traces import (
    HUGE_PAGES,
    INSTANCES,
    SWAPS,
    changes,
    traces,
)

PLAYER = Path("/player")
SYS, DEV = Path("/sys"), Path("/dev")
KDAMOND = SYS / KDAMONDS / "0"
LRU_SORT = SYS / "module/damon_lru_sort/parameters/enabled"
USER = 1000

MIB = 1 << 20
SWAP_BYTES = 96 * MIB


def _cold_part(duration_s: int) -> Experiment:
    """A pattern with 8 MiB that are used and 24 that are not, without DAMON."""
    hot = Access(region=0, random=False, stride_bytes=4096, weight=1)
    return Experiment(
        workload=Pattern(
            regions=(
                PatternRegion(name="hot", size_bytes=8 * MIB),
                PatternRegion(name="cold", size_bytes=24 * MIB),
            ),
            phases=(Phase(name="hot", duration_us=duration_s * 1_000_000, accesses=(hot,)),),
        )
    )


BASELINE = _cold_part(1)
MONITORED = replace(BASELINE, monitoring=Monitoring())
PAGEOUT = replace(_cold_part(4), monitoring=Monitoring(), schemes=(prcl(min_age_us=1_000_000),))

TWO = f"""
import os, time
child = os.fork()
memory = b"x" * {16 * MIB}
if child:
    print("ready", flush=True)
    os.waitpid(child, 0)
else:
    time.sleep(3)
"""
"""A program of two processes, each with memory of its own that it does not use."""


SETTINGS = HostSettings(swap_bytes=SWAP_BYTES, huge_pages="never")
"""Each is another than the machine has."""


def host(settings: HostSettings) -> Host:
    """The host backend as `sudo` starts it."""
    return Host(
        settings=settings,
        environment={"PATH": "/usr/bin:/bin", "SUDO_UID": str(USER)},
        player=PLAYER,
    )


def failure(action: Callable[[], object]) -> list[str]:
    """Name and message of the error that *action* ends with; empty without."""
    try:
        action()
    except AutotuneError as error:
        return [type(error).__name__, str(error)]
    return []


def figures(measurement: Measurement) -> Facts:
    """What matters of a measurement."""
    stats = measurement.scheme_stats
    return {
        "runtime_s": measurement.runtime_s,
        "rss_min_bytes": min(measurement.series.rss_bytes),
        "rss_max_bytes": max(measurement.series.rss_bytes),
        "swap_out_bytes": measurement.swap_out_bytes,
        "pool_max_bytes": max(measurement.series.pool_bytes),
        "kdamond_cpu": measurement.kdamond_cpu,
        "workload_cpu_s": measurement.workload_cpu_s,
        "wss_mean_bytes": measurement.wss_mean_bytes,
        "scheme_stats": None if stats is None else asdict(stats),
    }


def cpu_ns(thread: int) -> int:
    return int(Path(f"/proc/{thread}/schedstat").read_text().split()[0])


@contextlib.contextmanager
def foreign_kdamond(*, on: bool) -> Iterator[None]:
    """Another program's kdamond, over the first process."""
    root = SYS / KDAMONDS
    write_value(root / "nr_kdamonds", "1")
    write_value(KDAMOND / "contexts/nr_contexts", "1")
    context = KDAMOND / "contexts/0"
    write_value(context / "operations", "vaddr")
    write_value(context / "monitoring_attrs/intervals/update_us", "2000000")
    write_value(context / "targets/nr_targets", "1")
    write_value(context / "targets/0/pid_target", "1")
    write_value(context / "schemes/nr_schemes", "2")
    write_value(context / "schemes/1/access_pattern/age/max", "77")
    if on:
        write_value(KDAMOND / "state", "on")
    try:
        yield
    finally:
        if on:
            write_value(KDAMOND / "state", "off")
        write_value(root / "nr_kdamonds", "0")


def refusals() -> Facts:
    """What the host backend says, and what it and the restoring change, where it must not work."""
    before = traces()
    refused = {
        "check": failure(lambda: host(SETTINGS).check(PAGEOUT)),
        "run": failure(lambda: host(SETTINGS).run(PAGEOUT, seed=1)),
    }
    put_back = list(restore_after_kill(DamonTree(), system=LinuxCalls()))
    return {
        "refused": refused,
        "put_back": put_back,
        "files": before,
        "changed": changes(before),
        "journal": JOURNAL.exists(),
    }


def foreign_kdamond_on() -> Facts:
    with foreign_kdamond(on=True):
        thread = int(read_value(KDAMOND / "pid"))
        time.sleep(0.2)
        before_ns = cpu_ns(thread)
        facts = refusals()
        time.sleep(0.2)
        worked_ns = cpu_ns(thread) - before_ns
        return {**facts, "thread": thread, "worked_ns": worked_ns}


def foreign_kdamond_off() -> Facts:
    with foreign_kdamond(on=False):
        return refusals()


def lru_sort_on() -> Facts:
    write_value(LRU_SORT, "Y")
    try:
        facts = refusals()
        return {**facts, "enabled": read_value(LRU_SORT)}
    finally:
        write_value(LRU_SORT, "N")


def look() -> Facts:
    """The machine while a workload is measured."""
    procfs = Procfs()
    workload = [
        pid for pid in procfs.tree(*procfs.children(os.getpid())) if procfs.has_memory(pid)
    ]
    users = {
        line.split()[1]
        for pid in workload
        for line in (procfs.read(f"{pid}/status") or b"").splitlines()
        if line.startswith(b"Uid:")
    }
    targets = (KDAMOND / "contexts/0/targets").glob("*/pid_target")
    return {
        "huge_pages": read_value(HUGE_PAGES),
        "swaps": [line.split()[0] for line in SWAPS.read_text().splitlines()[1:]],
        "targets": sorted(int(read_value(file)) for file in targets),
        "workload": sorted(workload),
        "users": sorted(int(user) for user in users),
    }


def measured(experiment: Experiment) -> Facts:
    """One measurement, a look at the machine meanwhile, and what is not as before afterwards."""
    before, seen, ended = traces(), Facts(), threading.Event()

    def look_on() -> None:
        # The first look at a workload that DAMON watches; any where DAMON is off.
        while not ended.wait(0.3) and not seen.get("targets"):
            if (now := look())["workload"]:
                seen.update(now)

    looking = threading.Thread(target=look_on)
    looking.start()
    try:
        figured = figures(host(SETTINGS).run(experiment, seed=1))
    finally:
        ended.set()
        looking.join()
    return {
        **figured,
        "look": seen,
        "before": before,
        "changed": changes(before),
        "journal": JOURNAL.exists(),
    }


def baseline() -> Facts:
    return measured(BASELINE)


def pageout() -> Facts:
    return measured(PAGEOUT)


def beside_other_swap() -> Facts:
    """With a zram device in use already, so that one is added."""
    journal = Journal(Path("/run/other-swap"))
    device = add_zram_swap(
        SYS, DEV, size_bytes=8 * MIB, algorithm="lz4", journal=journal, system=LinuxCalls()
    )
    try:
        return measured(MONITORED)
    finally:
        LinuxCalls().swap_off(device)
        write_value(SYS / "block" / device.name / "reset", "1")


def two_processes() -> Facts:
    program = Program(command=(sys.executable, "-S", "-s", "-c", TWO), ready=Ready(line="^ready$"))
    return measured(replace(PAGEOUT, workload=program))


def crash() -> Facts:
    """A workload that fails while DAMON runs."""
    before = traces()
    code = "import sys, time; print('ready', flush=True); time.sleep(0.5); sys.exit('no luck')"
    program = Program(
        command=(sys.executable, "-S", "-s", "-c", code), ready=Ready(line="^ready$")
    )
    experiment = replace(PAGEOUT, workload=program)
    error = failure(lambda: host(SETTINGS).run(experiment, seed=1))
    return {"error": error, "changed": changes(before), "journal": JOURNAL.exists()}


def killed() -> Facts:
    """A run that is killed while it pages out."""
    adopt_orphans()
    before = traces()
    runner = os.fork()
    if runner == 0:
        try:
            host(SETTINGS).run(PAGEOUT, seed=1)
        finally:
            os._exit(0)
    swapped_out = _swapped_out()
    while _swapped_out() == swapped_out:
        time.sleep(0.1)
    os.kill(runner, signal.SIGKILL)
    os.waitpid(runner, 0)
    left = changes(before)
    refused = failure(lambda: host(SETTINGS).run(PAGEOUT, seed=1))
    check = failure(lambda: host(SETTINGS).check(PAGEOUT))
    still = changes(before)
    put_back = list(restore_after_kill(DamonTree(), system=LinuxCalls()))
    changed = changes(before)
    again = list(restore_after_kill(DamonTree(), system=LinuxCalls()))
    for player in Procfs().children(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(player, signal.SIGKILL)
        os.waitpid(player, 0)
    return {
        "left": left,
        "refused": refused,
        "check": check,
        "still": still,
        "put_back": put_back,
        "changed": changed,
        "again": again,
        "journal": JOURNAL.exists(),
        "next": measured(MONITORED),
    }


def recorded() -> Facts:
    """A workload of two processes that is recorded."""
    before = traces()
    program = Program(command=(sys.executable, "-S", "-s", "-c", TWO), ready=Ready(line="^ready$"))
    recording = host(SETTINGS).record(replace(MONITORED, workload=program), seed=1)
    largest = max(recording.areas, key=lambda area: area.end - area.start)
    return {
        "name": recording.name,
        "duration_us": recording.duration_us,
        "snapshots": len(recording.snapshots),
        "regions": [len(snapshot.regions) for snapshot in recording.snapshots],
        "cpu_us": recording.cpu_us,
        "compressed_fraction": recording.compressed_fraction,
        "largest": [largest.end - largest.start, sum(b - a for a, b in largest.resident)],
        "changed": changes(before),
        "journal": JOURNAL.exists(),
    }


def killed_recording() -> Facts:
    """A recording that is killed once its buffer is there."""
    adopt_orphans()
    before = traces()
    runner = os.fork()
    if runner == 0:
        try:
            host(SETTINGS).record(replace(PAGEOUT, schemes=()), seed=1)
        finally:
            os._exit(0)
    while f"{KDAMOND}/state" not in changes(before):
        time.sleep(0.1)
    os.kill(runner, signal.SIGKILL)
    os.waitpid(runner, 0)
    left = changes(before)
    put_back = list(restore_after_kill(DamonTree(), system=LinuxCalls()))
    for player in Procfs().children(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(player, signal.SIGKILL)
        os.waitpid(player, 0)
    return {
        "instance": f"{INSTANCES}/autotune-{runner}",
        "left": left,
        "put_back": put_back,
        "changed": changes(before),
        "journal": JOURNAL.exists(),
    }


def _swapped_out() -> int:
    vmstat = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return int(vmstat["pswpout"])


def _idle_process() -> int:
    pid = os.fork()
    if pid == 0:
        try:
            signal.pause()
        finally:
            os._exit(0)
    return pid


def _watch(*pids: int) -> Setup:
    return Setup(
        monitoring=Monitoring(),
        targets=tuple(Target(pid=pid) for pid in pids),
        schemes=(Scheme(action=Action.STAT),),
    )


def target_ends() -> Facts:
    """DAMON over a process that is killed, and later reaped."""
    before = traces()
    with claim(DamonTree(), system=LinuxCalls()) as held:
        kdamond, child = held.kdamond, _idle_process()
        kdamond.turn_on(_watch(child))
        os.kill(child, signal.SIGKILL)
        time.sleep(0.5)
        over_zombie = kdamond.is_on()
        os.waitpid(child, 0)
        time.sleep(0.5)
        facts = {
            "over_zombie": over_zombie,
            "over_nothing": kdamond.is_on(),
            "poll": failure(kdamond.update_stats),
        }
        kdamond.turn_off()
        facts["turn_on"] = failure(lambda: kdamond.turn_on(_watch(child)))
    return {**facts, "changed": changes(before), "child": child}


def failing_commit() -> Facts:
    """A new setup that the kernel can't take, while it says that it has."""
    before = traces()
    with claim(DamonTree(), system=LinuxCalls()) as held:
        kdamond, child, gone = held.kdamond, _idle_process(), _idle_process()
        os.kill(gone, signal.SIGKILL)
        os.waitpid(gone, 0)
        kdamond.turn_on(_watch(child))
        kdamond.commit(_watch(child))
        outlives_a_good_one = kdamond.is_on()
        write_value(KDAMOND / "contexts/0/targets/0/pid_target", str(gone))
        write_value(KDAMOND / "state", "commit")  # the kernel reports success
        time.sleep(0.2)
        facts: Facts = {"good": outlives_a_good_one, "bad": kdamond.is_on()}
        kdamond.turn_off()
        kdamond.turn_on(_watch(child))
        try:
            kdamond.commit(_watch(gone))
        except KdamondEndedError as error:
            facts["error"] = str(error)
        kdamond.turn_off()
        kdamond.turn_on(_watch(child))
        facts["again"] = kdamond.is_on()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {**facts, "changed": changes(before), "gone": gone}


SCENARIOS: tuple[Callable[[], Facts], ...] = (
    foreign_kdamond_on,
    foreign_kdamond_off,
    lru_sort_on,
    baseline,
    pageout,
    beside_other_swap,
    two_processes,
    crash,
    killed,
    recorded,
    killed_recording,
    target_ends,
    failing_commit,
)
