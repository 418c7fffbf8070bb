"""Where Optuna keeps a study: the caller that runs the study hands the storage in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, InMemoryStorage

from autotune.errors import RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A storage of Optuna's, and the errors that its failures become.

    Attributes:
        optuna: Keeps the study.
        failure: Makes the error to raise from the database's message.
    """

    optuna: BaseStorage
    failure: Callable[[str], RunError]

    def translated(self) -> AbstractContextManager[None]:
        """Turn a failure of the database into the error that `failure` makes."""
        return translated(self.failure)


@contextlib.contextmanager
def translated(failure: Callable[[str], RunError]) -> Iterator[None]:
    """Turn a failure of a database into the error that *failure* makes from the database's message."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        cause = error.__cause__ if error.__cause__ is not None else error
        what = str(getattr(cause, "orig", cause)).splitlines()[0]
        raise failure(what) from error


@contextlib.contextmanager
def in_memory() -> Iterator[Storage]:
    """Keep a study for as long as it runs."""
    yield Storage(optuna=InMemoryStorage(), failure=RunError)
