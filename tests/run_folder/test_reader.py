from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autotune.errors import InputError
from autotune.recommendation.front import knee
from autotune.run_folder.reader import Run, load_run, pick
from tests.closed_form import Tuned, make_file, tune

BOUND = {"constraints": "[slowdown <= 10%]"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tune(tmp_path_factory.mktemp("made"), BOUND)


@pytest.fixture
def outcome(made: Tuned, tmp_path: Path) -> Tuned:
    """The run, in a folder of the test's own."""
    shutil.copytree(made.out, tmp_path / "out")
    return made._replace(out=tmp_path / "out")


@pytest.fixture
def opened(outcome: Tuned) -> Run:
    return load_run(outcome.out)


def message(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load_run(path)
    return str(error.value).replace(f"{path}", "RUN")


def test_a_run_reads_back_as_it_was(opened: Run, outcome: Tuned, tmp_path: Path) -> None:
    workload = make_file(tmp_path / "user", BOUND)

    assert opened.objectives == workload.objectives
    assert opened.description.monitoring == workload.monitoring
    assert opened.description.state is outcome.state
    assert opened.description.hypervolume == outcome.recommendation.hypervolume


def test_schemes_read_back_as_the_kernel_ran_them(opened: Run, outcome: Tuned) -> None:
    for option in outcome.recommendation.front:
        assert opened.schemes(option.trial.id) == option.trial.schemes


def test_points_are_the_objectives_such_that_less_is_better(opened: Run) -> None:
    assert opened.points == list(
        zip(-opened.front["memory_saving"], opened.front["slowdown"], strict=True)
    )


def test_all_are_those_of_the_front_in_its_order(opened: Run, outcome: Tuned) -> None:
    assert pick(opened, "all") == [o.trial.id for o in outcome.recommendation.front]


def test_best_is_the_first_objectives_within_the_constraints(opened: Run) -> None:
    (best,) = pick(opened, "best")

    (scheme,) = opened.schemes(best)
    assert scheme.pattern.age_us.min == 2_000_000


def test_knee_is_the_one_that_the_summary_names(opened: Run, outcome: Tuned) -> None:
    balanced = knee(outcome.recommendation.front, opened.objectives)

    assert balanced is not None
    assert pick(opened, "knee") == [balanced.trial.id]
    summary = (outcome.out / "summary.md").read_text()
    assert f"- trial {balanced.trial.number}, knee: " in summary or (
        f"- trial {balanced.trial.number}, best, knee: " in summary
    )


def test_a_trial_is_picked_by_its_number_or_its_name(opened: Run) -> None:
    name = opened.ids[-1]

    assert pick(opened, name) == [name]
    assert pick(opened, str(int(name.removeprefix("trial-")))) == [name]


@pytest.mark.parametrize("choice", ["trial-099", "99", "nee", "trial-"])
def test_what_is_not_on_the_front_is_refused(opened: Run, choice: str) -> None:
    with pytest.raises(InputError) as error:
        pick(opened, choice)

    assert str(error.value) == (
        f"{opened.path}: no '{choice}' on the front: give knee, best, all or one of "
        f"{', '.join(opened.ids)}"
    )


def test_of_an_empty_front_nothing_is_picked(tmp_path: Path) -> None:
    opened = load_run(tune(tmp_path, {"constraints": "[memory_saving >= 99%]"}).out)

    with pytest.raises(InputError) as error:
        pick(opened, "best")

    assert str(error.value) == (
        f"{opened.path}: the front is empty: see summary.md for the reason (state complete)"
    )


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert message(tmp_path / "nowhere") == "RUN: no such run folder: check the path"


def test_another_folder_is_no_run(tmp_path: Path) -> None:
    assert message(tmp_path) == "RUN: has no run.json: name a folder that a run has written"


def test_a_damaged_run_file_is_named(opened: Run) -> None:
    (opened.path / "run.json").write_text("{")

    assert message(opened.path) == (
        "RUN/run.json: is damaged, or of another version: Expecting property name enclosed in "
        "double quotes: line 1 column 2 (char 1): restore the file from a copy"
    )


def test_a_run_of_another_version_is_refused(opened: Run) -> None:
    values = json.loads((opened.path / "run.json").read_text())
    (opened.path / "run.json").write_text(json.dumps({**values, "format": 1}))

    assert message(opened.path) == (
        "RUN/run.json: is damaged, or of another version: its format is 1, and this version reads 3: "
        "restore the file from a copy"
    )


def test_a_missing_front_is_named(opened: Run) -> None:
    (opened.path / "front.csv").unlink()

    with pytest.raises(InputError) as error:
        _ = opened.front

    assert str(error.value) == (
        f"{opened.path}: has no front.csv: the run did not get that far, or the file was removed: "
        f"repeat it with autotune run {opened.path}"
    )


def test_a_missing_scheme_is_named(opened: Run) -> None:
    name = opened.ids[0]
    (opened.path / "schemes" / f"{name}.schemes.json").unlink()

    with pytest.raises(InputError) as error:
        opened.schemes(name)

    assert str(error.value) == (
        f"{opened.path}: has no schemes/{name}.schemes.json: the run did not get that far, or the "
        f"file was removed: repeat it with autotune run {opened.path}"
    )


def test_a_missing_column_is_named(opened: Run) -> None:
    (opened.path / "front.csv").write_text("trial,scheme\n0,x\n")

    with pytest.raises(InputError) as error:
        _ = opened.points

    assert str(error.value) == (
        f"{opened.path}/front.csv: is damaged: it has no column memory_saving"
    )


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("0,abc,0.1", "column memory_saving holds 'abc', which is no number"),
        ("0,0.5,inf", "column slowdown holds 'inf', which is no number"),
        ("0,0.5,", "column slowdown has an empty cell"),
        ("x,0.5,0.1", "column trial holds 'x', which is no number"),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_its_column(
    opened: Run, row: str, what: str
) -> None:
    (opened.path / "front.csv").write_text(f"trial,memory_saving,slowdown\n0,0.5,0.1\n{row}\n")

    with pytest.raises(InputError) as error:
        _ = opened.ids, opened.points

    assert str(error.value) == (
        f"{opened.path}/front.csv: is damaged: {what}: restore the file from a copy"
    )
