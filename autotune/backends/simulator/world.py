"""Time passing for workload, memory and samples together."""

from __future__ import annotations

from typing import NamedTuple

from autotune.backends.simulator.compiled.compiled import compiled, inlined
from autotune.backends.simulator.compiled.structs import (
    FLAG,
    FLOAT,
    INT,
    Structs,
    make_structs,
    put,
)
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.huge_pages import COLLAPSE_EVERY_US, collapse
from autotune.backends.simulator.memory.pages import Memory, pool_bytes
from autotune.backends.simulator.source import (
    Source,
    accesses,
    busy_share,
    cpu_share,
    let_idle,
    play,
)
from autotune.damon.kernel_rules import PAGE_BYTES

_CLOCK = {
    "now_us": FLOAT,  # since the measured part began
    "busy_us": FLOAT,  # CPU time of the kdamond
    "scan_us": FLOAT,  # looking at one page, and leaving it as it is
    "check_us": FLOAT,  # preparing and checking one region
    "tick_us": FLOAT,  # one wake-up
    "wake_us": FLOAT,  # how long a wake-up waits for a shared CPU, the workload's turn aside
    "disturbance_us": FLOAT,  # what a wake-up costs the workload
    "sample_us": FLOAT,  # time that a sample takes on a shared CPU
    "sampling_us": FLOAT,  # time that the workload still has to wait for samples
    "stalled_fraction": FLOAT,  # of the workload's time in faults
    "jiffy_us": FLOAT,  # the kernel's tick
    "missed_chance": FLOAT,  # chance that a check doesn't see an access
    # Whether kdamond and workload share one CPU. On a shared CPU, short work of the kdamond holds the
    # workload up, and long work takes turns with the workload.
    "shared": FLAG,
    "busy": FLOAT,  # the share of the time in which the workload waits if it has no CPU
    "memory_pages": INT,  # of the machine
    "collapses": FLAG,  # whether small pages are made huge in the background
    "next_collapse_us": FLOAT,
    "next_block": INT,  # the block at which making pages huge goes on
}
_SAMPLE = {
    "rss": INT,  # bytes
    "swap": INT,  # bytes swapped out
    "pool": INT,  # bytes of the swap pool
    "wss": INT,  # bytes, of the last aggregation; -1 before the first
    "cpu_us": FLOAT,  # CPU time of the workload, without phases that idle
    "swap_ins": INT,  # pages
    "accesses": FLOAT,
}
_TALLY = {
    "period_us": FLOAT,
    "next_us": FLOAT,  # when the next sample is due
    "samples": INT,  # taken
    "wss": INT,  # of the last aggregation; -1 before the first
    "wss_sum": FLOAT,  # over all aggregations
    "aggregations": INT,
    "oldest": INT,  # the highest age of any region, in aggregations
    "hottest": INT,  # the most hits of any region
    "hit_bytes_sum": FLOAT,  # sizes of regions times their hits, over all aggregations
    "largest": INT,  # bytes of the largest region
}


class World(NamedTuple):
    """All that changes while time passes, but for the kdamond.

    Attributes:
        memory: The workload's memory.
        source: The workload.
        clock: `_CLOCK`, one struct.
        samples: `_SAMPLE` structs on a fixed grid of time, with room for a run that times out.
        tally: `_TALLY`, one struct.
    """

    memory: Memory
    source: Source
    clock: Structs
    samples: Structs
    tally: Structs


def start(
    memory: Memory, source: Source, machine: Machine, *, timeout_us: float, period_us: float
) -> World:
    """Make a world whose clock stands at 0."""
    clock = make_structs(_CLOCK, 1)
    put(
        clock,
        0,
        scan_us=machine.scan_us,
        check_us=machine.check_us,
        tick_us=machine.tick_us,
        disturbance_us=machine.disturbance_us * cpu_share(source),
        jiffy_us=machine.jiffy_us,
        missed_chance=machine.missed_access_chance,
        shared=machine.cpus == 1,
        memory_pages=machine.memory_bytes // PAGE_BYTES,
        stalled_fraction=machine.stalled_fraction,
        wake_us=machine.wake_us,
        busy=busy_share(source),
        sample_us=machine.sample_us if machine.cpus == 1 else 0.0,
        collapses=machine.huge_pages != "never",
        next_collapse_us=COLLAPSE_EVERY_US,
    )
    tally = make_structs(_TALLY, 1)
    put(tally, 0, period_us=period_us, wss=-1)
    samples = make_structs(_SAMPLE, int(timeout_us / period_us) + 2)
    return World(memory, source, clock, samples, tally)


