from __future__ import annotations

import numpy as np
import pytest

from autotune.surrogate.gaussian_process import Normal
from autotune.surrogate.improvement import counting_points
from autotune.surrogate.recommendable import Believed
from autotune.surrogate.sought import Sought
from tests.surrogate.formulas import LIMIT, OBJECTIVES

SOUGHT = Sought(OBJECTIVES)
POINTS = counting_points(np.array([-0.5, 0.0, 0.0]), SOUGHT.corner, count=4096)


def believed(
    slowdowns: list[float], *, error: float = 0.05, noise: float = 0.05, alike: float = 0.0
) -> Believed:
    """Schemes that save the more, the more they slow down, and use no CPU."""
    figures = np.array([[x / LIMIT * 0.4, x, 1e-9] for x in slowdowns])
    means = SOUGHT.scaled(figures)
    count = len(slowdowns)
    covariance = error**2 * ((1.0 - alike) * np.eye(count) + alike)
    known = 1e-12 * np.eye(count)
    normals = [
        Normal(mean=means[:, 0], covariance=known),
        Normal(mean=means[:, 1], covariance=covariance),
        Normal(mean=means[:, 2], covariance=known),
    ]
    noises = np.column_stack((np.zeros(count), np.full(count, noise), np.zeros(count)))
    return Believed(
        sought=SOUGHT,
        normals=normals,
        noise=noises,
        freedom=np.full(count, np.inf),
        points=POINTS,
        correlation=np.eye(3),
    )


def test_only_what_is_sure_to_keep_the_limits_counts() -> None:
    both = believed([0.010, 0.0195])

    assert both.volume([0, 1]) == both.volume([0]) == pytest.approx(0.4 * 0.5, abs=0.01)
    assert both.volume([1]) == 0.0


def test_nothing_has_no_volume() -> None:
    assert believed([0.01]).volume([]) == 0.0


def test_a_new_scheme_adds_its_volume() -> None:
    pair = believed([0.005, 0.010])

    assert pair.gain(1, [0]) == pytest.approx(pair.volume([0, 1]) - pair.volume([0]), abs=0.01)


def test_a_repeat_is_worth_something_where_it_decides() -> None:
    schemes = believed([0.005, 0.0178], error=0.08, noise=0.02)

    sure, doubtful = schemes.gain(0, [0, 1]), schemes.gain(1, [0, 1])

    assert sure == pytest.approx(0.0, abs=0.002)
    assert doubtful > 0.02


def test_a_repeat_is_worth_nothing_where_all_is_known() -> None:
    schemes = believed([0.005, 0.0195], error=1e-6)

    assert schemes.gain(1, [0, 1]) == pytest.approx(0.0, abs=1e-9)


def test_after_a_run_its_scheme_is_surer_and_so_is_what_is_like_it() -> None:
    alone, alike = believed([0.01, 0.012]), believed([0.01, 0.012], alike=0.9)

    assert alone.after(0).variances[0, 1] < alone.variances[0, 1]
    assert alone.after(0).variances[1, 1] == pytest.approx(alone.variances[1, 1])
    assert alike.after(0).variances[1, 1] < 0.8 * alike.variances[1, 1]
    assert alike.after(0).means == pytest.approx(alike.means)
