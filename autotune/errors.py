"""All expected errors, and what the caller does next.

::

    AutotuneError               exit status 1
    ├── InputError              the user must correct something; exit status 2
    ├── TrialError              this experiment failed: the trial is marked failed, the study goes on
    │   └── EndedEarlyError     it was clearly beyond a limit: the trial is marked censored
    ├── BackendUnavailableError nothing can be measured here: the study stops
    └── RunError                the run can't go on (a full disk, a failed baseline)

The class says what happens next. The message says what happened, in one line: *where: what: remedy*.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 100
"""A text of more characters is shortened in a message, to `_BEGIN` of them."""
_BEGIN = 40


class AutotuneError(Exception):
    """An expected error: shown as one line, never as a traceback."""

    exit_status = 1


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a user's file: the file, and, if known, the line and the column, counted from 1."""

    file: Path | str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Give the place as compilers write it.

        >>> print(Where("my.yaml", 2, 15))
        my.yaml:2:15
        """
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class InputError(AutotuneError):
    """The user's input is wrong. The message says where, what is wrong and what would be right.

    >>> raise InputError("no search space 'prlc': did you mean 'prcl'?", Where("my.yaml", 2, 15))
    Traceback (most recent call last):
    autotune.errors.InputError: my.yaml:2:15: no search space 'prlc': did you mean 'prcl'?
    """

    exit_status = 2

    def __init__(self, message: str, where: Where | None = None) -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class TrialError(AutotuneError):
    """This experiment can't be measured. Another experiment may work."""


class EndedEarlyError(TrialError):
    """The run was ended, since it was clearly slower than is allowed. It has no figures.

    Attributes:
        slowdown: How much slower it was at least, a fraction.
    """

    def __init__(self, slowdown: float) -> None:
        self.slowdown = slowdown
        super().__init__(f"ended early: slower than {100.0 * slowdown:.3g}%")


class BackendUnavailableError(AutotuneError):
    """No experiment can be measured here. The message says what is missing and how to get it."""


class RunError(AutotuneError):
    """The run can't go on. Finished trials are kept."""


def shortened(text: str) -> str:
    """Write a long text in a message by its begin and its length.

    >>> shortened("prcl"), shortened(5000 * "x")
    ('prcl', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... (5000 characters)')
    """
    return text if len(text) <= _SHOWN else f"{text[:_BEGIN]}... ({len(text)} characters)"


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known name that is nearest to *name*, or, if none is near, all known names.

    >>> nearest("prlc", ["ethp", "prcl"])
    "did you mean 'prcl'?"
    >>> nearest("x", ["ethp", "prcl"])
    'known are ethp, prcl'
    """
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(choices)}"
