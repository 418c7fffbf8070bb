"""Samplers that vary a scheme's min age alone; all other parameters keep their plain values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from optuna.study import Study
from optuna.trial import FrozenTrial

from autotune.errors import InputError
from autotune.samplers.at_once import AtOnceSampler
from autotune.space.fields import Value
from autotune.space.parameters import Choices, Numeric
from autotune.space.plain import plain_set
from autotune.space.space import ParameterSet, SearchSpace

_FIELD = "pattern.min_age"


class AgeLine:
    """The line through a search space along which the min age of its one scheme varies.

    Args:
        space: The search space.
        sampler: Name of the sampler, for messages.

    Raises:
        InputError: If the space has several schemes or no parameter for the min age, or the plain values
            of its other parameters make no scheme.
    """

    def __init__(self, space: SearchSpace, sampler: str) -> None:
        if len(space.templates) > 1:
            raise InputError(
                f"sampler {sampler} varies the min age of one scheme, and search space '{space.name}' "
                f"has {len(space.templates)}: use sampler tpe, or a space with one scheme"
            )
        ages = [parameter for parameter in space.parameters if parameter.field == _FIELD]
        if not ages:
            raise InputError(
                f"sampler {sampler} varies {_FIELD}, which search space '{space.name}' does not: "
                f"add it to the parameters, as in {_FIELD}: {{low: 100ms, high: 60s, scale: log}}"
            )
        self._space = space
        self._age = ages[0]
        try:
            space.schemes(self.at(self.low_us))
        except ValueError as error:
            raise InputError(
                f"sampler {sampler}: search space '{space.name}' makes no scheme of plain values: "
                f"{error}: use sampler tpe"
            ) from error

    @property
    def choices_us(self) -> Sequence[int]:
        """The ages to choose from, ascending, in microseconds; empty if they are a range."""
        if not isinstance(self._age, Choices):
            return ()
        return sorted(int(choice) for choice in self._age.choices if not isinstance(choice, str))

    @property
    def low_us(self) -> int:
        """The lowest age, in microseconds."""
        return int(self._age.low) if isinstance(self._age, Numeric) else self.choices_us[0]

    @property
    def high_us(self) -> int:
        """The highest age, in microseconds."""
        return int(self._age.high) if isinstance(self._age, Numeric) else self.choices_us[-1]

    def nearest_us(self, age_us: float) -> int:
        """Give the age on the line that is nearest to *age_us*; of two, the lower."""
        if self.choices_us:
            return min(self.choices_us, key=lambda choice: abs(choice - age_us))
        return min(max(round(age_us), self.low_us), self.high_us)

    def at(self, age_us: int) -> dict[str, Value]:
        """Give the parameter set of an age on the line: all parameters that exist there."""
        return plain_set(self._space, {self._age.name: age_us})

    def age_of(self, values: ParameterSet) -> int | None:
        """Give the age of a parameter set, in microseconds; None if the set is not on the line."""
        age = values.get(self._age.name)
        if age is None or isinstance(age, str) or self.at(int(age)) != dict(values):
            return None
        return int(age)


class AgeSampler(AtOnceSampler):
    """Proposes ages on the line; trials whose parameters were given are left as they are.

    Args:
        space: The search space.
        name: The sampler's name.
        seed: Seed of what is random.

    Raises:
        InputError: As `AgeLine` does.
    """

    def __init__(self, space: SearchSpace, *, name: str, seed: int) -> None:
        self.line = AgeLine(space, name)
        super().__init__(space, seed=seed)

    @abstractmethod
    def age_us(self, study: Study, trial: FrozenTrial) -> int:
        """Give the age that *trial*, a trial of this sampler's own, proposes, in microseconds."""

    def proposal(self, study: Study, trial: FrozenTrial) -> ParameterSet:
        """Give the set of the next age on the line."""
        return self.line.at(self.age_us(study, trial))
