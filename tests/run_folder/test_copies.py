from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from autotune import catalog
from autotune.errors import InputError
from autotune.run_folder.copies import Copies, copies, load_any
from autotune.run_folder.folder import RunFolder
from autotune.run_folder.writer import RunWriter
from autotune.study.events import (
    Started,
)
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file
from tests.closed_form import (
    ClosedForm,
    Tuned,
    tune_file,
)
from tests.run_folder.workloads import PATTERN, make_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def keep(home: Path, text: str) -> Copies:
    path = home / "my.yaml"
    path.write_text(text)
    return copies(load_workload_file(path).sources)


def test_the_workload_file_is_kept_to_the_letter_with_all_that_it_names(home: Path) -> None:
    text = "# mine\nworkload: {pattern: 'tiny.cfg'}   # small\nseed: 0x10\nbudget: {time: 1h}\n"

    kept = keep(home, text)

    assert kept.contents == {
        "workload.yaml": text,
        "tiny.cfg": PATTERN,
        "prcl.yaml": (catalog.shipped("search_spaces") / "prcl.yaml").read_text(),
        "memory.yaml": (catalog.shipped("objectives") / "memory.yaml").read_text(),
        "server.yaml": (catalog.shipped("machines") / "server.yaml").read_text(),
    }


def test_shipped_files_keep_their_names(home: Path) -> None:
    kept = keep(home, "workload: {pattern: tiny.cfg}\nmachine: micro-vm\n")

    assert kept.references == {
        "search space": "prcl",
        "objectives": "memory",
        "pattern": "tiny.cfg",
        "machine": "micro-vm",
    }


@pytest.mark.parametrize("pattern", ["patterns/deep.cfg", "../outside.cfg", "./tiny.cfg"])
def test_files_elsewhere_are_named_by_their_names(home: Path, pattern: str) -> None:
    kept = keep(home, f"workload: {{pattern: {pattern}}}\n")

    name = Path(pattern).name
    assert kept.contents[name] == PATTERN
    assert kept.references["pattern"] == name


def test_a_file_with_a_name_of_the_run_folder_gets_another(home: Path) -> None:
    kept = keep(home, "workload: {pattern: trials.csv}\n")

    assert kept.references["pattern"] == "pattern-trials.csv"
    assert kept.contents["pattern-trials.csv"] == PATTERN


def test_two_files_of_one_name_are_kept_apart(home: Path) -> None:
    text = "workload: {pattern: tiny.cfg}\nsearch_space: mine.yaml\nobjectives: deep/mine.yaml\n"

    kept = keep(home, text)

    assert kept.references["search space"] == "mine.yaml"
    assert kept.references["objectives"] == "objectives-mine.yaml"
    assert kept.contents["mine.yaml"] != kept.contents["objectives-mine.yaml"]


def test_a_file_that_is_called_like_a_shipped_one_is_still_a_file(home: Path) -> None:
    text = "workload: {pattern: tiny.cfg}\nsearch_space: ./prcl\n"

    kept = keep(home, text)

    assert kept.references["search space"] == "./prcl"


def load(path: Path, **overrides: Any) -> WorkloadFile:
    return load_any(path, Overrides(**overrides), warn=print)


def start(home: Path, text: str, **overrides: Any) -> tuple[WorkloadFile, Path]:
    """Begin a run, remove everything that it was made from, and give its folder."""
    (home / "my.yaml").write_text(text)
    file = load_workload_file(home / "my.yaml", Overrides(**overrides))
    folder = RunFolder.create(home.parent / "run")
    started = Started(file=file, backend="x", machine="y", confirmation_seeds=())
    RunWriter(folder)(started)
    shutil.rmtree(home)
    return file, folder.path


def differences(first: WorkloadFile, again: WorkloadFile) -> set[str]:
    """The fields that differ."""
    names = {field.name for field in fields(WorkloadFile)}
    return {name for name in names if getattr(first, name) != getattr(again, name)}


