"""Linear algebra on one core."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def on_one_core(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Let linear algebra use one core: sums in another order would give other results."""

    @functools.wraps(function)
    def limited(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with _libraries().limit(limits=1):
            return function(*args, **kwargs)

    return limited


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
