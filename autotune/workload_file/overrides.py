"""What counts instead of a workload file's own values: options of the command line, and kept copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from autotune.backends.settings import split_names
from autotune.errors import InputError

MAX_SEED = (1 << 32) - 1
MAX_TRIALS = 1_000_000
"""More trials would take days in the simulator, too: such a number is a slip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Values of the command line, used instead of the workload file's; None keeps the file's value.

    Attributes:
        backend: One of `autotune.backends.settings.BACKENDS`, or several with commas between them.
        machine: A shipped machine profile's name, or the path of a file.
        trials: Number of trials in the budget, up to `MAX_TRIALS`.
        seed: From 0 to 4294967295.
        sampler: Name of the sampler.

    Raises:
        InputError: If a value is out of range.
    """

    backend: str | None = None
    machine: str | None = None
    trials: int | None = None
    seed: int | None = None
    sampler: str | None = None

    def __post_init__(self) -> None:
        """Check the values that can be checked without the file."""
        if self.backend is not None:
            try:
                split_names(self.backend)
            except ValueError as error:
                raise InputError(str(error)) from error
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed {self.seed} is out of range: give one from 0 to {MAX_SEED}")
        if self.trials is not None and self.trials < 1:
            raise InputError(f"{self.trials} trials are too few: give 1 or more")
        if self.trials is not None and self.trials > MAX_TRIALS:
            raise InputError(f"{self.trials} trials are too many: give {MAX_TRIALS} at most")

    def to_dict(self) -> dict[str, Any]:
        """Give what is overridden, as plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def over(self, before: Overrides) -> Overrides:
        """Put these overrides over *before*: a value given in both is taken from these.

        >>> Overrides(seed=1).over(Overrides(seed=2, trials=3)).to_dict()
        {'trials': 3, 'seed': 1}
        """
        return Overrides(**{**before.to_dict(), **self.to_dict()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a run folder keeps beside its copy of a workload file.

    Attributes:
        name: The run's name, used if the file gives no name.
        overrides: The overrides with which the run was started; the machine is named as in `files`.
        files: By the role of each file that the workload file names, its name in the run folder: a
            shipped name, or a path relative to the run folder.
    """

    name: str
    overrides: Overrides = field(default_factory=Overrides)
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
