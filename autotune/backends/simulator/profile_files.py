"""Machine profiles as files: `autotune/catalog/machines/*.yaml`, or a user's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args

from autotune import document
from autotune.backends.settings import HugePages
from autotune.backends.simulator.machine_costs import FIGURES, Machine, Quantity
from autotune.document import Reader, Value
from autotune.errors import InputError
from autotune.units import format_duration, format_share, format_size

_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000}


def _cost_ns(text: str) -> Decimal:
    """Read a short time as nanoseconds.

    >>> print(_cost_ns("250ns"), _cost_ns("1.5 us"))
    250 1500.0
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ns|us|ms)\s*", text)
    if match is None:
        raise ValueError(f"'{text}' is not a cost: write a number and ns, us or ms, as in 250ns")
    return Decimal(match[1]) * _NANOSECONDS[match[2]]


_cost = document.parsed(_cost_ns, "write a cost with its unit, as in 250ns")


def _ns(value: Value) -> float:
    return float(_cost(value))


def _us(value: Value) -> float:
    return float(_cost(value) / 1000)


def _write_ns(cost_ns: float) -> str:
    return f"{Decimal(repr(cost_ns)).normalize():f}ns"


def _write_us(cost_us: float) -> str:
    """Write a cost exactly, in the unit that reads best.

    >>> _write_us(66), _write_us(0.8), _write_us(0.0)
    ('66us', '800ns', '0ns')
    """
    exact = Decimal(repr(cost_us))
    number, unit = (exact, "us") if exact >= 1 else (exact * 1000, "ns")
    return f"{number.normalize():f}{unit}"


_FORMS: Final[dict[Quantity, tuple[Reader[Any], Callable[[Any], str], str]]] = {
    Quantity.COUNT: (document.integer(at_least=1), str, "8"),
    Quantity.SIZE: (document.size, format_size, "16G"),
    Quantity.DURATION: (document.duration, format_duration, "100ms"),
    Quantity.COST_NS: (_ns, _write_ns, "250ns"),
    Quantity.COST_US: (_us, _write_us, "5us"),
    Quantity.SHARE: (document.share, format_share, "5%"),
    Quantity.HUGE_PAGES: (document.one_of(get_args(HugePages)), str, "never"),
}
"""How each quantity is read and written, and an example of it."""


def load_machine(path: Path) -> Machine:
    """Read a machine profile; the machine gets the file's name.

    Raises:
        InputError: If the file is no machine profile; the message says where.
    """
    profile = document.load(path)
    where = profile.where()
    defaults = {field.name: field.default for field in fields(Machine)}
    values: dict[str, Any] = {}
    for figure in FIGURES:
        read, _, example = _FORMS[figure.quantity]
        default = defaults[figure.field]
        values[figure.field] = (
            profile.take(figure.key, read, example=example)
            if default is MISSING
            else profile.take(figure.key, read, default)
        )
    profile.finish()
    try:
        return Machine(name=path.stem, **values)
    except ValueError as error:
        raise InputError(str(error), where) from error


def write_machine(machine: Machine, summary: str) -> str:
    """Write a machine profile, exactly: `load_machine` gives an equal machine.

    Args:
        machine: Its name is not written: the file must be named after the machine.
        summary: One line that says which machine the profile describes.
    """
    lines: list[tuple[str, str]] = []
    for figure in FIGURES:
        _, write, _ = _FORMS[figure.quantity]
        lines.append((f"{figure.key}: {write(getattr(machine, figure.field))}", figure.meaning))
    width = max(len(line) for line, _ in lines)
    body = (f"{line:<{width}} # {meaning}\n" for line, meaning in lines)
    return f"# {summary}\n{''.join(body)}"
