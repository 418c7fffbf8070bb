from __future__ import annotations

import itertools
import os
import zlib
from pathlib import Path

import pytest

from autotune.calibration.experiments import DataFiles, make_plan, write_data_files
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.errors import InputError, RunError
from autotune.experiment.pattern import Pattern

GIB = 1 << 30
DATA = DataFiles(random=Path("random.bin"), scattered=Path("scattered.bin"))


@pytest.mark.parametrize("memory_bytes", [GIB // 2, 16 * GIB])
def test_the_runs_of_one_workload_follow_each_other(memory_bytes: int) -> None:
    workloads = [
        experiment.workload for experiment in make_plan(memory_bytes, DATA).experiments.values()
    ]

    changes = sum(first != second for first, second in itertools.pairwise(workloads))

    assert changes == len(set(workloads)) - 1


@pytest.mark.parametrize("memory_bytes", [GIB // 2, 16 * GIB])
def test_all_patterns_fit_several_times_into_the_machine(memory_bytes: int) -> None:
    for experiment in make_plan(memory_bytes, DATA).experiments.values():
        if isinstance(experiment.workload, Pattern):
            size = sum(region.size_bytes for region in experiment.workload.regions)

            assert 4 * size <= memory_bytes


def test_a_machine_that_is_too_small_is_refused() -> None:
    with pytest.raises(InputError) as error:
        make_plan(256 << 20, DATA)

    assert str(error.value) == (
        "calibration: the machine has 256M of memory: it takes 384M or more"
    )


def test_no_page_of_the_random_file_can_be_compressed_and_it_never_changes(tmp_path: Path) -> None:
    file = write_data_files(tmp_path / "new").random
    content = file.read_bytes()
    os.utime(file, (1, 1))

    again = write_data_files(tmp_path / "new").random

    assert again == file
    assert again.stat().st_mtime == 1
    assert file.stat().st_mode & 0o777 == 0o644
    assert len(content) % PAGE_BYTES == 0
    for at in range(0, len(content), PAGE_BYTES):
        assert len(zlib.compress(content[at : at + PAGE_BYTES])) > PAGE_BYTES


def lz4_bytes(page: bytes) -> int:
    """What a greedy lz4 makes of a page: token and distance, and bytes for what is long."""
    taken = at = literals_from = 0
    seen: dict[bytes, int] = {}
    while at + 12 < len(page):
        here, found = page[at : at + 4], seen.get(page[at : at + 4])
        seen[here] = at
        if found is None:
            at += 1
            continue
        length = 4
        while at + length + 5 < len(page) and page[found + length] == page[at + length]:
            length += 1
        literals = at - literals_from
        taken += 3 + literals + (literals + 240) // 255 + (length - 4 + 240) // 255
        at += length
        literals_from = at
    return taken + 1 + len(page) - literals_from


def test_a_page_of_scattered_bytes_is_compressed_to_a_quarter(tmp_path: Path) -> None:
    content = write_data_files(tmp_path).scattered.read_bytes()

    pages = [content[at : at + PAGE_BYTES] for at in range(0, len(content), PAGE_BYTES)]

    assert sum(map(lz4_bytes, pages)) / len(content) == pytest.approx(0.25, rel=0.1)


def test_a_damaged_random_file_is_written_anew(tmp_path: Path) -> None:
    content = write_data_files(tmp_path).random.read_bytes()
    write_data_files(tmp_path).random.write_bytes(bytes(100))

    assert write_data_files(tmp_path).random.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match=r"file/x/incompressible\.bin: can't be written: Not a dir"):
        write_data_files(tmp_path / "file" / "x")
