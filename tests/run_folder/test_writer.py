from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from autotune.errors import InputError, RunError
from autotune.run_folder.measurements import read_measurements
from autotune.study.events import (
    BaselineMeasured,
    Event,
)
from tests.closed_form import (
    NOISY,
    ClosedForm,
    Tuned,
    kept_bytes,
    table,
    tune,
)


def state(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["state"])


def test_the_front_is_sorted_by_the_first_objective(noisy: Tuned) -> None:
    assert table(noisy, "front.csv")["memory_saving"].is_monotonic_decreasing


def test_a_row_says_mean_first_lowest_and_highest(noisy: Tuned) -> None:
    front, trials = table(noisy, "front.csv"), table(noisy, "trials.csv")
    for metric in ("memory_saving", "slowdown", "cpu_use"):
        assert (front[f"{metric}_low"] <= front[metric]).all()
        assert (front[metric] <= front[f"{metric}_high"]).all()
        first = trials.set_index("trial")[metric].loc[front["trial"]]
        assert first.tolist() == front[f"{metric}_first"].tolist()


def test_equal_runs_write_equal_bytes(noisy: Tuned, tmp_path: Path) -> None:
    again = tune(tmp_path, NOISY, backend=ClosedForm(amplitude=0.02))

    assert kept_bytes(noisy.out) == kept_bytes(again.out)


def test_every_measurement_is_kept_in_order(plain: Tuned) -> None:
    records = read_measurements(plain.out / "measurements.jsonl")
    assert [(r.role, r.trial) for r in records[:9]] == [
        ("baseline", None),
        *(("trial", number) for number in range(8)),
    ]
    assert len(records) == 9 + 2 + 2 * 4


def test_when_every_trial_fails_the_summary_says_so(tmp_path: Path) -> None:
    outcome = tune(tmp_path, backend=ClosedForm(fail=lambda _: "it got lost"))

    assert outcome.recommendation.front == ()
    assert table(outcome, "front.csv").empty
    assert "It is empty: every trial failed." in (outcome.out / "summary.md").read_text()


def test_ctrl_c_before_the_first_trial_leaves_a_readable_folder(tmp_path: Path) -> None:
    def at_once(event: Event) -> None:
        if isinstance(event, BaselineMeasured):
            raise KeyboardInterrupt

    outcome = tune(tmp_path, listeners=[at_once])

    assert outcome.trials == ()
    assert table(outcome, "trials.csv").empty
    assert "It is empty: there was no trial." in (outcome.out / "summary.md").read_text()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "note.txt").touch()

    with pytest.raises(InputError) as error:
        tune(tmp_path)

    assert str(error.value) == (
        f"{tmp_path}/out: is not empty: name a folder that is, or a new one"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["note.txt"]


def test_an_unknown_sampler_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"my\.yaml: no sampler 'tpee': did you mean 'tpe'\?$"):
        tune(tmp_path, {"sampler": "tpee"})

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("writes", "name"),
    [
        (0, "workload.yaml"),
        (3, "run.json"),
        (4, "measurements.jsonl"),
        (7, "measurements.jsonl"),
        (9, "trials.csv"),
        (14, "trials.csv"),
        (26, "front.csv"),
    ],
)
def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int, name: str
) -> None:
    left = [writes]
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(RunError) as error:
        tune(tmp_path)

    out = tmp_path / "out"
    assert str(error.value) == (
        f"{out}: can't write {name}: No space left on device: free some space; "
        "what was finished is readable"
    )
    assert [path for path in out.rglob("*") if path.name.startswith(".")] == []
    if (out / "measurements.jsonl").exists():
        read_measurements(out / "measurements.jsonl")
    if (out / "run.json").exists():
        assert state(out) == "running"


def test_the_schemes_of_the_front_are_there_in_every_format(plain: Tuned) -> None:
    expected = {
        f"{option.trial.id}{suffix}"
        for option in plain.recommendation.front
        for suffix in (".damos", ".schemes.json", ".kdamonds.json")
    }
    assert {path.name for path in (plain.out / "schemes").iterdir()} == expected
