"""The samples of a run's series, for those who make arrays of them."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from autotune.experiment.measurement import Series


@runtime_checkable
class KeepsArrays(Protocol):
    """A series that keeps arrays, and makes a tuple only of a field that somebody looks at."""

    def samples(self, name: str) -> Any:
        """Give the array of a field; a tuple where some of it is not known."""


def samples(series: Series, name: str) -> Any:
    """Give the samples of a field in the form in which a series keeps them.

    Args:
        series: The series.
        name: The field.
    """
    return series.samples(name) if isinstance(series, KeepsArrays) else getattr(series, name)
