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
        "workload.yaml": text.encode(),
        "tiny.cfg": PATTERN.encode(),
        "prcl.yaml": (catalog.shipped("search_spaces") / "prcl.yaml").read_bytes(),
        "memory.yaml": (catalog.shipped("objectives") / "memory.yaml").read_bytes(),
        "server.yaml": (catalog.shipped("machines") / "server.yaml").read_bytes(),
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
    assert kept.contents[name] == PATTERN.encode()
    assert kept.references["pattern"] == name


def test_a_file_with_a_name_of_the_run_folder_lies_in_a_folder_of_its_own(home: Path) -> None:
    kept = keep(home, "workload: {pattern: trials.csv}\n")

    assert kept.references["pattern"] == "copies/pattern/trials.csv"
    assert kept.contents["copies/pattern/trials.csv"] == PATTERN.encode()


def test_two_files_of_one_name_are_kept_apart(home: Path) -> None:
    text = "workload: {pattern: tiny.cfg}\nsearch_space: mine.yaml\nobjectives: deep/mine.yaml\n"

    kept = keep(home, text)

    assert kept.references["search space"] == "mine.yaml"
    assert kept.references["objectives"] == "copies/objectives/mine.yaml"
    assert kept.contents["mine.yaml"] != kept.contents["copies/objectives/mine.yaml"]


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

    found = load(run)
    assert differences(file, found) <= {"path", "sources", "backend"}
    assert found.backend.machine.name == file.backend.machine.name


def test_what_the_command_line_said_counts_again(home: Path) -> None:
    given: dict[str, Any] = {"backend": "simulator", "trials": 9, "seed": 7, "sampler": "qmc"}
    text = "workload: {pattern: tiny.cfg}\nbackend: [simulator, vm]\nseed: 3\n"

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


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"[]"])
def test_a_damaged_run_json_is_not_passed_over(home: Path, content: bytes) -> None:
    _, run = start(home, "workload: {pattern: tiny.cfg}\n", seed=7)
    (run / "run.json").write_bytes(content)

    for path in (run, run / "workload.yaml"):
        if path == run or content != b"[]":
            with pytest.raises(InputError, match=r"run\.json: (is damaged|can't be read)"):
                load(path)


def test_a_copy_that_was_changed_is_refused(home: Path) -> None:
    _, run = start(home, "workload: {pattern: tiny.cfg}\n")
    (run / "workload.yaml").write_text("workload: {pattern: tiny.cfg}\nseed: 3\n")

    with pytest.raises(
        InputError, match=r"workload\.yaml: was changed since the run: restore it, "
    ):
        load(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {"pattern": 3}}, "files: pattern: '3' is no file of this folder"),
        ({"files": ["tiny.cfg"]}, "files is no mapping"),
        ({"files": {"pattern": "../tiny.cfg"}}, "'../tiny.cfg' is no file of this folder"),
        ({"files": {"pattern": "/tiny.cfg"}}, "'/tiny.cfg' is no file of this folder"),
        ({"overrides": {"sampler": 5}}, "override sampler: 5 is not possible"),
        ({"overrides": {"trials": 2.5}}, "override trials: 2.5 is not possible"),
        ({"overrides": {"trials": True}}, "override trials: True is not possible"),
        ({"overrides": {"trials": 0}}, "0 trials are too few"),
        ({"overrides": {"speed": 1}}, "override speed: 1 is not possible"),
        ({"overrides": 7}, "overrides is no mapping"),
        ({"name": "../../x"}, "'../../x' can't name a run"),
    ],
)
def test_a_run_json_that_was_edited_is_refused_in_one_line(
    home: Path, change: dict[str, Any], message: str
) -> None:
    _, run = start(home, "workload: {pattern: tiny.cfg}\n")
    values = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**values, **change}))

    with pytest.raises(InputError) as error:
        load(run)

    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_copy_is_the_users_file_to_the_byte(home: Path) -> None:
    (home / "my.yaml").write_bytes(b"\xef\xbb\xbfworkload: {pattern: tiny.cfg}\r\n")
    before = (home / "my.yaml").read_bytes()

    kept = copies(load_workload_file(home / "my.yaml").sources)

    assert kept.contents["workload.yaml"] == before


def test_files_with_names_that_sqlite_uses_are_kept_apart(home: Path) -> None:
    (home / "study.db-journal").write_text(PATTERN)

    kept = keep(home, "workload: {pattern: study.db-journal}\n")

    assert kept.references["pattern"] == "copies/pattern/study.db-journal"


def test_a_copy_of_a_copy_is_the_same(home: Path) -> None:
    _, run = start(home, "workload: {pattern: trials.csv}\nobjectives: deep/mine.yaml\n")

    again = copies(load(run).sources)

    assert again.references["pattern"] == "copies/pattern/trials.csv"
    assert again.references["objectives"] == "mine.yaml"


def test_the_copies_in_a_run_folder_repeat_the_run(noisy: Tuned, tmp_path: Path) -> None:
    workload = load_any(noisy.out / "workload.yaml", Overrides(), warn=print)
    second = tune_file(workload, tmp_path / "again", backend=ClosedForm(amplitude=0.02))

    assert (noisy.out / "trials.csv").read_bytes() == (second.out / "trials.csv").read_bytes()
    assert (noisy.out / "front.csv").read_bytes() == (second.out / "front.csv").read_bytes()
