from __future__ import annotations

from pathlib import Path

import numpy as np

from autotune.objective.pareto import hypervolume
from autotune.space.space import ParameterSet, load_search_space
from autotune.surrogate.evolution import Evaluated, Evolution
from autotune.surrogate.unit_cube import UnitCube

CUBE = UnitCube(load_search_space(Path(__file__).parents[2] / "search_spaces/prcl-quota.yaml"))
CORNER = (0.0, 0.5)


def judge(points: list[ParameterSet]) -> Evaluated:
    """A front that is known: what is paid for a saving is its square; other parameters spoil it."""
    cube = np.array([CUBE.point(values) for values in points])
    saved = 1.0 - cube[:, 0]
    spoilt = (cube[:, 1] - 0.3) ** 2 + 0.2 * (cube[:, 2] < 0.75)
    cost = saved**2 + spoilt
    return Evaluated(
        points=cube,
        losses=np.column_stack((-saved, cost)),
        excess=np.maximum(0.0, cost / CORNER[1] - 1.0),
    )


def search(seed: int, *, design: int, rounds: int) -> Evaluated:
    evolution = Evolution(CUBE, CORNER, seed=seed)
    tried = evolution.design(design)
    for _ in range(rounds):
        tried += evolution.vary(judge(tried), 16)
    return judge(tried)


def volume(found: Evaluated) -> float:
    return hypervolume(found.losses[found.excess <= 0.0], CORNER)


SHARES = np.linspace(0.0, 1.0, 2001)
REACHABLE = hypervolume(np.column_stack((-SHARES, SHARES**2)), CORNER)


def test_it_finds_the_front_that_a_design_of_as_many_points_does_not() -> None:
    found = volume(search(0, design=32, rounds=36))
    spread = volume(search(0, design=32 + 36 * 16, rounds=0))

    missing, missed_by_chance = REACHABLE - found, REACHABLE - spread
    assert missing < 0.025 * REACHABLE
    assert missing < 0.6 * missed_by_chance


def test_it_works_on_all_parts_of_the_front() -> None:
    found = search(1, design=32, rounds=18)
    good = found.losses[found.losses[:, 1] < found.losses[:, 0] ** 2 + 0.02]
    counts, _ = np.histogram(-good[:, 0], bins=4, range=(0.0, 0.7))

    assert (counts > 0).all()


def test_equal_seeds_give_equal_proposals() -> None:
    one, other = (search(2, design=8, rounds=3) for _ in range(2))

    assert (one.points == other.points).all()
    assert not (one.points == search(3, design=8, rounds=3).points).all()


def test_variations_along_what_sets_good_points_apart_follow_a_narrow_ridge() -> None:
    def ridge(tried: list[ParameterSet]) -> Evaluated:
        """Good is only where two parameters change together; nothing else matters."""
        cube = np.array([CUBE.point(values) for values in tried])
        away = np.abs(cube[:, 0] - cube[:, 1])
        return Evaluated(
            points=cube,
            losses=np.column_stack((cube[:, 0] + 20.0 * away, np.zeros(len(cube)))),
            excess=np.zeros(len(cube)),
        )

    def found(along: float, seed: int) -> float:
        evolution = Evolution(CUBE, (30.0, 1.0), seed=seed, along=along)
        tried = evolution.design(64)
        for _ in range(12):
            tried += evolution.vary(ridge(tried), 16)
        return float(ridge(tried).losses[:, 0].min())

    seeds = range(8)
    assert np.median([found(0.3, s) for s in seeds]) < np.median([found(0.0, s) for s in seeds])
