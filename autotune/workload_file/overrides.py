"""What holds instead of the words of a workload file: options of the command line, and kept copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from autotune.backends.settings import BACKENDS
from autotune.errors import InputError

MAX_SEED = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says instead of a workload file; None leaves the file's word.

    Attributes:
        backend: One of `autotune.backends.settings.BACKENDS`.
        machine: A shipped machine profile's name, or the path of a file.
        trials: Of the budget.
        seed: From 0 to 4294967295.
        sampler: A name.

    Raises:
        InputError: If a value is out of range.
    """

    backend: str | None = None
    machine: str | None = None
    trials: int | None = None
    seed: int | None = None
    sampler: str | None = None

    def __post_init__(self) -> None:
        """Check what needs no file."""
        if self.backend is not None and self.backend not in BACKENDS:
            raise InputError(f"no backend '{self.backend}': known are {', '.join(BACKENDS)}")
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed {self.seed} is out of range: give one from 0 to {MAX_SEED}")
        if self.trials is not None and self.trials < 1:
            raise InputError(f"{self.trials} trials are too few: give 1 or more")

    def to_dict(self) -> dict[str, Any]:
        """Give what is overridden, as plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def over(self, before: Overrides) -> Overrides:
        """Give overrides of which these count where both say something.

        >>> Overrides(seed=1).over(Overrides(seed=2, trials=3)).to_dict()
        {'trials': 3, 'seed': 1}
        """
        return Overrides(**{**before.to_dict(), **self.to_dict()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a run folder keeps beside its copy of a workload file.

    Attributes:
        name: The run's name, for a file that gives none.
        overrides: With which the run was started; its machine is named as in *files*.
        files: How each file that the workload file names is called in the run folder, by its role: a
            shipped name, or a path relative to that folder.
    """

    name: str
    overrides: Overrides = field(default_factory=Overrides)
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
