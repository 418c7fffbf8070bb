"""Functions drawn from a Gaussian process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotune.evaluation.process_draw import ProcessDraw
from autotune.surrogate.gaussian_process import GaussianProcess, Layout

SEEN = np.linspace(0.0, 0.4, 9)
VARIANCES = np.full(9, 1e-6)
FAR = np.array([0.2, 0.7, 1.0])


def _layout(where: NDArray[np.float64]) -> Layout:
    return Layout(
        coordinates=where[:, None],
        parameter=np.array([0]),
        trend=np.full((len(where), 1), 0.1),
    )


def _process() -> GaussianProcess:
    return GaussianProcess(_layout(SEEN), np.sin(9.0 * SEEN), VARIANCES)


def _drawn(process: GaussianProcess, seed: int) -> ProcessDraw:
    return ProcessDraw(process, _layout(SEEN), np.sin(9.0 * SEEN), VARIANCES, seed=seed)


def test_a_drawn_function_goes_through_what_was_seen_and_is_the_same_for_the_same_seed() -> None:
    process = _process()
    drawn = _drawn(process, 3)

    np.testing.assert_allclose(drawn.at(_layout(SEEN)), np.sin(9.0 * SEEN), atol=0.02)
    one_by_one = [drawn.at(_layout(np.array([where])))[0] for where in FAR]
    np.testing.assert_allclose(one_by_one, drawn.at(_layout(FAR)))
    np.testing.assert_allclose(_drawn(process, 3).at(_layout(FAR)), drawn.at(_layout(FAR)))


def test_drawn_functions_have_the_mean_and_the_deviation_of_the_process() -> None:
    process = _process()
    mean, deviation = process.each(_layout(FAR))

    drawn = np.array([_drawn(process, seed).at(_layout(FAR)) for seed in range(400)])

    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=4.0 * deviation.max() / 20.0)
    np.testing.assert_allclose(drawn.std(axis=0), deviation, rtol=0.2, atol=1e-3)
