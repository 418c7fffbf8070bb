from __future__ import annotations

from pathlib import Path

import pytest

from autotune.runner.coverage import Coverage
from autotune.runner.procfs import PAGE_BYTES, Procfs


def process(folder: Path, pid: int, name: str, pages: int) -> None:
    (folder / str(pid)).mkdir(exist_ok=True)
    (folder / f"{pid}/statm").write_text(f"{2 * pages} {pages} 0 0 0 0 0\n" if pages else "")
    (folder / f"{pid}/comm").write_text(f"{name}\n")


def test_the_share_is_memory_times_time(tmp_path: Path) -> None:
    process(tmp_path, 2, "cc1", 30)
    coverage = Coverage(Procfs(tmp_path))

    coverage.sample((1, 2), (1,), 100 * PAGE_BYTES, 5.0)
    coverage.sample((1,), (1,), 70 * PAGE_BYTES, 6.0)
    coverage.end(8.0)
    coverage.end(8.0)

    assert coverage.unwatched_share == pytest.approx(30 / (100 + 2 * 70))
    assert coverage.unwatched_names == ("cc1",)


def test_the_programs_with_most_are_named_and_processes_counted(tmp_path: Path) -> None:
    coverage = Coverage(Procfs(tmp_path))
    for time_s, (name, pages) in enumerate(
        [("as", 3), ("cc1", 9), ("ld", 5), ("as", 4), ("sh", 1), ("gone", 0)]
    ):
        process(tmp_path, 10 + time_s, name, pages)
        coverage.sample((1, 10 + time_s), (1,), 50 * PAGE_BYTES, float(time_s))
    coverage.end(6.0)

    assert coverage.unwatched_names == ("cc1", "as", "ld")
    assert coverage.unwatched_processes({1, 10}) == 4


def test_what_is_watched_and_what_is_nothing_has_no_share(tmp_path: Path) -> None:
    coverage = Coverage(Procfs(tmp_path))
    assert coverage.unwatched_share == 0.0

    coverage.sample((1, 2), (1, 2), 7 * PAGE_BYTES, 0.0)
    coverage.end(1.0)

    assert (coverage.unwatched_share, coverage.unwatched_names) == (0.0, ())


def test_it_is_at_most_all(tmp_path: Path) -> None:
    """The process has grown since the sum was read."""
    process(tmp_path, 1, "grows", 20)
    coverage = Coverage(Procfs(tmp_path))

    coverage.sample((1,), (), 10 * PAGE_BYTES, 0.0)
    coverage.end(1.0)

    assert coverage.unwatched_share == 1.0


def test_lives_are_told_by_what_was_not_watched(tmp_path: Path) -> None:
    """Process 2 lives from 1.0 to 1.4 s, process 3 from 1.2 to 2.2 s; process 3 is watched at last."""
    coverage = Coverage(Procfs(tmp_path))
    process(tmp_path, 2, "cc1", 30)
    process(tmp_path, 3, "as", 10)

    for pids, targets, time_s in [
        ((1,), (1,), 0.0),
        ((1, 2), (1,), 1.0),
        ((1, 2, 3), (1,), 1.2),
        ((1, 3), (1,), 1.4),
        ((1, 3), (1, 3), 1.8),
        ((1,), (1,), 2.2),
    ]:
        coverage.sample(pids, targets, 100 * PAGE_BYTES, time_s)
    coverage.end(3.0)

    first, second = 30 * 0.4, 10 * 0.6
    assert coverage.unwatched_life_s == pytest.approx(
        (first * 0.4 + second * 1.0) / (first + second)
    )
    assert coverage.unwatched_processes({1, 3}) == 1


def test_nobody_knows_how_long_a_process_lives_that_is_still_there(tmp_path: Path) -> None:
    process(tmp_path, 2, "worker", 30)
    coverage = Coverage(Procfs(tmp_path))

    coverage.sample((1, 2), (1,), 100 * PAGE_BYTES, 0.0)
    coverage.sample((1, 2), (1, 2), 100 * PAGE_BYTES, 1.0)
    coverage.end(9.0)

    assert coverage.unwatched_share > 0.0
    assert coverage.unwatched_life_s is None


def test_where_all_is_watched_there_is_no_life(tmp_path: Path) -> None:
    assert Coverage(Procfs(tmp_path)).unwatched_life_s is None
