from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from autotune import catalog
from autotune.run_folder.copies import kept_files
from autotune.workload_file import defaults
from autotune.workload_file.workload_file import Workload, load_workload

PATTERN = "a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "patterns").mkdir(parents=True)
    (home / "tiny.cfg").write_text(PATTERN)
    (home / "patterns" / "deep.cfg").write_text(PATTERN)
    (tmp_path / "outside.cfg").write_text(PATTERN)
    shipped = catalog.shipped("search_spaces") / "prcl-quota.yaml"
    (home / "mine.yaml").write_text(shipped.read_text())
    (home / "prcl.yaml").write_text(shipped.read_text())
    (home / "trials.csv").write_text(PATTERN)
    return home


def keep(folder: Path, text: str, **overrides: object) -> dict[str, str]:
    path = folder / "my.yaml"
    path.write_text(text)
    files = kept_files(load_workload(path, **overrides))  # type: ignore[arg-type]
    return {name: str(content) for name, content in files.items()}


def repeated(folder: Path, files: dict[str, str]) -> Workload:
    target = folder.parent / "kept"
    target.mkdir()
    for name, text in files.items():
        (target / name).write_text(text)
    return load_workload(target / "workload.yaml")


def test_without_overrides_the_workload_file_is_kept_to_the_letter(folder: Path) -> None:
    text = "# mine\nworkload: {pattern: 'tiny.cfg'}   # small\nseed: 0x10\nbudget: {time: 1h}\n"

    files = keep(folder, text)

    assert files["workload.yaml"] == text
    assert set(files) == {"workload.yaml", "tiny.cfg", "prcl.yaml", "memory.yaml", "server.yaml"}


def test_a_file_that_leaves_everything_out_loads_equal_from_its_copy(folder: Path) -> None:
    files = keep(folder, "workload:\n  pattern: tiny.cfg\n")

    first, again = load_workload(folder / "my.yaml"), repeated(folder, files)

    assert (again.subject.pattern, again.subject.timeout_us) == (
        first.subject.pattern,
        first.subject.timeout_us,
    )
    for name in {field.name for field in fields(Workload)} - {
        "path",
        "name",
        "subject",
        "sources",
    }:
        assert getattr(again, name) == getattr(first, name), name


def test_what_is_left_out_means_the_defaults(folder: Path) -> None:
    keep(folder, "workload:\n  pattern: tiny.cfg\n")

    workload = load_workload(folder / "my.yaml")

    assert workload.backends == (defaults.BACKEND,)
    assert workload.machine.stem == defaults.MACHINE
    assert workload.search_space.name == defaults.SEARCH_SPACE
    assert workload.objectives.name == defaults.OBJECTIVES
    assert workload.sampler == defaults.SAMPLER
    assert workload.budget.trials == defaults.TRIALS
    assert (workload.parallel, workload.confirmations, workload.seed) == (
        defaults.PARALLEL,
        defaults.CONFIRMATIONS,
        defaults.SEED,
    )


def test_overrides_are_written_into_the_copy_and_comments_stay(folder: Path) -> None:
    text = "# mine\nworkload:\n  pattern: tiny.cfg   # small\n"

    files = keep(folder, text, seed=7, trials=9, sampler="qmc", machine="micro-vm")

    assert files["workload.yaml"] == (
        "# mine\nworkload:\n  pattern: tiny.cfg   # small\nmachine: micro-vm\nsampler: qmc\n"
        "seed: 7\nbudget:\n  trials: 9\n"
    )


def test_a_backend_override_is_written_too(folder: Path) -> None:
    files = keep(
        folder, "workload: {pattern: tiny.cfg}\nbackend: [vm, simulator]\n", backend="simulator"
    )

    assert repeated(folder, files).backends == ("simulator",)


@pytest.mark.parametrize("pattern", ["patterns/deep.cfg", "../outside.cfg", "./tiny.cfg"])
def test_files_elsewhere_are_named_by_their_names(folder: Path, pattern: str) -> None:
    files = keep(folder, f"workload: {{pattern: {pattern}}}\n")

    name = Path(pattern).name
    assert files[name] == PATTERN
    assert files["workload.yaml"] == f"workload: {{pattern: {name}}}\n"


def test_a_file_with_a_name_of_the_run_folder_gets_another(folder: Path) -> None:
    files = keep(folder, "workload: {pattern: trials.csv}\n")

    assert files["workload.yaml"] == "workload: {pattern: pattern-trials.csv}\n"
    assert files["pattern-trials.csv"] == PATTERN


def test_two_files_of_one_name_are_kept_apart(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.yaml").write_text(
        "objectives: [{metric: cpu_use, direction: minimize, reference: 1}]\n"
    )
    text = "workload: {pattern: tiny.cfg}\nsearch_space: mine.yaml\nobjectives: deep/mine.yaml\n"

    files = keep(folder, text)

    assert files["workload.yaml"] == text.replace("deep/mine.yaml", "objectives-mine.yaml")
    again = repeated(folder, files)
    assert (again.search_space.name, again.objectives.name) == ("mine", "objectives-mine")


def test_the_base_of_an_overridden_search_space_is_kept(folder: Path) -> None:
    text = (
        "workload: {pattern: tiny.cfg}\n"
        "search_space: {base: ./mine.yaml, parameters: {pattern.min_size: 4K}}\n"
    )

    files = keep(folder, text)

    again = repeated(folder, files)
    assert again.search_space == load_workload(folder / "my.yaml").search_space


def test_a_file_that_is_called_like_a_shipped_one_is_still_a_file(folder: Path) -> None:
    text = "workload: {pattern: tiny.cfg}\nsearch_space: ./prcl.yaml\n"

    files = keep(folder, text)

    again = repeated(folder, files)
    assert [p.name for p in again.search_space.parameters][2] == "limit"
