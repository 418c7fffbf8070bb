from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from autotune.evaluation.kernel_table import (
    BASELINE,
    Row,
    append_row,
    read_table,
    schemes_of,
    stored,
)
from autotune.testing import measurement
from autotune.workload_file.workload_file import load_workload_file

FILE = load_workload_file(
    Path(__file__).parents[2] / "benchmarks" / "tuner" / "kernel" / "return.yaml"
)
PLAIN: Mapping[str, int | str] = {
    "pattern.min_age": 500_000,
    "pattern.min_size": 4096,
    "limit": "none",
}
LIMITED: Mapping[str, int | str] = {
    "pattern.min_age": 700_000,
    "pattern.min_size": 65536,
    "limit": "size",
    "quota.size": 1 << 20,
    "quota.reset_interval": 500_000,
    "quota.weights.access_rate": 0,
    "quota.weights.age": 1000,
}


def row(origin: str, parameters: Mapping[str, int | str], seed: int, cpu_s: float) -> Row:
    return Row(
        origin=origin,
        parameters=parameters,
        seed=seed,
        measurement=measurement(work_done=10.0, workload_cpu_s=cpu_s),
    )


def test_rows_that_are_appended_are_read_back_in_their_order(tmp_path: Path) -> None:
    rows = [
        row(BASELINE, {}, 0, 4.0),
        row("design", PLAIN, 0, 4.1),
        row("tpe", LIMITED, 0, 4.2),
    ]
    table = tmp_path / "table.csv"

    for one in rows:
        append_row(table, FILE.search_space, one, comment="Measured here.")

    assert table.read_text().startswith("# Measured here.\norigin,pattern.min_age_us,")
    assert read_table(table, FILE.search_space) == rows


def test_a_table_that_is_missing_has_no_rows(tmp_path: Path) -> None:
    assert read_table(tmp_path / "none.csv", FILE.search_space) == []


def test_figures_are_by_schemes_and_seed_against_the_baseline_of_the_seed() -> None:
    rows = [
        row(BASELINE, {}, 0, 4.0),
        row("design", PLAIN, 0, 5.0),
        row(BASELINE, {}, 1, 5.0),
        row("tpe", PLAIN, 1, 6.0),
        row("tpe", PLAIN, 2, 6.0),
    ]

    found = stored(rows, FILE)

    [(schemes, measured)] = found.items()
    assert schemes == schemes_of(FILE, PLAIN)
    assert measured.origin == "design"
    assert {seed: one["slowdown"] for seed, one in measured.figures.items()} == {
        0: pytest.approx(0.25),
        1: pytest.approx(0.2),
    }
