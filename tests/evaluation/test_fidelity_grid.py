from __future__ import annotations

import csv
from pathlib import Path

import pytest

from autotune.damon.damos import SchemeStats
from autotune.evaluation import fidelity_grid as grid
from autotune.objective import metrics
from autotune.testing import measurement


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("# A comment.\n")
        writer = csv.DictWriter(file, grid.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def test_half_of_the_patterns_calibrate_and_the_other_half_only_judge() -> None:
    assert len(grid.CALIBRATING) == len(grid.JUDGING) >= 3
    parts = (grid.CALIBRATING, grid.JUDGING, grid.FRESH, grid.MASIM)
    assert len(grid.PATTERNS) == sum(map(len, parts))


def test_schemes_are_limited_in_all_the_ways_that_are_to_be_judged() -> None:
    quotas = [scheme.quota for scheme in grid.SCHEMES.values()]
    sizes = {scheme.pattern.size_bytes.min for scheme in grid.SCHEMES.values()}

    assert len(set(grid.SCHEMES.values())) == len(grid.SCHEMES) >= 15
    assert any(quota is None for quota in quotas)
    assert any(quota is not None and quota.time_us is not None for quota in quotas)
    assert any(quota is not None and quota.size_bytes is not None for quota in quotas)
    assert len(sizes) > 1


def test_every_region_of_a_pattern_is_accessed() -> None:
    accessed = {
        name: {
            access.region for phase in pattern.phases for access in phase.accesses if access.weight
        }
        for name, pattern in grid.PATTERNS.items()
    }

    assert accessed == {
        name: set(range(len(pattern.regions))) for name, pattern in grid.PATTERNS.items()
    }


def test_kept_figures_are_the_metrics_of_what_was_measured(tmp_path: Path) -> None:
    baseline = measurement(work_done=3e8, workload_cpu_s=9.0 / 7.0)
    measured = measurement(
        work_done=2.9e8,
        rss_mean_bytes=61234567.890123,
        swap_pool_mean_bytes=1234567.0,
        workload_cpu_s=10.0 / 7.0,
        kdamond_cpu=0.125,
        scheme_stats=SchemeStats(tried_regions=3, tried_bytes=4096, quota_exceeds=2),
    )
    orig, run = grid.Cell("drift", grid.BASELINE, 1), grid.Cell("drift", "age-500ms", 1)
    path = tmp_path / "kept.csv"

    write(path, [grid.row(orig, baseline), grid.row(run, measured)])

    expected = metrics.compute(measured, baseline, slowdown="own_cpu_slowdown")
    assert grid.kernel_figures(path) == {
        run: pytest.approx({name: expected[name] for name in grid.FIGURES}, abs=1e-8)
    }
    assert grid.kept_rows(path)[run]["tried_bytes"] == "4096"


def test_a_run_without_its_baseline_has_no_figures(tmp_path: Path) -> None:
    path = tmp_path / "kept.csv"
    rows = [(grid.BASELINE, 0), ("age-500ms", 0), ("age-500ms", 1)]

    write(
        path,
        [
            grid.row(grid.Cell("drift", run, seed), measurement(work_done=1.0))
            for run, seed in rows
        ],
    )

    assert list(grid.kernel_figures(path)) == [grid.Cell("drift", "age-500ms", 0)]


def test_nothing_is_kept_where_there_is_no_file(tmp_path: Path) -> None:
    assert grid.kept_rows(tmp_path / "none.csv") == {}


def test_the_kernel_was_measured_on_the_whole_grid() -> None:
    assert set(grid.kept_rows()) == set(grid.cells())
