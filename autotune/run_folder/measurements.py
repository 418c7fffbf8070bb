"""`measurements.jsonl`: every single measurement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autotune.errors import InputError, Where
from autotune.experiment.measurement import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedMeasurement:
    """One line of `measurements.jsonl`.

    Attributes:
        role: "baseline", "trial" or "confirmation".
        trial: Number of the trial; None for a baseline.
        seed: The seed of the measurement.
        scheme: As one-line text; None without schemes.
        measurement: What was measured.
    """

    role: str
    trial: int | None
    seed: int
    scheme: str | None
    measurement: Measurement

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values, in the order of the fields."""
        return {
            "role": self.role,
            "trial": self.trial,
            "seed": self.seed,
            "scheme": self.scheme,
            "measurement": self.measurement.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LoggedMeasurement:
        """Read values that `to_dict` gave.

        Raises:
            ValueError: If the values are something else.
        """
        try:
            return cls(**{**values, "measurement": Measurement.from_dict(values["measurement"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a measurement: {error}") from error


def read_measurements(path: Path) -> list[LoggedMeasurement]:
    """Read `measurements.jsonl`. If a killed run left an incomplete last line, that line is left out.

    Raises:
        InputError: If the file can't be read, or a complete line is damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", Where(path)) from error
    # Only a line with a line break at its end was written whole.
    found = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found.append(LoggedMeasurement.from_dict(json.loads(line)))
        except ValueError as error:
            raise InputError(
                f"is damaged, not a measurement: restore the file from a copy ({error})",
                Where(path, number),
            ) from error
    return found
