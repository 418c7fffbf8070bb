"""The examples are right, and the programs among them do their work and save memory on a real kernel.

Measured are shorter copies of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from autotune.backends.vm.vm import Vm
from autotune.formats.scheme_files import load_schemes, resolve
from autotune.lint.check_file import check_file
from autotune.study.one_scheme import SchemeMeasurement, measure_scheme
from autotune.workload_file.workload_file import load_workload_file

EXAMPLES = Path(__file__).parents[2] / "examples"
WORKLOADS = sorted(EXAMPLES.glob("*.yaml"))


def shortened(folder: Path, name: str, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """Copy an example into *folder*, with other numbers; give its workload file.

    Args:
        folder: Empty.
        name: Of the example.
        changes: By file, what is replaced by what; each stands there once.
    """
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    for file, replacements in changes.items():
        text = (folder / file).read_text()
        for old, new in replacements.items():
            assert text.count(old) == 1, f"{file}: {old}"
            text = text.replace(old, new)
        (folder / file).write_text(text)
    return folder / f"{name}.yaml"


def under_prcl_3s(workload_file: Path, cache: Path) -> SchemeMeasurement:
    workload = load_workload_file(workload_file)
    vm = Vm(workload.backend.vm, cache, print)
    try:
        return measure_scheme(workload, load_schemes(resolve("prcl-3s", Path())), vm)
    finally:
        vm.stop()


@pytest.mark.parametrize("path", WORKLOADS, ids=lambda path: path.stem)
def test_every_example_is_described(path: Path) -> None:
    rows = [line for line in (EXAMPLES / "README.md").read_text().splitlines() if "|" in line]

    assert any(f"`{path.name}`" in row for row in rows)
    assert load_workload_file(path).name == path.stem


@pytest.mark.vm
@pytest.mark.parametrize("path", WORKLOADS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("vm_cache")
def test_every_example_is_right(path: Path) -> None:
    checked = check_file(path)

    assert checked.summary.startswith(f"workload '{path.stem}': ")
    # Of each recording it is said how far its figures can be trusted.
    plays_recording = path.stem == "redis-offline"
    assert ["recordings told savings to" in one for one in checked.warnings] == [
        True
    ] * plays_recording


@pytest.mark.vm
def test_redis_counts_its_bitmap_while_its_documents_are_paged_out(
    tmp_path: Path, vm_cache: Path
) -> None:
    short = shortened(
        tmp_path,
        "redis",
        {"redis.yaml": {'"400"': '"160"'}, "redis/fill.lua": {"= 1, 60000": "= 1, 10000"}},
    )

    compared = under_prcl_3s(short, vm_cache)

    assert compared.baseline.swap_out_bytes == 0
    assert (compared.metrics["memory_saving"] or 0.0) > 0
    assert compared.measurement.swap_out_bytes > compared.measurement.swap_in_bytes
    # One request follows the other: the slowest takes longer than the average, and less than all.
    for one in (compared.baseline, compared.measurement):
        assert one.runtime_s / 160 < (one.latency_max_s or 0.0) < one.runtime_s


@pytest.mark.vm
def test_sqlite_finds_all_goods_while_past_orders_are_paged_out(
    tmp_path: Path, vm_cache: Path
) -> None:
    lookups = 250_000
    short = shortened(
        tmp_path,
        "sqlite",
        {"sqlite/shop.sql": {"LIMIT 400000": f"LIMIT {lookups}", "LIMIT 120000": "LIMIT 40000"}},
    )

    compared = under_prcl_3s(short, vm_cache)

    assert compared.baseline.work_done == compared.measurement.work_done == lookups
    assert compared.baseline.swap_out_bytes == 0
    assert (compared.metrics["memory_saving"] or 0.0) > 0
    assert compared.measurement.swap_out_bytes > compared.measurement.swap_in_bytes
