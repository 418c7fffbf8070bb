"""Time passing for workload, memory and records together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.memory import PAGE, Memory, pool_bytes
from autotune.backends.simulator.player import Player, ended, play
from autotune.backends.simulator.records import FLAG, FLOAT, INT, Records, make_records
from autotune.machine import Machine

_CLOCK = {
    "now_us": FLOAT,  # since the measured part began
    "busy_us": FLOAT,  # CPU time of the kdamond
    "page_us": FLOAT,  # paging out one page
    "check_us": FLOAT,  # preparing and checking one region
    "tick_us": FLOAT,  # one wake-up
    "disturbance_us": FLOAT,  # what the check of one region costs the workload
    "jiffy_us": FLOAT,  # the kernel's tick
    "missed_chance": FLOAT,  # that a check doesn't see an access
    # Whether kdamond and workload share one CPU: short work of the kdamond then holds the workload up,
    # long work takes turns with it.
    "shared": FLAG,
    "memory_pages": INT,  # of the machine
}
_SAMPLE = {
    "rss": INT,  # bytes
    "swap": INT,  # bytes swapped out
    "pool": INT,  # bytes of the swap pool
    "wss": INT,  # bytes, of the last aggregation; -1 before the first
}
_RECORDING = {
    "period_us": FLOAT,
    "samples": INT,  # taken
    "wss": INT,  # of the last aggregation; -1 before the first
    "wss_sum": FLOAT,  # over all aggregations
    "aggregations": INT,
    "checks": INT,  # of regions, over all ticks
    "ticks": INT,
}


class World(NamedTuple):
    """All that moves while time passes, the kdamond aside.

    Attributes:
        memory: The workload's memory.
        player: The workload.
        clock: `_CLOCK`, one record.
        samples: `_SAMPLE` records on a fixed grid of time, with room for a run that times out.
        recording: `_RECORDING`, one record.
        rng: What the workload draws from.
    """

    memory: Memory
    player: Player
    clock: Records
    samples: Records
    recording: Records
    rng: np.random.Generator


def start(
    memory: Memory,
    player: Player,
    machine: Machine,
    *,
    timeout_us: float,
    period_us: float,
    rng: np.random.Generator,
) -> World:
    """A world whose clock stands at 0."""
    clock = make_records(_CLOCK, 1)
    clock[0].page_us, clock[0].check_us = machine.pageout_us, machine.check_us
    clock[0].tick_us, clock[0].disturbance_us = machine.tick_us, machine.disturbance_us
    clock[0].jiffy_us, clock[0].missed_chance = machine.jiffy_us, machine.missed_access_chance
    clock[0].shared, clock[0].memory_pages = machine.cpus == 1, machine.memory_bytes // PAGE
    recording = make_records(_RECORDING, 1)
    recording[0].period_us, recording[0].wss = period_us, -1
    samples = make_records(_SAMPLE, int(timeout_us / period_us) + 2)
    return World(memory, player, clock, samples, recording, rng)


@compiled
def record(world: World) -> None:
    """Take the samples that are due."""
    recording, counters = world.recording[0], world.memory.counters[0]
    while recording.samples * recording.period_us <= world.clock[
        0
    ].now_us and recording.samples < len(world.samples):
        sample = world.samples[recording.samples]
        sample.rss = counters.resident * PAGE
        sample.swap = counters.swapped * PAGE
        sample.pool = pool_bytes(world.memory)
        sample.wss = recording.wss
        recording.samples += 1


@compiled
def pass_time(world: World, time_us: float) -> None:
    """Let the workload run for *time_us*, or to its end, taking samples on the way."""
    clock, recording = world.clock[0], world.recording[0]
    while time_us > 0.0 and not ended(world.player):
        step_us = time_us
        if recording.samples < len(world.samples):
            due_us = recording.samples * recording.period_us - clock.now_us
            step_us = min(time_us, max(due_us, 1.0))
        unused_us = play(world.player, world.memory, clock.now_us, step_us, world.rng)
        clock.now_us += step_us - unused_us
        time_us -= step_us
        record(world)


@compiled
def work_at_once(world: World, work_us: float) -> None:
    """Let the kdamond work: on a CPU of its own, or while the workload waits.

    What it does after the workload's end is no part of the run: nothing passes then, and on a CPU of
    its own only the time up to the end counts.
    """
    clock = world.clock[0]
    if ended(world.player):
        return
    if clock.shared == 1:
        clock.now_us += work_us
        clock.busy_us += work_us
        record(world)
    else:
        began_us = clock.now_us
        pass_time(world, work_us)
        clock.busy_us += clock.now_us - began_us


@compiled
def work_in_turns(world: World, work_us: float) -> None:
    """Let the kdamond work for long: the workload runs beside, or gets every other turn."""
    work_at_once(world, work_us)
    if world.clock[0].shared == 1:
        pass_time(world, work_us)
