"""The simulator keeps what docs/simulator.md promises, beside the kept figures of the real kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.evaluation import fidelity_grid as grid
from autotune.evaluation.fidelity import (
    Beside,
    beside,
    goals,
    simulated_figures,
    to_simulate,
    verdict,
)


@pytest.fixture(scope="module")
def patterns() -> list[Beside]:
    kernel = grid.kernel_figures()
    machine = load_machine(catalog.find("micro-vm", "machines", Path()))
    simulated = simulated_figures(Simulator(machine), to_simulate(kernel))
    return list(beside(kernel, simulated))


@pytest.mark.parametrize("part", ["judge", "fresh"])
def test_all_goals_are_met_by_patterns_that_only_judge(patterns: list[Beside], part: str) -> None:
    judged = verdict([one for one in patterns if one.part == part])

    assert all(goals(judged).values()), goals(judged)


@pytest.mark.parametrize("pattern", grid.PATTERNS)
def test_memory_saving_is_predicted_within_three_points_of_each_pattern(
    patterns: list[Beside], pattern: str
) -> None:
    judged = verdict([one for one in patterns if one.pattern == pattern])

    assert judged.figures["memory_saving"].error <= 0.03
