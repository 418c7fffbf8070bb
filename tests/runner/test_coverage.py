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
