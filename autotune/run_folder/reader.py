"""A run folder read back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from autotune.damon.damos import Scheme
from autotune.errors import InputError, Where
from autotune.formats import damo_json
from autotune.objective import pareto
from autotune.objective.objective import Objectives
from autotune.recommendation.sureness import NOT_SURE
from autotune.run_folder.folder import FRONT_FILE, SCHEMES_FOLDER, WORKLOAD_FILE, read_text
from autotune.run_folder.run_json import RunDescription, load_description
from autotune.trial import trial_id


@dataclass(frozen=True)
class Run:
    """What a run folder holds; a file is read when a property needs it.

    Attributes:
        path: The folder.
        description: What `run.json` says.

    Raises:
        InputError: From every property, if a file is missing or damaged; the message names the file.
    """

    path: Path
    description: RunDescription

    @property
    def objectives(self) -> Objectives:
        """What was sought."""
        return self.description.objectives

    @cached_property
    def front(self) -> pd.DataFrame:
        """The table in `front.csv`, with the columns of the file."""
        return _table(self.path / FRONT_FILE)

    @property
    def ids(self) -> list[str]:
        """The names of the schemes on the front, in its order."""
        return [trial_id(int(number)) for number in self._column("trial")]

    @property
    def notes(self) -> dict[str, str]:
        """What to know before using schemes of the front, by their names."""
        if "note" not in self.front:
            return {}
        cells = zip(self.ids, self.front["note"], strict=True)
        return {name: str(cell) for name, cell in cells if not pd.isna(cell)}

    @property
    def points(self) -> list[tuple[float, ...]]:
        """The front's objectives such that less is better, in the order of its rows."""
        columns = [
            [objective.direction.minimised(value) for value in self._column(objective.name)]
            for objective in self.objectives.objectives
        ]
        return list(zip(*columns, strict=True))

    @property
    def sure_points(self) -> list[tuple[float, ...]]:
        """The points of the schemes that are sure to keep the limits."""
        notes = self.notes
        return [
            point
            for name, point in zip(self.ids, self.points, strict=True)
            if not notes.get(name, "").startswith(NOT_SURE)
        ]

    def _column(self, name: str) -> list[float]:
        if name not in self.front:
            raise InputError(f"is damaged: it has no column {name}", Where(self.path / FRONT_FILE))
        return [self._number(name, cell) for cell in self.front[name]]

    def _number(self, column: str, cell: Any) -> float:
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            what = "has an empty cell" if pd.isna(cell) else f"holds '{cell}', which is no number"
            raise InputError(
                f"is damaged: column {column} {what}: restore the file from a copy",
                Where(self.path / FRONT_FILE),
            )
        return number

    def schemes(self, name: str) -> tuple[Scheme, ...]:
        """The schemes of the entry *name* of the front, as the kernel runs them.

        Raises:
            InputError: If the file is missing or damaged.
        """
        path = self.path / SCHEMES_FOLDER / f"{name}.schemes.json"
        return damo_json.loads(read_text(path), path).schemes


def load_run(path: Path) -> Run:
    """Open a run folder; *path* may also be the workload file in it.

    Raises:
        InputError: If the folder is no run folder; the message names what is missing.
    """
    if path.name == WORKLOAD_FILE and path.is_file():
        path = path.parent
    return Run(path, load_description(path))


def pick(run: Run, choice: str) -> list[str]:
    """Give the names of the schemes that a user means.

    Args:
        run: The run with the front.
        choice: "knee", "best" (by the first objective), "all", or a trial: `trial-007` or `7`.

    Raises:
        InputError: If the front is empty, or has no such trial.
    """
    ids = run.ids
    if not ids:
        raise InputError(
            f"the front is empty: see summary.md for the reason (state {run.description.state.value})",
            Where(run.path),
        )
    if choice == "all":
        return ids
    if choice == "best":
        return ids[:1]
    if choice == "knee":
        return [ids[pareto.knee(run.points, run.objectives.limit)]]
    match = re.fullmatch(r"(?:trial-)?([0-9]{1,9})", choice)
    name = trial_id(int(match[1])) if match else choice
    if name not in ids:
        raise InputError(
            f"no '{choice}' on the front: give knee, best, all or one of {', '.join(ids)}",
            Where(run.path),
        )
    return [name]


def _table(path: Path) -> pd.DataFrame:
    read_text(path)
    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"is damaged: {str(error).strip()}", Where(path)) from error
