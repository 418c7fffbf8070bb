from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from autotune.surrogate.gaussian_process import GaussianProcess, Layout, Normal

Floats = NDArray[np.float64]


def layout(points: Floats, trend: Floats | None = None) -> Layout:
    return Layout(
        coordinates=points,
        parameter=np.arange(points.shape[1]),
        trend=np.zeros((len(points), 0)) if trend is None else trend,
    )


def wave(points: Floats) -> Floats:
    return np.asarray(np.sin(6.0 * points[:, 0]) + 0.3 * points[:, 1])


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)


def test_it_believes_what_scikit_learn_does_of_the_same_kernel(
    random: np.random.Generator,
) -> None:
    points, new = random.random((25, 3)), random.random((6, 3))
    values = wave(points)
    scales = np.array([0.3, 0.8, 2.0])

    process = GaussianProcess(layout(points), values, np.full(25, 1e-4), scales=scales)
    believed = process.at(layout(new))

    kernel = ConstantKernel(process.size**2) * Matern(length_scale=scales, nu=2.5)
    noise = 1e-4 + process.noise**2
    oracle = GaussianProcessRegressor(kernel=kernel, alpha=noise, optimizer=None)
    mean, covariance = oracle.fit(points, values).predict(new, return_cov=True)
    assert believed.mean == pytest.approx(mean, abs=1e-6)
    assert believed.covariance == pytest.approx(covariance, abs=1e-6)


def test_it_learns_which_parameters_matter(random: np.random.Generator) -> None:
    points = random.random((40, 3))
    values = wave(points) - wave(points).mean()

    process = GaussianProcess(layout(points), values, np.full(40, 1e-6))

    first, second, third = process.scales
    assert first < min(second, third)


def test_it_learns_the_noise(random: np.random.Generator) -> None:
    points = random.random((120, 2))
    values = wave(points) + 0.1 * random.standard_normal(120)

    process = GaussianProcess(layout(points), values, np.zeros(120))

    assert process.noise == pytest.approx(0.1, rel=0.25)


def test_noise_that_is_known_counts_by_point() -> None:
    points = np.array([[0.2], [0.8]])

    process = GaussianProcess(
        layout(points), np.array([1.0, 1.0]), np.array([1e-6, 10.0]), scales=np.array([0.2])
    )
    sure, unsure = process.at(layout(points)).deviation

    assert sure < 0.2 * unsure


def test_far_from_all_that_was_seen_it_follows_the_trend(random: np.random.Generator) -> None:
    points = 0.3 * random.random((20, 1))
    feature = 10.0 * points

    process = GaussianProcess(
        layout(points, feature), 2.0 * feature[:, 0], np.full(20, 1e-6), scales=np.array([0.05])
    )
    far = np.array([[1.0]])

    assert process.at(layout(far, 10.0 * far)).mean == pytest.approx([20.0], rel=0.1)


def test_draws_have_the_mean_and_the_covariance(random: np.random.Generator) -> None:
    points = random.random((10, 2))
    believed = GaussianProcess(layout(points), wave(points), np.full(10, 0.01)).at(
        layout(random.random((3, 2)))
    )

    draws = believed.draw(200_000, random)

    assert draws.mean(axis=0) == pytest.approx(believed.mean, abs=0.01)
    assert np.cov(draws.T) == pytest.approx(believed.covariance, abs=0.01)


def test_each_gives_what_at_gives_without_covariances(random: np.random.Generator) -> None:
    points, new = random.random((12, 2)), random.random((5, 2))
    process = GaussianProcess(layout(points, points[:, :1]), wave(points), np.full(12, 1e-3))

    mean, deviation = process.each(layout(new, new[:, :1]))
    believed = process.at(layout(new, new[:, :1]))

    assert mean == pytest.approx(believed.mean)
    assert deviation == pytest.approx(believed.deviation)


def test_the_evidence_is_the_density_of_the_values(random: np.random.Generator) -> None:
    points = random.random((9, 2))
    values = 30.0 * wave(points)
    scales = np.array([0.4, 1.0])

    process = GaussianProcess(layout(points), values, np.full(9, 4.0), scales=scales)

    kernel = ConstantKernel(process.size**2) * Matern(length_scale=scales, nu=2.5)
    covariance = kernel(points) + (4.0 + process.noise**2) * np.eye(9)
    oracle = multivariate_normal(np.zeros(9), covariance).logpdf(values)
    assert process.evidence == pytest.approx(oracle, abs=1e-4)


def test_without_values_it_believes_what_was_expected() -> None:
    points = np.array([[0.2], [0.9]])

    process = GaussianProcess(layout(points[:0]), np.zeros(0), np.zeros(0), expected=3.0)
    mean, deviation = process.each(layout(points))

    assert mean == pytest.approx([0.0, 0.0])
    assert deviation == pytest.approx([3.0, 3.0])


def test_what_was_expected_counts_less_the_more_was_seen(random: np.random.Generator) -> None:
    def size(count: int) -> float:
        points = random.random((count, 1))
        values = 0.01 * random.standard_normal(count)
        return GaussianProcess(layout(points), values, np.zeros(count), expected=1.0).size

    assert size(40) < 0.3 * size(2)


def test_what_was_learned_before_is_a_place_to_begin(random: np.random.Generator) -> None:
    points = random.random((40, 3))
    values, noise = wave(points), np.full(40, 1e-4)
    before = GaussianProcess(layout(points[:36]), values[:36], noise[:36])

    process = GaussianProcess(layout(points), values, noise, before=before)

    afresh = GaussianProcess(layout(points), values, noise)
    assert process.evidence == pytest.approx(afresh.evidence, abs=1.0)


def test_draws_follow_a_covariance_that_rounding_has_spoilt(random: np.random.Generator) -> None:
    spoilt = np.diag([1.0, 1e-3, -1e-4])

    draws = Normal(mean=np.zeros(3), covariance=spoilt).draw(50_000, random)

    assert np.cov(draws.T) == pytest.approx(np.diag([1.0, 1e-3, 0.0]), abs=0.02)


def test_values_far_smaller_than_their_trend_may_be_are_learned_all_the_same(
    random: np.random.Generator,
) -> None:
    points = np.repeat(random.random((20, 2)), 2, axis=0)
    values = 1e-6 * wave(points)

    process = GaussianProcess(layout(points, np.ones((40, 1))), values, np.zeros(40))

    mean, deviation = process.each(layout(points, np.ones((40, 1))))
    assert mean == pytest.approx(values, abs=1e-7)
    assert deviation.max() < 1e-7
