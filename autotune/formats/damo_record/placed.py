"""Errors that name their place in a recording's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class PlacedError(ValueError):
    """Something is wrong at a place in the file."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what

    def within(self, outer: str) -> PlacedError:
        """Give this error with *outer* in front of its place."""
        separator = "" if self.place.startswith("[") else "."
        return PlacedError(f"{outer}{separator}{self.place}", self.what)


def within(place: str, make: Callable[..., T], *arguments: Any) -> T:
    """Give what *make* makes of *arguments*; an error gets *place* in front of its place.

    Raises:
        PlacedError: If *make* fails on a value that is not as damo writes it.
    """
    try:
        return make(*arguments)
    except PlacedError as error:
        raise error.within(place) from error
    except ValueError as error:
        raise PlacedError(place, str(error)) from error
    except (TypeError, AttributeError, KeyError) as error:
        raise PlacedError(place, f"is not as damo writes it: {error}") from error
