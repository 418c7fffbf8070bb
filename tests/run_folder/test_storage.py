from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import optuna
import pytest

from autotune.errors import RunError
from tests.closed_form import (
    Tuned,
    tune,
)


def state(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["state"])


def test_a_database_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        raise optuna.exceptions.StorageInternalError("a commit failed") from error

    monkeypatch.setattr(optuna.Study, "tell", fail)

    with pytest.raises(RunError) as error:
        tune(tmp_path)

    assert str(error.value) == (
        f"{tmp_path}/out: can't write study.db: database or disk is full: free some space; "
        "what was finished is readable"
    )
    assert state(tmp_path / "out") == "failed"


def test_optuna_reads_the_study(noisy: Tuned) -> None:
    storage = optuna.storages.RDBStorage(f"sqlite:///{noisy.out}/study.db")
    study = optuna.load_study(study_name="my", storage=storage)
    trials = study.get_trials()
    storage.remove_session()
    storage.engine.dispose()
    assert [t.params for t in trials] == [dict(t.parameters) for t in noisy.trials]
    assert [t.values for t in trials] == [
        [t.figures["memory_saving"], t.figures["slowdown"]] for t in noisy.trials
    ]
    assert [t.constraints for t in trials] == [
        {"slowdown <= 5%": t.figures["slowdown"] - 0.05} for t in noisy.trials
    ]
