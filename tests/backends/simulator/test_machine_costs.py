from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

from autotune import catalog
from autotune.backends.simulator.machine_costs import FIGURES, Machine, Quantity
from autotune.backends.simulator.profile_files import load_machine

SERVER = load_machine(catalog.find("server", "machines", Path()))
NUMBERS = {figure.field for figure in FIGURES if figure.quantity is not Quantity.HUGE_PAGES}
DOCS = Path(__file__).parents[3] / "docs" / "machine-profiles.md"


def test_every_field_of_a_machine_but_its_name_is_one_figure() -> None:
    listed = sorted(figure.field for figure in FIGURES)

    assert listed == sorted(field.name for field in fields(Machine) if field.name != "name")


def test_every_figure_has_its_row_in_the_documentation() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", DOCS.read_text(), re.MULTILINE)
    told = [key.strip("`") for row in rows for key in row.split(", ")]

    assert sorted(told) == sorted(figure.key for figure in FIGURES)


def refusing(value: float) -> set[str]:
    """The fields that can't have a value."""
    refused = set()
    for field in NUMBERS:
        try:
            replace(SERVER, **{field: value})  # type: ignore[arg-type]
        except ValueError:
            refused.add(field)
    return refused


def test_every_number_has_its_bounds() -> None:
    fractions = {"compressed_fraction", "missed_access_chance", "stalled_fraction"}

    assert refusing(-0.001) == NUMBERS
    assert refusing(0) == {
        "cpus",
        "memory_bytes",
        "sequential_access_ns",
        "random_access_ns",
        "huge_random_access_ns",
        "jiffy_us",
    }
    assert refusing(0.249) == set()
    assert refusing(0.25) == refusing(1) == {"compressed_fraction"}
    assert refusing(1.001) == fractions
