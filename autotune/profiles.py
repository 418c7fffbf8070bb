"""Machine profiles as files: `autotune/machines/*.yaml`, or a user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from autotune import document
from autotune.document import Value
from autotune.errors import InputError
from autotune.machine import Machine

_NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6}


def _cost_ns(text: str) -> float:
    """Read a short time as nanoseconds.

    >>> _cost_ns("250ns"), _cost_ns("1.5 us")
    (250.0, 1500.0)
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ns|us|ms)\s*", text)
    if match is None:
        raise ValueError(f"'{text}' is not a cost: write a number and ns, us or ms, as in 250ns")
    return float(match[1]) * _NANOSECONDS[match[2]]


_ns = document.parsed(_cost_ns, "write a cost with its unit, as in 250ns")


def _us(value: Value) -> float:
    return _ns(value) / 1000


def load_machine(path: Path) -> Machine:
    """Read a machine profile; its name is the file's.

    Raises:
        InputError: If the file is not one; the message says where.
    """
    profile = document.load(path)
    where = profile.where()
    fields: dict[str, Any] = {
        "cpus": profile.take("cpus", document.integer(at_least=1)),
        "memory_bytes": profile.take("memory", document.size),
        "swap_bytes": profile.take("swap", document.size),
        "sequential_access_ns": profile.take("sequential_access", _ns),
        "random_access_ns": profile.take("random_access", _ns),
        "fault_us": profile.take("fault", _us),
        "pageout_us": profile.take("pageout", _us),
        "check_us": profile.take("check", _us),
        "tick_us": profile.take("tick", _us),
        "disturbance_us": profile.take("disturbance", _us),
        "compressed_fraction": profile.take("compressed", document.share),
        "missed_access_chance": profile.take("missed_accesses", document.share, 0.0),
        "jiffy_us": profile.take("jiffy", document.duration, 4_000),
    }
    profile.finish()
    try:
        return Machine(name=path.stem, **fields)
    except ValueError as error:
        raise InputError(str(error), where) from error
