"""A kernel that is a formula, and priors that are right or wrong about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from autotune.objective.objective import Objectives, load_objectives, parse_constraint
from autotune.objective.pareto import hypervolume
from autotune.space.space import ParameterSet, load_search_space
from autotune.surrogate.prior import Prior
from autotune.surrogate.unit_cube import UnitCube

TOP = Path(__file__).parents[2]
SPACE = load_search_space(TOP / "search_spaces/prcl-quota.yaml")
CUBE = UnitCube(SPACE)
LIMIT = 0.02
OBJECTIVES: Objectives = load_objectives(TOP / "objectives/memory.yaml").with_constraints(
    [parse_constraint("slowdown <= 2%")]
)

Kernel = Callable[[ParameterSet, int], dict[str, float]]


def kernel(*, age: float = 1.0, cost: float = 1.0, noise: float = 0.02) -> Kernel:
    """A workload half of which is cold; its slowdown is the more, the younger what is paged out.

    Args:
        age: How much older everything is.
        cost: How much more everything costs.
        noise: Of the slowdown, as a share of it.
    """

    def run(values: ParameterSet, seed: int) -> dict[str, float]:
        min_age, size = values["pattern.min_age"], values["pattern.min_size"]
        assert not isinstance(min_age, str)
        assert not isinstance(size, str)
        seconds = min_age / 1e6 / age
        coarse = np.log2(size / 4096) / 14
        calm = 0.7 if values["limit"] == "size" else 1.0
        saving = 0.5 / (1.0 + (seconds / 4.0) ** 2) * (1.0 - 0.6 * coarse) * (0.5 + 0.5 * calm)
        slowdown = cost * 0.05 / (1.0 + seconds**1.5) * calm**2 + 0.002
        random = np.random.default_rng([seed, int(min_age), int(size)])
        return {
            "memory_saving": float(saving + noise * 0.1 * random.standard_normal()),
            "slowdown": float(slowdown * (1.0 + noise * random.standard_normal())),
            "cpu_use": 0.01,
        }

    return run


def prior(run: Kernel) -> Prior:
    """What is known before, by the same formula or by another."""

    def say(asked: Sequence[tuple[ParameterSet, int]]) -> list[dict[str, float] | None]:
        return [run(values, seed) for values, seed in asked]

    return say


def true_volume(run: Kernel, sets: Sequence[ParameterSet]) -> float:
    """The hypervolume of saving against slowdown within the limit, of means over many runs."""
    points = []
    for values in sets:
        several = [run(values, 10_000 + seed) for seed in range(20)]
        saving = np.mean([one["memory_saving"] for one in several])
        points.append((-float(saving), float(np.mean([one["slowdown"] for one in several]))))
    return hypervolume(points, (0.0, LIMIT)) if points else 0.0


def breaking(run: Kernel, sets: Sequence[ParameterSet]) -> float:
    """The share of runs that break the limit."""
    seeds = range(20_000, 20_040)
    return float(np.mean([run(v, seed)["slowdown"] > LIMIT for v in sets for seed in seeds]))