@inlined
def is_over(world: World) -> bool:
    """Whether the workload has ended."""
    return world.source.progress[0].over == 1


@inlined
def cpu_us(world: World) -> float:
    """CPU time of the workload so far."""
    return world.source.progress[0].cpu_us


@inlined
def stalled_us(world: World) -> float:
    """Time that the workload has waited for memory, as the kernel counts it."""
    return world.clock[0].stalled_fraction * world.source.progress[0].fault_us


@inlined
def disturb(world: World, time_us: float) -> None:
    """Let the workload pay CPU time that it did not use for its own accesses."""
    world.source.progress[0].owed_us += time_us


@compiled
def take_samples(world: World) -> None:
    """Take the samples that are due."""
    tally, counters, clock = world.tally[0], world.memory.counters[0], world.clock[0]
    while tally.next_us <= clock.now_us and tally.samples < len(world.samples):
        sample = world.samples[tally.samples]
        sample.rss = counters.resident * PAGE_BYTES
        sample.swap = counters.swapped * PAGE_BYTES
        sample.pool = pool_bytes(world.memory)
        sample.wss = tally.wss
        progress = world.source.progress[0]
        sample.cpu_us = progress.cpu_us - progress.idle_us
        sample.swap_ins = counters.swap_ins
        sample.accesses = accesses(world.source)
        tally.samples += 1
        clock.sampling_us += clock.sample_us
        tally.next_us = tally.samples * tally.period_us
        if clock.collapses == 1 and clock.now_us >= clock.next_collapse_us:
            clock.next_collapse_us += COLLAPSE_EVERY_US
            clock.next_block = collapse(world.memory, clock.next_block)


@inlined
def pass_time(world: World, time_us: float) -> None:
    """Let the workload run for *time_us*, or to its end, taking samples on the way."""
    clock, tally = world.clock[0], world.tally[0]
    while time_us > 0.0 and not is_over(world):
        step_us = time_us
        if tally.samples < len(world.samples):
            step_us = min(time_us, max(tally.next_us - clock.now_us, 1.0))
        unused_us = 0.0
        if clock.sampling_us > 0.0:
            # Taking a sample holds up the workload, but not the kdamond's timer.
            step_us = min(step_us, clock.sampling_us)
            clock.sampling_us -= step_us
            let_idle(world.source, world.memory, step_us)
        else:
            unused_us = play(world.source, world.memory, clock.now_us, step_us)
        clock.now_us += step_us - unused_us
        time_us -= step_us
        if clock.now_us >= tally.next_us:
            take_samples(world)


@compiled
def wait(world: World, time_us: float) -> None:
    """Let the workload run while the kdamond does nothing: `pass_time`, not inlined."""
    pass_time(world, time_us)


@inlined
def take_turn(world: World, work_us: float) -> None:
    """Let the kdamond work on the CPU that it shares, while the workload waits."""
    clock = world.clock[0]
    clock.now_us += work_us
    clock.busy_us += work_us
    let_idle(world.source, world.memory, work_us)
    if clock.now_us >= world.tally[0].next_us:
        take_samples(world)


@inlined
def _give_turn(world: World, time_us: float) -> None:
    """Let the workload run for a turn of *time_us*; time for samples is not part of the turn."""
    clock, tally = world.clock[0], world.tally[0]
    while time_us > 0.0 and not is_over(world):
        clock.now_us += clock.sampling_us
        let_idle(world.source, world.memory, clock.sampling_us)
        clock.sampling_us = 0.0
        step_us = time_us
        if tally.samples < len(world.samples):
            step_us = min(time_us, max(tally.next_us - clock.now_us, 1.0))
        pass_time(world, step_us)
        time_us -= step_us


@compiled
def work_in_turns(world: World, work_us: float) -> None:
    """Let the kdamond work for long: on a CPU of its own, or in turns with the workload.

    The run ends with the workload. After that no time passes; on a CPU of its own, the kdamond's work
    counts only up to the workload's end.
    """
    clock = world.clock[0]
    if is_over(world):
        return
    if clock.shared == 1:
        take_turn(world, work_us)
        _give_turn(world, work_us * clock.busy)
        return
    began_us = clock.now_us
    pass_time(world, work_us)
    clock.busy_us += clock.now_us - began_us
