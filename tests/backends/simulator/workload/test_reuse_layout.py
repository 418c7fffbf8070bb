from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from autotune.backends.simulator.damon.actions import page_out
from autotune.backends.simulator.damon.schemes import TAKES_OLD
from autotune.backends.simulator.memory.pages import Memory
from autotune.backends.simulator.workload.replay import Replay, play_recording
from autotune.backends.simulator.workload.replay_layout import begin_recording, lay_out_recording
from autotune.damon.recording import Recording
from autotune.damon.references import ReferencedArea, ReferencedWindow
from tests.backends.simulator.scene import MACHINE, draws_of
from tests.recordings import PAGE, area, recording, snapshot

PAGES, LENGTH_US = 4000, 20_000_000
WINDOWS_US = (200_000, 800_000, 1_600_000, 3_200_000, 6_400_000)


def windows(
    share: Callable[[float], float], resident: Callable[[float], int] = lambda _: PAGES
) -> tuple[ReferencedWindow, ...]:
    """Windows of two rounds; share and resident pages are functions of seconds."""
    found = []
    for begin_us in (0, 8_000_000):
        for length_us in WINDOWS_US:
            pages = resident((begin_us + length_us) / 1e6)
            touched = min(pages, round(PAGES * share(length_us / 1e6)))
            found.append(
                ReferencedWindow(
                    begin_us=begin_us,
                    end_us=begin_us + length_us,
                    areas=(ReferencedArea(0, PAGES * PAGE, pages * PAGE, touched * PAGE),),
                )
            )
    return tuple(found)


def cold(references: tuple[ReferencedWindow, ...]) -> Recording:
    """20 s in which DAMON saw no access."""
    return recording(
        duration_us=LENGTH_US,
        snapshots=tuple(
            snapshot(end_us, (0, PAGES, 0)) for end_us in range(100_000, LENGTH_US + 1, 100_000)
        ),
        areas=(area(0, PAGES, 0, LENGTH_US),),
        references=references,
    )


def begun(played: Recording, seed: int = 0) -> tuple[Memory, Replay]:
    return begin_recording(lay_out_recording(played, MACHINE), draws_of(seed))


def back_after(played: Recording, time_us: float, seed: int = 0) -> float:
    """The share of the pages that is fetched back within a time after all were paged out."""
    memory, replay = begun(played, seed)
    play_recording(replay, memory, 1_000_000.0)
    page_out(memory, 0, PAGES * PAGE, 1 << 40, False, TAKES_OLD)
    assert memory.counters[0].swapped == PAGES
    # Paying for faults is no time in which the program goes on.
    end_us = replay.state[0].position_us + time_us
    while replay.state[0].position_us < end_us:
        replay.progress[0].owed_us = 0.0
        play_recording(replay, memory, 1000.0)
    return 1.0 - float(memory.counters[0].swapped) / PAGES


def test_without_windows_what_damon_did_not_see_stays_out() -> None:
    assert back_after(cold(()), 5e6) == 0.0


@pytest.mark.parametrize("time_us", [1e6, 4e6])
@pytest.mark.parametrize(
    "share",
    [
        lambda _: 0.25,
        lambda time_s: min(1.0, time_s / 6.4),
        lambda time_s: 0.1 + 0.3 * (1 - 2.718281828 ** (-time_s)),
    ],
)
def test_as_much_comes_back_as_windows_of_that_length_found(
    share: Callable[[float], float], time_us: float
) -> None:
    back = back_after(cold(windows(share)), time_us)

    assert back == pytest.approx(share(time_us / 1e6), abs=0.03)


def test_where_damon_claims_more_than_was_referenced_the_windows_win() -> None:
    """In one aggregation of four, DAMON met something in all of the memory by chance."""
    claimed = tuple(
        snapshot(one.end_us, (0, PAGES, 6 if number % 4 else 0))
        for number, one in enumerate(cold(()).snapshots)
    )
    played = replace(cold(windows(lambda _: 0.02)), snapshots=claimed)

    assert back_after(played, 4e6) == pytest.approx(0.02, abs=0.01)
    assert back_after(replace(played, references=()), 4e6) == pytest.approx(0.3, abs=0.02)


def test_pages_that_are_used_half_of_the_time_are_all_used() -> None:
    """Each page is used every 10 ms: a sample of 5 ms finds half of them, a window all."""
    half = tuple(
        snapshot(one.end_us, (0, 1000, 10), (1000, PAGES, 0)) for one in cold(()).snapshots
    )
    played = replace(cold(windows(lambda _: 0.25)), snapshots=half)

    memory, replay = begun(played)
    page_out(memory, 0, PAGES * PAGE, 1 << 40, False, TAKES_OLD)
    play_recording(replay, memory, 1.0)

    assert (memory.state[memory.areas[0].first :][:1000] == 1).mean() > 0.95
    assert memory.counters[0].resident == pytest.approx(1000, abs=60)


def test_seeds_draw_other_touches_of_equally_many_pages() -> None:
    played = cold(windows(lambda time_s: 0.5 * (1 - 2.718281828 ** (-time_s))))

    one, other = (back_after(played, 2e6, seed) for seed in (1, 2))

    assert back_after(played, 2e6, 1) == one != other
    assert one == pytest.approx(other, abs=0.05)


def test_memory_grows_as_it_did() -> None:
    grown = windows(lambda _: 0.1, lambda time_s: 1000 if time_s < 3 else 3000)
    small = replace(area(0, PAGES, 0, LENGTH_US), resident=((0, 1000 * PAGE),))
    memory, replay = begun(replace(cold(grown), areas=(small,)))

    sizes = []
    for _ in range(3):
        play_recording(replay, memory, 1_599_000.0)
        sizes.append(int(memory.counters[0].resident))

    assert sizes == [1000, 1000, 3000]


def test_what_a_program_passes_over_as_it_ends_is_fetched_back() -> None:
    """No window sees the end, but DAMON finds far more memory used than ever before."""
    last = snapshot(LENGTH_US, (0, PAGES, 10))
    calm = cold(windows(lambda _: 0.01))
    ending = replace(calm, snapshots=(*calm.snapshots[:-1], last))

    assert back_after(ending, 19e6) == pytest.approx(1.0, abs=0.02)
    assert back_after(calm, 19e6) < 0.1
