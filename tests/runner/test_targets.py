from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.monitoring import Intervals, Monitoring, Target
from autotune.runner.procfs import Procfs
from autotune.runner.targets import Targets
from tests.driver.fake_kernel import make_procfs

KDAMOND = 4711
EMPTY = ((4096, 8192),)
UPDATE_S = 1.0
MONITORING = Monitoring(intervals=Intervals(update_us=1_000_000))
AREAS = ((0x10000, 0x14000), (0x80000, 0x84000), (0x7F0000, 0x7F4000))


def mapped(folder: Path, *pids: int) -> Procfs:
    """Processes with three areas of four pages each, and two gaps."""
    folder = make_procfs(folder, processes=pids)
    lines = (f"{start:x}-{end:x} rw-p 00000000 00:00 0\n" for start, end in AREAS)
    text = "".join(lines)
    for pid in pids:
        (folder / f"{pid}/maps").write_text(text)
    return Procfs(folder)


def watching(procfs: Procfs, *pids: int, monitoring: Monitoring = MONITORING) -> Targets:
    """Targets of processes that were there when DAMON was turned on, at 0 s."""
    targets = Targets(procfs, monitoring)
    targets.see(pids, 0.0)
    targets.first(pids)
    targets.took(0.0, 0.0)
    return targets


def committed(targets: Targets, pids: tuple[int, ...], now_s: float) -> tuple[Target, ...] | None:
    """Commit if it is due; *pids* are those that the workload has at that time."""
    targets.see(pids, now_s)
    if not targets.is_due(now_s):
        return None
    following = targets.following(pids, now_s, KDAMOND)
    if following is not None:
        targets.took(now_s, now_s)
    return following


def test_a_process_that_comes_later_is_taken_in_behind_the_others(tmp_path: Path) -> None:
    targets = watching(mapped(tmp_path, 1, 2), 1)
    targets.see((1, 2), 0.5)

    following = committed(targets, (1, 2), 2.0)

    assert following is not None
    assert [target.pid for target in following] == [1, 2]
    assert following[0].regions == ()
    assert following[1].regions[0] == (0x10000, 0x11000)
    assert following[1].regions[-1] == (0x7F2000, 0x7F4000)
    assert len(following[1].regions) == 9
    assert targets.pids == (1, 2)


@pytest.mark.parametrize(
    ("seen_s", "now_s", "is_taken"),
    [(0.5, 1.9, False), (0.5, 2.0, True), (1.5, 2.4, False), (1.5, 2.5, True)],
)
def test_it_must_have_lived_and_commits_be_two_updates_apart(
    tmp_path: Path, seen_s: float, now_s: float, is_taken: bool
) -> None:
    targets = watching(mapped(tmp_path, 1, 2), 1)
    targets.see((1, 2), seen_s)

    assert (committed(targets, (1, 2), now_s) is not None) is is_taken


def test_one_that_was_away_has_to_live_for_as_long_again(tmp_path: Path) -> None:
    targets = watching(mapped(tmp_path, 1, 2), 1)
    targets.see((1, 2), 0.0)
    targets.see((1,), 1.0)

    assert committed(targets, (1, 2), 2.0) is None


def test_one_that_ended_just_now_is_not_taken_in(tmp_path: Path) -> None:
    targets = watching(mapped(tmp_path, 1, 2), 1)
    targets.see((1, 2), 0.0)

    assert targets.is_due(3.0)
    assert targets.following((1,), 3.0, KDAMOND) is None


def test_a_place_is_empty_for_a_commit_before_another_process_has_it(tmp_path: Path) -> None:
    targets = watching(mapped(tmp_path, *range(1, 9)), 1, 2, 3)
    targets.see((1, 3, 4), 1.0)
    first = committed(targets, (1, 3, 4), 2.0)
    targets.see((1, 3, 4, 5), 3.0)
    second = committed(targets, (1, 3, 4, 5), 4.0)

    assert first is not None
    assert [(target.pid, target.regions == EMPTY) for target in first] == [
        *((1, False), (KDAMOND, True), (3, False), (4, False))
    ]
    assert second is not None
    assert [target.pid for target in second] == [1, 5, 3, 4]
    assert second[1].regions == first[3].regions


def test_ended_processes_at_the_end_leave_no_place(tmp_path: Path) -> None:
    targets = watching(mapped(tmp_path, *range(1, 9)), 1, 2, 3)
    targets.see((1, 4), 1.0)

    following = committed(targets, (1, 4), 2.0)
    assert following is not None
    targets.see((1, 5), 3.0)
    last = committed(targets, (1, 5), 4.0)

    assert [target.pid for target in following] == [1, KDAMOND, KDAMOND, 4]
    assert last is not None
    assert [target.pid for target in last] == [1, 5]


def test_who_was_watched_where_and_when_is_kept(tmp_path: Path) -> None:
    targets = watching(mapped(tmp_path, *range(1, 9)), 1, 2)
    targets.see((1, 3), 1.0)
    committed(targets, (1, 3), 2.0)
    targets.see((1, 4), 3.0)
    committed(targets, (1, 4), 4.0)

    assert [(stay.place, stay.pid, stay.from_s, stay.until_s) for stay in targets.stays] == [
        (1, 2, 0.0, 2.0),
        (2, 3, 2.0, 4.0),
        (0, 1, 0.0, None),
        (1, 4, 4.0, None),
    ]


@pytest.mark.parametrize(
    ("processes", "asked", "given"), [(1, 20, 20), (2, 20, 80), (25, 1000, 1000), (26, 1000, 1040)]
)
def test_there_is_room_for_the_regions_of_all_targets(
    tmp_path: Path, processes: int, asked: int, given: int
) -> None:
    monitoring = Monitoring(max_regions=asked)
    pids = tuple(range(1, processes + 1))

    assert watching(
        mapped(tmp_path, *pids), *pids, monitoring=monitoring
    ).monitoring == Monitoring(max_regions=given)


@given(st.lists(st.sets(st.integers(1, 6), max_size=6), min_size=1, max_size=12))
def test_a_process_keeps_its_place_as_long_as_it_lives(
    tmp_path_factory: pytest.TempPathFactory, lives: list[set[int]]
) -> None:
    """Whoever comes and goes: no process inherits the regions of another, and none is twice a target."""
    procfs = mapped(tmp_path_factory.mktemp("proc"), *range(10))
    targets = watching(procfs, 0)
    owner: dict[int, int] = {0: 0}
    for step, others in enumerate(lives):
        pids = (0, *sorted(others))
        following = committed(targets, pids, 2.0 * (step + 1))
        if following is None:
            continue
        watched = [target.pid for target in following if target.pid != KDAMOND]
        assert len(set(watched)) == len(watched)
        assert set(watched) <= set(pids)
        for place, target in enumerate(following):
            if target.regions == EMPTY:
                owner.pop(place, None)
            elif target.regions:
                assert place not in owner
                owner[place] = target.pid or 0
            else:
                assert owner[place] == target.pid
        for place in range(len(following), 10):
            owner.pop(place, None)
