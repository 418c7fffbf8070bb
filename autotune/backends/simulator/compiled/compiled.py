"""Compiles the simulator's inner loops with Numba, and keeps what was compiled.

Numba's own cache looks at the time stamp of the file that holds a function, but not at the files of the
functions that it calls. So the cache folder is named after the contents of every file with compiled
code: a change of any of these files makes another folder.

With ``NUMBA_DISABLE_JIT=1`` in the environment, these functions run as plain Python, slowly.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast

import numba
from numba.extending import overload

from autotune.cache import cache_folder
from autotune.errors import BackendUnavailableError

_FORGOTTEN_S = 30 * 86_400
"""Compiled code of a version that nobody used for so long is removed."""

COUNTS = {"pattern": "counting.count_hits", "recording": "counting.count_replayed_hits"}
"""By source: the function that is compiled for this source only."""

P = ParamSpec("P")
R = TypeVar("R")


_SIMULATOR = Path(__file__).resolve().parents[1]
_AUTOTUNE = _SIMULATOR.parents[1]
SOURCES = (
    *sorted(_SIMULATOR.glob("*/**/*.py")),
    _SIMULATOR / "source.py",
    _SIMULATOR / "world.py",
    _SIMULATOR / "machine_costs.py",
    _AUTOTUNE / "damon" / "kernel_rules.py",
    _AUTOTUNE / "experiment" / "pattern.py",
)
"""Every file with compiled code, and every file with a number that compiled code contains."""


def code_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Make the folder for this version's compiled code; remove folders that nobody used for long.

    Args:
        environment: NUMBA_CACHE_DIR counts, else XDG_CACHE_HOME.

    Returns:
        The folder; None if no folder can be made.
    """
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    chosen = environment.get("NUMBA_CACHE_DIR")
    try:
        versions = (
            Path(chosen).expanduser() / "damos-autotune" if chosen else cache_folder(environment)
        )
        folder = versions / f"compiled-{digest.hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        for other in versions.glob("compiled-*"):
            if time.time() - other.stat().st_mtime > _FORGOTTEN_S:
                shutil.rmtree(other, ignore_errors=True)
    except (OSError, RuntimeError, BackendUnavailableError):  # read-only, or no home directory
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER = code_folder()
if _FOLDER is not None:
    numba.config.CACHE_DIR = str(_FOLDER)  # type: ignore[attr-defined]  # set from the environment


def waiting(
    source: Literal["pattern", "recording"],
    folder: Path | None = _FOLDER,
    environment: Mapping[str, str] = os.environ,
) -> str | None:
    """Say what the first run has to wait for; None if compiled code is kept from an earlier use.

    Args:
        source: What is simulated: patterns and recordings have compiled code of their own.
        folder: Where compiled code is kept.
        environment: With NUMBA_DISABLE_JIT nothing is compiled.
    """
    if environment.get("NUMBA_DISABLE_JIT", "0") != "0":
        return None
    if folder is None:
        return (
            "compiling the simulator, which takes most of a minute, every time: set "
            "XDG_CACHE_HOME to a folder where it can be kept"
        )
    if all(any(folder.rglob(f"{name}-*.nbi")) for name in ("kdamond.run", COUNTS[source])):
        return None
    return "compiling the simulator, which takes most of a minute, once"


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile *function* when it is first called; it then runs without holding Python's global lock.

    *function* may not make arrays: Numba does not count references here, which makes code three times
    as fast.
    """
    return _compile(function, inlined=False)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile *function* into each function that calls it.

    A call passes the whole description of every array in its arguments. For a short function this takes
    longer than the function's work.
    """
    return _compile(function, inlined=True)


def chosen_by_type(choices: Mapping[type, Callable[..., R]]) -> Callable[..., R]:
    """Make one function of several: the type of the first argument chooses which function is called.

    The choice is made while code is compiled, so that no run pays for it. Arguments go by position.
    """

    def chosen(first: Any, *rest: Any) -> R:
        return choices[type(first)](first, *rest)

    def choose(first: Any, *_rest: Any) -> Callable[..., R]:
        function = choices[first.instance_class]

        def call(first: Any, *rest: Any) -> R:
            return function(first, *rest)

        return call

    options: Any = _options(inlined=True)
    overload(chosen, strict=False, jit_options=options)(choose)
    return chosen


def _options(*, inlined: bool) -> dict[str, Any]:
    return {
        "nogil": True,
        "error_model": "numpy",  # no test for zero before each division
        "forceinline": inlined,
        "_nrt": False,  # no counting of references
    }


def _compile(function: Callable[P, R], *, inlined: bool) -> Callable[P, R]:
    compile_it = numba.njit(cache=_FOLDER is not None, **_options(inlined=inlined))
    return cast("Callable[P, R]", compile_it(function))
