"""Machine profiles as files: `autotune/catalog/machines/*.yaml`, or a user's own."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from autotune import document
from autotune.backends.settings import HugePages
from autotune.backends.simulator.machine import Machine
from autotune.document import Value
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
        "huge_random_access_ns": profile.take("huge_random_access", _ns),
        "fault_us": profile.take("fault", _us),
        "quarter_fault_us": profile.take("quarter_fault", _us),
        "incompressible_fault_us": profile.take("incompressible_fault", _us),
        "stalled_fraction": profile.take("stalled", document.share),
        "first_touch_us": profile.take("first_touch", _us),
        "pageout_us": profile.take("pageout", _us),
        "quarter_pageout_us": profile.take("quarter_pageout", _us),
        "incompressible_pageout_us": profile.take("incompressible_pageout", _us),
        "scan_us": profile.take("scan", _us),
        "check_us": profile.take("check", _us),
        "tick_us": profile.take("tick", _us),
        "wake_us": profile.take("wake", _us, 0.0),
        "disturbance_us": profile.take("disturbance", _us),
        "sample_us": profile.take("sample", _us, 0.0),
        "compressed_fraction": profile.take("compressed", document.share),
        "missed_access_chance": profile.take("missed_accesses", document.share, 0.0),
        "huge_pages": profile.take("huge_pages", document.one_of(get_args(HugePages)), "never"),
        "jiffy_us": profile.take("jiffy", document.duration, 4_000),
    }
    profile.finish()
    try:
        return Machine(name=path.stem, **fields)
    except ValueError as error:
        raise InputError(str(error), where) from error


_MEANINGS = {
    "cpus": "1 means that the kdamond and the workload share it",
    "memory": "all of it",
    "swap": "room for swapped pages, before compression",
    "sequential_access": "one access of a pattern's sweep",
    "random_access": "one access at a random offset",
    "huge_random_access": "the same in huge pages",
    "fault": "bringing a page back from swap; the workload pays",
    "quarter_fault": "the same for a page compressed to a quarter",
    "incompressible_fault": "the same for a page stored as it is",
    "stalled": "of a fault's cost, what counts as waiting for memory (PSI)",
    "first_touch": "the fault of a page's first touch; the workload pays",
    "pageout": "paging a page out and compressing it; the kdamond pays",
    "quarter_pageout": "the same for a page compressed to a quarter",
    "incompressible_pageout": "the same for a page that doesn't get smaller",
    "scan": "a scheme's look at a page that it leaves; the kdamond pays",
    "check": "one region, prepared and checked; the kdamond pays",
    "tick": "one wake-up of the kdamond, apart from its regions",
    "wake": "how long the kdamond waits for the only CPU, apart from turns",
    "disturbance": "what a wake-up of the kdamond costs the workload",
    "sample": "what measuring takes of the only CPU for a sample of memory use",
    "compressed": "what a pattern's almost empty page is compressed to",
    "missed_accesses": "checks that don't see an access",
    "huge_pages": "never, madvise (where a scheme asks) or always",
    "jiffy": "the kernel's tick: 1 / CONFIG_HZ",
}


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


def write_machine(machine: Machine, summary: str) -> str:
    """Write a machine profile, exactly: `load_machine` gives the same machine again.

    Args:
        machine: Its name is not written, but is to be the file's.
        summary: One line that says what machine it is.
    """
    values = {
        "cpus": str(machine.cpus),
        "memory": format_size(machine.memory_bytes),
        "swap": format_size(machine.swap_bytes),
        "sequential_access": _write_ns(machine.sequential_access_ns),
        "random_access": _write_ns(machine.random_access_ns),
        "huge_random_access": _write_ns(machine.huge_random_access_ns),
        "fault": _write_us(machine.fault_us),
        "quarter_fault": _write_us(machine.quarter_fault_us),
        "incompressible_fault": _write_us(machine.incompressible_fault_us),
        "stalled": format_share(machine.stalled_fraction),
        "first_touch": _write_us(machine.first_touch_us),
        "pageout": _write_us(machine.pageout_us),
        "quarter_pageout": _write_us(machine.quarter_pageout_us),
        "incompressible_pageout": _write_us(machine.incompressible_pageout_us),
        "scan": _write_us(machine.scan_us),
        "check": _write_us(machine.check_us),
        "tick": _write_us(machine.tick_us),
        "wake": _write_us(machine.wake_us),
        "disturbance": _write_us(machine.disturbance_us),
        "sample": _write_us(machine.sample_us),
        "compressed": format_share(machine.compressed_fraction),
        "missed_accesses": format_share(machine.missed_access_chance),
        "huge_pages": machine.huge_pages,
        "jiffy": format_duration(machine.jiffy_us),
    }
    lines = {key: f"{key}: {value}" for key, value in values.items()}
    width = max(map(len, lines.values()))
    body = (f"{line:<{width}} # {_MEANINGS[key]}\n" for key, line in lines.items())
    return f"# {summary}\n{''.join(body)}"
