"""A run folder on disk: every file written whole or not at all, every measurement kept as it is made.

docs/run-folder.md describes the files. `autotune.run_folder.writer` writes a study's events;
`autotune.run_folder.reader` reads a run folder back.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from autotune.errors import InputError, RunError, Where

RUN_FILE = "run.json"
STUDY_FILE = "study.db"
MEASUREMENTS_FILE = "measurements.jsonl"
TRIALS_FILE = "trials.csv"
FRONT_FILE = "front.csv"
SUMMARY_FILE = "summary.md"
SCHEMES_FOLDER = "schemes"
WORKLOAD_FILE = "workload.yaml"
COPIES_FOLDER = "copies"
"""Has files that can't lie beside the run's own under their names."""

OWN_NAMES = frozenset(
    {
        RUN_FILE,
        STUDY_FILE,
        MEASUREMENTS_FILE,
        TRIALS_FILE,
        FRONT_FILE,
        SUMMARY_FILE,
        SCHEMES_FOLDER,
        WORKLOAD_FILE,
        COPIES_FOLDER,
        *(f"{STUDY_FILE}-{ending}" for ending in ("journal", "wal", "shm")),  # SQLite's
    }
)
"""The names in a run folder that no copied file may have."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RunFolder:
    """A folder that a run writes to.

    All methods that write raise `RunError` if the disk is full or fails; earlier content is then
    unchanged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder, and the folders above it.

        Raises:
            InputError: If the folder isn't empty, or can't be made or written to.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise InputError("is not empty: name a folder that is, or a new one", Where(path))
            probe = path / ".writable"
            probe.touch()
            probe.unlink()
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(
                "is no folder, or lies in something that is none: name another", Where(path)
            ) from error
        except OSError as error:
            raise InputError(
                f"can't make a run folder here: {error.strerror}: name another place", Where(path)
            ) from error
        return cls(path)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Turn a system failure while writing *name* into an error with *name* and the failure.

        Raises:
            RunError: If the system fails inside the block.
        """
        try:
            yield
        except OSError as error:
            raise self.failure(
                name, error.strerror or str(error), full=error.errno in _FULL
            ) from (error)

    def failure(self, name: str, what: str, *, full: bool) -> RunError:
        """Make the error that says that *name* could not be written, and why."""
        remedy = "free some space" if full else "see that it stays writable"
        return RunError(
            f"{self.path}: can't write {name}: {what}: {remedy}; what was finished is readable"
        )

    def write(self, name: str, content: str | bytes) -> None:
        """Write or replace a file; the folders in *name* are made."""
        target = self.path / name
        temporary = target.with_name(".being-written")
        with self.writing(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_through(
                    temporary, content.encode() if isinstance(content, str) else content
                )
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def write_json(self, name: str, values: Any) -> None:
        """Write or replace a JSON file."""
        self.write(name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    def append_json(self, name: str, *several: Any) -> None:
        """Add a line of JSON to a file for each of *several*, and wait until they are on the disk."""
        lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in several)
        with self.writing(name):
            _append_through(self.path / name, "".join(f"{line}\n" for line in lines).encode())


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _write_through(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        _write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _append_through(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, content)
        except BaseException:
            # Half a line before whole lines would make the file unreadable.
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def read_text(path: Path) -> str:
    """Read a file of a run folder.

    Raises:
        InputError: If it is missing or can't be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        where = path.parent if path.parent.name != SCHEMES_FOLDER else path.parent.parent
        raise InputError(
            f"has no {path.relative_to(where)}: the run did not get that far, or the file was removed: "
            f"repeat it with autotune run {shlex.quote(str(where))}",
            Where(where),
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't be read: {error}", Where(path)) from error


def default_folder(name: str, *, now: datetime, runs: Path = Path("runs")) -> Path:
    """Name a run folder by its workload and the time; add a number if that folder exists already.

    >>> print(default_folder("stairs", now=datetime(2026, 1, 31, 12, 0)))
    runs/stairs-2026-01-31-120000
    """
    folder = runs / f"{name}-{now:%Y-%m-%d-%H%M%S}"
    number = 1
    while folder.exists():
        number += 1
        folder = runs / f"{name}-{now:%Y-%m-%d-%H%M%S}-{number}"
    return folder
