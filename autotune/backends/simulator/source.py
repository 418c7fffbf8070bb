"""What accesses memory: a pattern that is played, or a recording that is replayed.

A player and a replay have a progress struct each. Where player and replay differ, the type of the source
chooses a function while the calling code is compiled. The kdamond is compiled once for patterns and once
for recordings: the code for patterns carries nothing for recordings, and the code for recordings carries
nothing for patterns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from autotune.backends.simulator.compiled.compiled import chosen_by_type, inlined
from autotune.backends.simulator.compiled.draws import Draws
from autotune.backends.simulator.damon import counting
from autotune.backends.simulator.damon.regions import Regions
from autotune.backends.simulator.memory import touches
from autotune.backends.simulator.memory.pages import Memory
from autotune.backends.simulator.workload import player, replay
from autotune.backends.simulator.workload.player import Player
from autotune.backends.simulator.workload.replay import Replay

Source: TypeAlias = Player | Replay


@inlined
def _play_recording(source: Replay, memory: Memory, _now_us: float, time_us: float) -> float:
    return replay.play_recording(source, memory, time_us)


@inlined
def _begin_tick_of_pattern(source: Player) -> None:
    touches.begin_tick(source.touches)


@inlined
def _begin_tick_of_recording(_source: Replay) -> None:
    """Do nothing: the recording itself says what each slice accesses."""


@inlined
def _end_tick_of_pattern(source: Player, memory: Memory) -> None:
    touches.end_tick(source.touches, memory)
    source.progress[0].full = 1 if touches.is_full(source.touches) else 0


@inlined
def _end_tick_of_recording(source: Replay, _memory: Memory) -> None:
    replay.note_tick(source)


@inlined
def _forget_pattern(source: Player) -> None:
    touches.forget(source.touches)
    source.progress[0].full = 0


@inlined
def _count_pattern(
    source: Player,
    memory: Memory,
    regions: Regions,
    samples: int,
    missed_chance: float,
    draws: Draws,
) -> int:
    return counting.count_hits(regions, source.touches, memory, samples, missed_chance, draws)


@inlined
def _count_recording(
    source: Replay,
    _memory: Memory,
    regions: Regions,
    samples: int,
    missed_chance: float,
    draws: Draws,
) -> int:
    return counting.count_replayed_hits(regions, source, samples, missed_chance, draws)


@inlined
def _accesses_of_pattern(source: Player) -> float:
    return source.state[0].accesses


@inlined
def _accesses_of_recording(_source: Replay) -> float:
    return 0.0


@inlined
def _unknown_beyond_sleep_us(_source: Player) -> float:
    return -1.0


@inlined
def _recorded_beyond_sleep_us(source: Replay) -> float:
    return source.slices[source.state[0].slice].beyond_us


@inlined
def _never_idle(_source: Player, _memory: Memory, _time_us: float) -> None:
    """Do nothing: a pattern always wants a CPU."""


@inlined
def _let_recording_idle(source: Replay, memory: Memory, time_us: float) -> None:
    replay.let_idle(source, memory, time_us)


def busy_share(source: Source) -> float:
    """Give the share of the time in which the workload waits if it has no CPU, from 0 to 1."""
    return float(source.state[0].busy) if isinstance(source, Replay) else 1.0


def cpu_share(source: Source) -> float:
    """Give the share of the time in which the workload runs, from 0 to 1."""
    return float(source.state[0].cpu_share) if isinstance(source, Replay) else 1.0


beyond_sleep_us: Callable[..., float] = chosen_by_type(
    {Player: _unknown_beyond_sleep_us, Replay: _recorded_beyond_sleep_us}
)
"""``beyond_sleep_us(source)``: what a tick of DAMON took beyond its sleep when this was recorded.

-1 of a pattern, which nobody recorded.
"""

play: Callable[..., float] = chosen_by_type({Player: player.play, Replay: _play_recording})
"""``play(source, memory, now_us, time_us)``: let the workload run for *time_us*, or to its end.

Returns the time not used, in microseconds: above 0 only at the workload's end.
"""

accesses: Callable[..., float] = chosen_by_type(
    {Player: _accesses_of_pattern, Replay: _accesses_of_recording}
)
"""``accesses(source)``: the accesses that a pattern has made; 0 of a recording, which counts none."""

let_idle: Callable[..., None] = chosen_by_type({Player: _never_idle, Replay: _let_recording_idle})
"""``let_idle(source, memory, time_us)``: the workload has no CPU for *time_us*.

What it would have waited for passes all the same.
"""

begin_tick: Callable[..., None] = chosen_by_type(
    {Player: _begin_tick_of_pattern, Replay: _begin_tick_of_recording}
)
"""``begin_tick(source)``: from now on, keep what the workload accesses."""

end_tick: Callable[..., None] = chosen_by_type(
    {Player: _end_tick_of_pattern, Replay: _end_tick_of_recording}
)
"""``end_tick(source, memory)``: end the tick, and count it to the window."""

count_hits: Callable[..., int] = chosen_by_type({Player: _count_pattern, Replay: _count_recording})
"""``count_hits(source, memory, regions, samples, missed_chance, draws)``: count the window's hits.

Returns the number of hits of the region that now has the most.
"""

forget_ticks: Callable[..., None] = chosen_by_type(
    {Player: _forget_pattern, Replay: replay.forget_ticks}
)
"""``forget_ticks(source)``: begin a new window."""
