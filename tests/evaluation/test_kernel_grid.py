from __future__ import annotations

import itertools

import pytest

from autotune.damon.damos import AccessPattern, Action, Quota, Range, Scheme, Weights
from autotune.damon.monitoring import Monitoring
from autotune.evaluation.kernel_grid import (
    FIGURES,
    PATTERNS,
    Cell,
    experiments,
    kernel_cells,
    measure,
)
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.testing import measurement

AGES = (5, 15, 30, 60, 120)
QUOTAS_MS = (0, 5, 20)
SCHEMES = ("rec", *(f"prcl-a{age}-q{limit}" for age in AGES for limit in QUOTAS_MS))


def test_the_kernel_ran_every_scheme_on_every_pattern_once() -> None:
    cells = [(cell.pattern, cell.scheme) for cell in kernel_cells()]

    assert sorted(cells) == sorted(itertools.product(PATTERNS, SCHEMES))


def test_recorded_figures_are_those_of_the_file() -> None:
    cells = {(cell.pattern, cell.scheme): cell.figures for cell in kernel_cells()}

    assert cells["stairs_30secs", "prcl-a30-q0"] == {
        "memory_saving": 0.4327,
        "own_cpu_slowdown": 0.0622,
        "kdamond_cpu": 0.1534,
    }


def test_what_has_a_quota_is_told_from_its_name() -> None:
    limited = {scheme for scheme in SCHEMES if Cell("any", scheme, {}).has_quota}

    assert limited == {scheme for scheme in SCHEMES if scheme.endswith(("-q5", "-q20"))}


def test_patterns_fill_all_regions_and_then_access_some_for_a_while() -> None:
    turns = {
        name: [
            (phase.duration_us, [access.region for access in phase.accesses])
            for phase in pattern.phases
        ]
        for name, pattern in PATTERNS.items()
    }

    assert turns == {
        "stairs_30secs": [
            (5_000_000, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
            *((2_500_000, [step]) for step in range(10)),
        ],
        "zigzag_30secs": [
            (5_000_000, [0, 1]),
            *[(2_500_000, [0]), (2_500_000, [1])] * 6,
        ],
    }


def test_a_name_says_age_and_quota() -> None:
    baseline, experiment = experiments("zigzag_30secs", "prcl-a15-q20", start_after_us=7)

    assert baseline == Experiment(workload=PATTERNS["zigzag_30secs"])
    assert experiment == Experiment(
        workload=PATTERNS["zigzag_30secs"],
        monitoring=Monitoring(),
        start_after_us=7,
        schemes=(
            Scheme(
                action=Action.PAGEOUT,
                pattern=AccessPattern(
                    size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(1_500_000)
                ),
                quota=Quota(time_us=20_000, weights=Weights(size=0, access_rate=300, age=700)),
            ),
        ),
    )


def test_no_quota_and_no_scheme_have_names_too() -> None:
    _, unlimited = experiments("stairs_30secs", "prcl-a5-q0", start_after_us=0)
    _, monitored = experiments("stairs_30secs", "rec", start_after_us=0)

    assert [scheme.quota for scheme in unlimited.schemes] == [None]
    assert (monitored.schemes, monitored.monitoring) == ((), Monitoring())


class Known:
    """Runs whose figures are known: what is saved and what it costs follow from the seed."""

    def __init__(self) -> None:
        self.runs: list[tuple[bool, int]] = []

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        self.runs.append((bool(experiment.schemes), seed))
        if not experiment.schemes:
            return measurement(rss_mean_bytes=1000.0 * (seed + 1), workload_cpu_s=10.0 + seed)
        return measurement(
            rss_mean_bytes=500.0 * (seed + 1), workload_cpu_s=12.0 + seed, kdamond_cpu=0.1 * seed
        )


def test_figures_are_means_over_seeds_each_against_its_own_baseline() -> None:
    known = Known()

    figures = measure(known, "stairs_30secs", "prcl-a5-q0", (0, 2), start_after_us=0)

    assert tuple(figures) == FIGURES
    assert figures == pytest.approx(
        {
            "memory_saving": 0.5,
            "own_cpu_slowdown": (2 / 10 + 2 / 12) / 2,
            "kdamond_cpu": 0.1,
        }
    )
    assert sorted(known.runs) == [(False, 0), (False, 2), (True, 0), (True, 2)]
