"""Optuna at arm's length: proposals are asked for, outcomes are told, and its database is kept.

The database serves Optuna's own tools. What a run knows is in its other files, so it is written without
waiting for the disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import optuna
import sqlalchemy
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage

from autotune.objective.figures import violation
from autotune.objective.objective import Direction, Objectives
from autotune.run_folder.folder import STUDY_FILE, RunFolder
from autotune.space.space import ParameterSet, SearchSpace
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Parameters to try.

    Attributes:
        number: Of the trial.
        parameters: By name, only those that exist beside the others.
        asked: Optuna's trial.
    """

    number: int
    parameters: ParameterSet
    asked: optuna.Trial


class Proposals:
    """Asks a study for parameters and tells it what came of them."""

    def __init__(
        self, study: optuna.Study, space: SearchSpace, objectives: Objectives, folder: RunFolder
    ) -> None:
        self._study = study
        self._space = space
        self._objectives = objectives
        self._folder = folder

    def enqueue(self, parameter_sets: Sequence[ParameterSet]) -> None:
        """Give parameter sets that are proposed before any other, in their order."""
        with _translated(self._folder):
            for values in parameter_sets:
                self._study.enqueue_trial(dict(values))

    def ask(self, count: int) -> list[Proposal]:
        """Give *count* proposals, none of which knows the outcome of another."""
        with _translated(self._folder):
            trials = [self._study.ask() for _ in range(count)]
            return [
                Proposal(number=t.number, parameters=self._space.suggest(t), asked=t)
                for t in trials
            ]

    def tell(self, proposal: Proposal, trial: Trial) -> None:
        """Say what came of a proposal."""
        with _translated(self._folder):
            if trial.state is TrialState.FAILED:
                self._study.tell(proposal.asked, state=optuna.trial.TrialState.FAIL)
                return
            for constraint in self._objectives.constraints:
                proposal.asked.set_constraint(
                    str(constraint), violation(trial.figures, constraint)
                )
            # As they are: Optuna knows the directions.
            asked = [trial.figures[o.name] for o in self._objectives.objectives]
            self._study.tell(proposal.asked, asked)


@contextlib.contextmanager
def _translated(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        cause = error.__cause__ if error.__cause__ is not None else error
        what = str(getattr(cause, "orig", cause)).splitlines()[0]
        raise folder.failure(STUDY_FILE, what, full="full" in what) from error


@contextlib.contextmanager
def open_proposals(
    workload: Workload, sampler: BaseSampler, folder: RunFolder
) -> Iterator[Proposals]:
    """Begin a study in the run folder, and close its database at the end.

    Raises:
        RunError: Here and from all methods, if the database can't be written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, objectives = workload.search_space, workload.objectives
    path = folder.path / STUDY_FILE

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    with _translated(folder):
        # The connections are made here because a path can't be put into a URL as it is.
        storage = RDBStorage(f"sqlite:///{STUDY_FILE}", engine_kwargs={"creator": connect})
    try:
        with _translated(folder):
            study = optuna.create_study(
                study_name=workload.name,
                storage=storage,
                sampler=sampler,
                directions=[
                    "maximize" if o.direction is Direction.MAXIMIZE else "minimize"
                    for o in objectives.objectives
                ],
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names([objective.name for objective in objectives.objectives])
        yield Proposals(study, space, objectives, folder)
    finally:
        storage.remove_session()
        storage.engine.dispose()
