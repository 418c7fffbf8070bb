"""Figures of real programs: what is kept is read, put beside what was simulated, and judged."""

from pathlib import Path

import numpy as np
import pytest

from autotune.damon.damos import Action
from autotune.damon.monitoring import Intervals
from autotune.evaluation.fidelity import Beside
from autotune.evaluation.program_figures import (
    COLUMNS,
    SCHEMES,
    Cell,
    beside,
    kept_figures,
    on_grid_schemes,
    usual_spreads,
    wrong_signs,
)

ROWS = """\
# a comment
{columns}
redis,age-1s,0,0.5,0.25,7
redis,age-1s,1,0.3,0.75,9
redis,age-2s,0,0.1,0.05,1
node,age-1s,0,0.9,0.1,2
"""


@pytest.fixture
def kept(tmp_path: Path) -> dict[Cell, dict[str, float]]:
    path = tmp_path / "kernel.csv"
    path.write_text(ROWS.format(columns=",".join(COLUMNS)), encoding="utf-8")
    return kept_figures(path)


def simulated(*schemes: str) -> dict[str, dict[str, float]]:
    return {name: {"memory_saving": 0.2, "own_cpu_slowdown": 0.1} for name in schemes}


def test_figures_are_read_by_program_scheme_and_seed(kept: dict[Cell, dict[str, float]]) -> None:
    assert len(kept) == 4
    assert kept[Cell("redis", "age-1s", 1)] == {
        "memory_saving": 0.3,
        "own_cpu_slowdown": 0.75,
        "major_faults": 9.0,
    }


def test_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    assert kept_figures(tmp_path / "none.csv") == {}


def test_only_what_both_have_is_put_side_by_side(kept: dict[Cell, dict[str, float]]) -> None:
    one = beside("redis", kept, simulated("age-1s", "age-4s"))

    assert one is not None
    assert one.schemes == ("age-1s",)
    np.testing.assert_array_equal(one.kernel, [[[0.5, 0.25], [0.3, 0.75]]])
    np.testing.assert_array_equal(one.predicted, [[0.2, 0.1]])


def test_seeds_that_a_scheme_lacks_are_left_out(kept: dict[Cell, dict[str, float]]) -> None:
    one = beside("redis", kept, simulated("age-1s", "age-2s"))

    assert one is not None
    np.testing.assert_array_equal(one.kernel, [[[0.5, 0.25]], [[0.1, 0.05]]])


def of_seeds(program: str, scheme: str, *savings: float) -> dict[Cell, dict[str, float]]:
    return {
        Cell(program, scheme, seed): {"memory_saving": saving, "own_cpu_slowdown": 0.0}
        for seed, saving in enumerate(savings)
    }


def test_how_far_seeds_lie_apart_is_the_median_of_the_programs_that_have_several() -> None:
    kernel = {
        **of_seeds("a", "age-1s", 0.25, 0.5, 0.375),
        **of_seeds("b", "age-1s", 0.5, 0.5),
        **of_seeds("c", "age-1s", 0.75, 0.25),
        **of_seeds("d", "age-1s", 0.9),
        **of_seeds("d", "age-2s", 0.9),
    }

    assert usual_spreads(kernel) == {"age-1s": {"memory_saving": 0.25, "own_cpu_slowdown": 0.0}}


def test_a_program_of_one_seed_is_told_apart_by_the_spread_of_others() -> None:
    kernel = {
        **of_seeds("a", "age-1s", 0.5, 0.375),
        **of_seeds("a", "age-2s", 0.5, 0.25),
        **of_seeds("b", "age-1s", 0.375),
        **of_seeds("b", "age-2s", 0.25),
        **of_seeds("c", "age-1s", 0.75),
        **of_seeds("c", "age-2s", 0.25),
    }

    near, far = (beside(one, kernel, simulated("age-1s", "age-2s")) for one in "bc")

    assert near is not None
    assert far is not None
    np.testing.assert_array_equal(near.usual_spread, [[0.125, 0.0], [0.25, 0.0]])
    assert near.pairs(0) == []
    assert far.pairs(0) == [(0, 1)]


@pytest.mark.parametrize("program", ["redis", "perl"])
def test_nothing_in_common_is_nothing(kept: dict[Cell, dict[str, float]], program: str) -> None:
    assert beside(program, kept, simulated("age-4s")) is None


@pytest.mark.parametrize(
    ("kernel", "predicted", "is_wrong"),
    [(0.12, -0.13, True), (-0.05, 0.02, True), (0.12, 0.4, False), (0.12, -0.009, False)],
)
def test_a_sign_counts_where_both_figures_are_clear(
    kernel: float, predicted: float, *, is_wrong: bool
) -> None:
    one = Beside(
        pattern="node",
        part="program",
        schemes=("age-1s",),
        kernel=np.array([[[kernel, 0.1]]]),
        predicted=np.array([[predicted, 0.1]]),
    )

    assert wrong_signs(one) == (("age-1s",) if is_wrong else ())


def test_the_schemes_are_eight_that_page_out_and_differ() -> None:
    schemes = on_grid_schemes(Intervals(), 8)

    assert list(schemes) == list(SCHEMES)
    assert len(set(schemes.values())) == 8
    assert {scheme.action for scheme in schemes.values()} == {Action.PAGEOUT}
    assert list(on_grid_schemes(Intervals(), 3)) == list(SCHEMES)[:3]
