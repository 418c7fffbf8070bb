from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.experiment.program import Program
from autotune.run_folder.run_json import RunDescription, describe_start, workload_sha256
from autotune.study.events import Started
from autotune.study.outcome import RunState
from autotune.testing import pattern
from autotune.workload_file.overrides import Overrides
from tests.closed_form import make_file


@pytest.fixture
def description(tmp_path: Path) -> RunDescription:
    file = make_file(tmp_path / "user", {"constraints": "[slowdown <= 0.7%]", "hold": "90%"})
    started = Started(
        file=replace(file, overrides=Overrides(seed=3, machine="mine.yaml")),
        backend="simulator",
        machine="closed form",
        confirmation_seeds=(1, 2),
    )
    return describe_start(started, {"pattern": "tiny.cfg"})


def test_a_description_reads_back_as_it_was(description: RunDescription) -> None:
    ended = replace(description, state=RunState.FAILED, error="it got lost", hypervolume=0.1)

    for item in (description, ended):
        assert RunDescription.from_dict(json.loads(json.dumps(item.to_dict()))) == item


def test_a_description_that_says_nothing_of_a_rule_is_of_a_run_in_which_means_decided(
    description: RunDescription,
) -> None:
    values = json.loads(json.dumps(description.to_dict()))
    del values["objectives"]["hold"]

    assert str(description.objectives.hold) == "90%"
    assert str(RunDescription.from_dict(values).objectives.hold) == "mean"


def test_a_description_names_what_figures_depend_on(description: RunDescription) -> None:
    assert {"python", "numpy", "optuna", "numba"} <= set(description.versions)
    assert (description.backend, description.machine) == ("simulator", "closed form")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "asleep"}, "'asleep' is not a valid RunState"),
        ({"extra": 1}, "unexpected keyword argument 'extra'"),
        ({"objectives": {}}, "'name' is missing"),
        ({"format": 0}, "its format is 0, and this version reads 3"),
    ],
)
def test_what_is_no_description_is_refused(
    description: RunDescription, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RunDescription.from_dict({**description.to_dict(), **change})


def test_something_else_than_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="list indices"):
        RunDescription.from_dict([])  # type: ignore[arg-type]


def test_equal_patterns_have_equal_digests_and_others_do_not() -> None:
    assert workload_sha256(pattern()) == workload_sha256(pattern())
    assert workload_sha256(pattern()) != workload_sha256(pattern(size_bytes=4096))


def test_a_program_is_the_same_wherever_its_files_lie() -> None:
    here = Program(command=("a", "b"), folder="/home/me", files=("/home/me/x",))

    assert workload_sha256(here) == workload_sha256(Program(command=("a", "b")))
    assert workload_sha256(here) != workload_sha256(Program(command=("a", "c")))