@pytest.mark.parametrize(
    "text",
    [
        "workload: {pattern: tiny.cfg}\n",
        "name: other\nworkload: {pattern: ../outside.cfg, timeout: 3s}\n",
        "workload: {pattern: trials.csv}\nmachine: micro-vm\n",
        "workload: {pattern: patterns/deep.cfg}\nsearch_space: mine.yaml\n"
        "objectives: deep/mine.yaml\nconstraints: [slowdown <= 1%]\n",
        "workload: {pattern: tiny.cfg}\n"
        "search_space: {base: ./mine.yaml, parameters: {pattern.min_size: 4K}}\n",
        "workload: {pattern: tiny.cfg}\nsearch_space: ./prcl\n",
    ],
)
def test_a_run_folder_repeats_what_was_run(home: Path, text: str) -> None:
    file, run = start(home, text)

    # The paths; and a file that had to be renamed gives another name to what is in it.
    known = {"path", "sources", "overrides"}
    found = load(run)
    assert differences(file, found) <= known | {"backend", "objectives"}
    assert found.backend.machine.name == file.backend.machine.name
    assert found.objectives.objectives == file.objectives.objectives
    assert found.objectives.constraints == file.objectives.constraints


def test_what_the_command_line_said_counts_again(home: Path) -> None:
    given: dict[str, Any] = {"backend": "simulator", "trials": 9, "seed": 7, "sampler": "qmc"}
    text = "workload: {pattern: tiny.cfg}\nbackend: [vm, simulator]\nseed: 3\n"

    file, run = start(home, text, **given)

    found = load(run)
    assert (run / "workload.yaml").read_text() == text
    assert (found.backend.name, found.seed, found.sampler) == ("simulator", 7, "qmc")
    assert found.budget == file.budget
    assert found.budget.trials == 9
    assert found.overrides == Overrides(**given)


def test_the_command_line_of_now_counts_before_that_of_then(home: Path) -> None:
    _, run = start(home, "workload: {pattern: tiny.cfg}\n", seed=7, trials=9)

    found = load(run, seed=8)

    assert (found.seed, found.budget.trials) == (8, 9)


@pytest.mark.parametrize("machine", ["micro-vm", "home/machine.yaml"])
def test_the_machine_of_the_command_line_is_kept_too(
    home: Path, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.parent)

    _, run = start(home, "workload: {pattern: tiny.cfg}\n", machine=machine)

    found = load(run).backend.machine
    assert found.stem == Path(machine).stem
    assert found.is_file()


def test_the_copy_in_a_run_folder_stands_for_the_folder(home: Path) -> None:
    _, run = start(home, "workload: {pattern: ../outside.cfg}\n", seed=7)

    assert load(run / "workload.yaml") == load(run)
    assert load(run).name == "my"


def test_another_workload_file_is_read_as_it_stands(home: Path) -> None:
    for name in ("my.yaml", "workload.yaml"):
        (home / name).write_text("workload: {pattern: tiny.cfg}\n")
        assert load(home / name, seed=2) == load_workload_file(home / name, Overrides(seed=2))


def test_a_run_json_of_another_program_is_none_of_a_run(home: Path) -> None:
    (home / "run.json").write_text(json.dumps({"speed": 1}))
    (home / "workload.yaml").write_text("workload: {pattern: tiny.cfg}\n")

    assert load(home / "workload.yaml").name == "workload"


def test_a_folder_that_is_no_run_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match=r"home: has no run\.json: name a folder that a run has"):
        load(home)


def test_a_copy_of_a_copy_is_the_same(home: Path) -> None:
    _, run = start(home, "workload: {pattern: trials.csv}\nobjectives: deep/mine.yaml\n")

    again = copies(load(run).sources)

    assert again.references["pattern"] == "pattern-trials.csv"
    assert again.references["objectives"] == "mine.yaml"


def test_the_copies_in_a_run_folder_repeat_the_run(noisy: Tuned, tmp_path: Path) -> None:
    workload = load_any(noisy.out / "workload.yaml", Overrides(), warn=print)
    second = tune_file(workload, tmp_path / "again", backend=ClosedForm(amplitude=0.02))

    assert (noisy.out / "trials.csv").read_bytes() == (second.out / "trials.csv").read_bytes()
    assert (noisy.out / "front.csv").read_bytes() == (second.out / "front.csv").read_bytes()
