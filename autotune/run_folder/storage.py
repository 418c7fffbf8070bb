"""`study.db`: Optuna's storage in a run folder.

The database serves Optuna's own tools. The files beside it hold all that a run knows, so the database
is written without waiting for the disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import optuna
from optuna.storages import RDBStorage

from autotune.errors import RunError
from autotune.run_folder.folder import STUDY_FILE, RunFolder
from autotune.study.storage import Storage, translated


@contextlib.contextmanager
def open_storage(folder: RunFolder) -> Iterator[Storage]:
    """Make the database of a run folder, and close it at the end.

    Raises:
        RunError: If the database can't be made.
    """
    path = folder.path / STUDY_FILE

    def failure(what: str) -> RunError:
        return folder.failure(STUDY_FILE, what, full="full" in what)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with translated(failure):
        # The connections are made here, since the path may have characters that a URL can't have.
        database = RDBStorage(f"sqlite:///{STUDY_FILE}", engine_kwargs={"creator": connect})
    try:
        yield Storage(optuna=database, failure=failure)
    finally:
        database.remove_session()
        database.engine.dispose()
