from __future__ import annotations

import numpy as np
import pytest

from autotune.surrogate.corrected import Corrected
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.prior import Surface
from autotune.surrogate.sought import Sought
from tests.surrogate.formulas import CUBE, OBJECTIVES, Kernel, kernel, prior

SOUGHT = Sought(OBJECTIVES)
SLOWDOWN = 1
TRUE = kernel(noise=0.01)


def surface(run: Kernel | None, count: int = 96) -> Surface:
    known = Surface(SOUGHT, CUBE, prior(run) if run else None, (1, 2, 3, 4))
    known.add(Evolution(CUBE, (0.0, 0.02, 1.0), seed=5).design(count))
    known.repeat(range(0, count, 3), 4)
    return known


def corrected(known: Surface, count: int) -> Corrected:
    rows = np.arange(count)
    seen = np.array([SOUGHT.row(TRUE(known.sets[row], 77)) for row in rows])
    return Corrected(known, rows, seen)


def errors(known: Surface, model: Corrected) -> float:
    rows = np.arange(48, 96)
    truth = np.array([SOUGHT.row(kernel(noise=0.0)(known.sets[row], 0)) for row in rows])
    return float(np.abs(model.each(rows)[0][:, SLOWDOWN] - truth[:, SLOWDOWN]).mean())


def test_a_prior_is_believed_before_anything_was_run() -> None:
    known = surface(TRUE)
    model = Corrected(known, np.arange(0), np.zeros((0, 3)))

    said = known.mean[:, SLOWDOWN]
    expected = 0.9 * said + 0.1 * said.mean()
    assert model.each(np.arange(96))[0][:, SLOWDOWN] == pytest.approx(expected)


def test_a_prior_that_is_right_is_trusted() -> None:
    assert corrected(surface(TRUE), 6).trust[SLOWDOWN] > 0.99


def test_a_prior_whose_costs_are_off_is_put_right() -> None:
    known = surface(kernel(cost=2.0))
    before = Corrected(known, np.arange(0), np.zeros((0, 3)))

    after = corrected(known, 6)

    assert errors(known, after) < 0.5 * errors(known, before)


def test_a_prior_of_something_else_fades() -> None:
    def other(values: object, seed: int) -> dict[str, float]:
        """Figures that have nothing to do with the parameters."""
        random = np.random.default_rng(list(str(values).encode()))
        saving, slowdown = random.random(2)
        noise = 1.0 + 0.001 * np.random.default_rng(seed).standard_normal()
        return {"memory_saving": saving, "slowdown": 0.1 * slowdown * noise, "cpu_use": 0.01}

    known = surface(other)

    assert corrected(known, 16).trust[SLOWDOWN] < 0.1


def test_what_is_believed_of_each_is_what_is_believed_of_all_together() -> None:
    known = surface(kernel(cost=2.0))
    model = corrected(known, 5)
    rows = np.arange(40, 60)

    means, deviations = model.each(rows)
    together = model.together(rows)

    assert means == pytest.approx(np.column_stack([normal.mean for normal in together]))
    assert deviations == pytest.approx(np.column_stack([n.deviation for n in together]))


def test_without_a_prior_it_learns_from_the_runs_alone() -> None:
    known = surface(None)

    few, many = corrected(known, 6), corrected(known, 40)

    assert (many.trust == 0.0).all()
    assert errors(known, many) < errors(known, few)


def test_the_noise_is_at_least_what_the_prior_shows() -> None:
    known = surface(TRUE)

    noise = corrected(known, 6).noise(np.arange(96))

    assert (noise >= known.spread).all()


def test_a_run_of_which_one_figure_is_known_tells_of_that_figure_alone() -> None:
    known = surface(TRUE)
    rows = np.arange(8)
    seen = np.array([SOUGHT.row(TRUE(known.sets[row], 77)) for row in rows])
    censored = seen.copy()
    censored[7, [0, 2]] = np.nan

    less, seven = Corrected(known, rows, censored), Corrected(known, rows[:7], seen[:7])
    everything = Corrected(known, rows, seen)

    means = [model.each(rows)[0] for model in (less, seven, everything)]
    assert means[0][:, 0] == pytest.approx(means[1][:, 0])
    assert means[0][:, SLOWDOWN] == pytest.approx(means[2][:, SLOWDOWN])


def _noise(deviation: float) -> tuple[float, float]:
    """Give the noise of the slowdown of a scheme that was repeated, and of one that ran once.

    Args:
        deviation: What repeats differ by, in deviations of what the prior says they do.
    """
    known = surface(TRUE)
    rows = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    away = np.array([-1.0, -0.5, 0.5, 1.0, -1.0, 0.0, 1.0, 0.0])[:, None]
    seen = known.mean[rows] + deviation * away * known.spread[rows]
    model = Corrected(known, rows, seen)
    own, other = (model.noise(np.array([0, 2])) / known.spread[[0, 2]])[:, SLOWDOWN].tolist()
    return own, other


def test_repeats_tell_how_much_larger_or_smaller_noise_is_than_the_prior_says() -> None:
    (calm, other_calm), (wild, other_wild) = _noise(0.05), _noise(5.0)

    assert calm < 0.3
    assert calm < other_calm < 0.7
    assert wild > 3.0
    assert 1.5 < other_wild < wild
