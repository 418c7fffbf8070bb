from __future__ import annotations

import numpy as np
import pytest

from autotune.space.space import ParameterSet
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.learning import Learning
from autotune.surrogate.sought import Sought
from tests.surrogate.formulas import CUBE, LIMIT, OBJECTIVES, Kernel, prior

SOUGHT = Sought(OBJECTIVES)
[ONE, OTHER] = Evolution(CUBE, (0.0, 0.02, 1.0), seed=5).design(2)


def figures(saving: float, slowdown: float) -> dict[str, float]:
    return {"memory_saving": saving, "slowdown": slowdown, "cpu_use": 0.01}


def learning(run: Kernel) -> Learning:
    found = Learning(SOUGHT, CUBE, [prior(run)], seed=0, guessed=False, gone_over=lambda: None)
    found.surface.add([ONE, OTHER])
    found.surface.repeat([0, 1], 20)
    return found


def test_how_often_the_priors_runs_keep_the_limits_counts() -> None:
    """Of one set each third run is far beyond the limit; the kernel has shown good runs alone."""

    def run(values: ParameterSet, seed: int) -> dict[str, float]:
        bad = values == ONE and seed % 3 == 0
        return figures(0.3, 5.0 * LIMIT if bad else 0.2 * LIMIT)

    found = learning(run)
    for _ in range(2):
        found.tell(ONE, SOUGHT.row(figures(0.3, 0.2 * LIMIT)))
    rows = np.array([0, 1])
    means = np.array([SOUGHT.row(figures(0.3, 0.2 * LIMIT))] * 2)
    spread = found.surface.spread

    as_the_prior = found.outcomes(rows, means, spread)
    much_less = found.outcomes(rows, means, 0.01 * spread)

    assert 0.4 < as_the_prior.chance[0] < 0.9
    assert as_the_prior.chance[1] == 1.0
    assert as_the_prior.likely(np.ones(2))[0] < 0.95
    assert much_less.chance.tolist() == [1.0, 1.0]
    assert as_the_prior.runs.tolist() == [2.5, 0.5]
    assert as_the_prior.broke.tolist() == [0.0, 0.0]


def test_a_run_beyond_a_limit_and_a_run_that_was_ended_early_both_broke_it() -> None:
    found = learning(lambda _values, seed: figures(0.3, 1e-4 * (seed % 7)))
    found.tell(ONE, SOUGHT.row(figures(0.3, 2.0 * LIMIT)))
    found.tell(ONE, SOUGHT.row({"slowdown": 3.0 * LIMIT}))
    rows, spread = np.array([0]), found.surface.spread[:1]

    outcomes = found.outcomes(rows, np.array([SOUGHT.row(figures(0.3, 0.0))]), spread)

    assert outcomes.broke.tolist() == [2.0]


@pytest.mark.parametrize(("shown", "off"), [(0.3, 0.0), (0.15, 0.5), (0.6, 0.5), (0.0, 1.0)])
def test_a_prior_is_off_by_a_share_of_what_is_gained_or_promised(shown: float, off: float) -> None:
    found = learning(lambda _values, seed: figures(0.3, 1e-4 * (seed % 7)))
    assert found.prior_is_off_by() is None
    found.tell(ONE, SOUGHT.row({"slowdown": 3.0 * LIMIT}))
    found.tell(OTHER, SOUGHT.row({"slowdown": 3.0 * LIMIT}))
    assert found.prior_is_off_by() is None

    found.tell(ONE, SOUGHT.row(figures(shown, 0.0)))
    found.tell(OTHER, SOUGHT.row({"memory_saving": shown}))

    assert found.prior_is_off_by() == pytest.approx(off)
