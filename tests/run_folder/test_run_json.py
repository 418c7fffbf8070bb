from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.experiment.program import Program
from autotune.run_folder.run_json import RunRecord, RunState, start_record, workload_sha256
from autotune.testing import pattern
from tests.closed_form import ClosedForm, make_workload


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    workload = make_workload(tmp_path / "user", {"constraints": "[slowdown <= 0.7%]"})
    return start_record(workload, ClosedForm(), (1, 2))


def test_a_record_reads_back_as_it_was(record: RunRecord) -> None:
    ended = replace(record, state=RunState.FAILED, error="it got lost", hypervolume=0.1)

    for item in (record, ended):
        assert RunRecord.from_dict(json.loads(json.dumps(item.to_dict()))) == item


def test_a_record_names_what_figures_depend_on(record: RunRecord) -> None:
    assert {"python", "numpy", "optuna", "numba"} <= set(record.versions)
    assert (record.backend, record.machine) == ("simulator", "closed form")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "asleep"}, "'asleep' is not a valid RunState"),
        ({"extra": 1}, "unexpected keyword argument 'extra'"),
        ({"objectives": {}}, "'name' is missing"),
        ({"format": 0}, "its format is 0, and this version reads 2"),
    ],
)
def test_what_is_no_record_is_refused(
    record: RunRecord, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RunRecord.from_dict({**record.to_dict(), **change})


def test_something_else_than_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="list indices"):
        RunRecord.from_dict([])  # type: ignore[arg-type]


def test_equal_patterns_have_equal_digests_and_others_do_not() -> None:
    assert workload_sha256(pattern()) == workload_sha256(pattern())
    assert workload_sha256(pattern()) != workload_sha256(pattern(size_bytes=4096))


def test_a_program_is_the_same_wherever_its_files_lie() -> None:
    here = Program(command=("a", "b"), folder="/home/me", files=("/home/me/x",))

    assert workload_sha256(here) == workload_sha256(Program(command=("a", "b")))
    assert workload_sha256(here) != workload_sha256(Program(command=("a", "c")))
