from __future__ import annotations

from pathlib import Path

import pytest

from autotune import catalog
from autotune.run_folder.copies import Copies, copies
from autotune.workload_file.workload_file import load_workload_file
from tests.run_folder.workloads import PATTERN, make_home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def keep(folder: Path, text: str) -> Copies:
    path = folder / "my.yaml"
    path.write_text(text)
    return copies(load_workload_file(path).sources)


def test_the_workload_file_is_kept_to_the_letter_with_all_that_it_names(folder: Path) -> None:
    text = "# mine\nworkload: {pattern: 'tiny.cfg'}   # small\nseed: 0x10\nbudget: {time: 1h}\n"

    kept = keep(folder, text)

    assert kept.contents == {
        "workload.yaml": text,
        "tiny.cfg": PATTERN,
        "prcl.yaml": (catalog.shipped("search_spaces") / "prcl.yaml").read_text(),
        "memory.yaml": (catalog.shipped("objectives") / "memory.yaml").read_text(),
        "server.yaml": (catalog.shipped("machines") / "server.yaml").read_text(),
    }


def test_shipped_files_keep_their_names(folder: Path) -> None:
    kept = keep(folder, "workload: {pattern: tiny.cfg}\nmachine: micro-vm\n")

    assert kept.references == {
        "search space": "prcl",
        "objectives": "memory",
        "pattern": "tiny.cfg",
        "machine": "micro-vm",
    }


@pytest.mark.parametrize("pattern", ["patterns/deep.cfg", "../outside.cfg", "./tiny.cfg"])
def test_files_elsewhere_are_named_by_their_names(folder: Path, pattern: str) -> None:
    kept = keep(folder, f"workload: {{pattern: {pattern}}}\n")

    name = Path(pattern).name
    assert kept.contents[name] == PATTERN
    assert kept.references["pattern"] == name


def test_a_file_with_a_name_of_the_run_folder_gets_another(folder: Path) -> None:
    kept = keep(folder, "workload: {pattern: trials.csv}\n")

    assert kept.references["pattern"] == "pattern-trials.csv"
    assert kept.contents["pattern-trials.csv"] == PATTERN


def test_two_files_of_one_name_are_kept_apart(folder: Path) -> None:
    text = "workload: {pattern: tiny.cfg}\nsearch_space: mine.yaml\nobjectives: deep/mine.yaml\n"

    kept = keep(folder, text)

    assert kept.references["search space"] == "mine.yaml"
    assert kept.references["objectives"] == "objectives-mine.yaml"
    assert kept.contents["mine.yaml"] != kept.contents["objectives-mine.yaml"]


def test_a_file_that_is_called_like_a_shipped_one_is_still_a_file(folder: Path) -> None:
    text = "workload: {pattern: tiny.cfg}\nsearch_space: ./prcl\n"

    kept = keep(folder, text)

    assert kept.references["search space"] == "./prcl"
