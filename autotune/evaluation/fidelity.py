"""The simulator beside the real kernel, on the grid of `fidelity_grid` and on recorded runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autotune.evaluation import fidelity_grid as grid
from autotune.evaluation import kernel_grid as recorded
from autotune.evaluation.agreement import (
    Figures,
    Pair,
    Ranking,
    own_ranking,
    own_transfer,
    ranking,
    told_apart,
    transfer,
)
from autotune.experiment.experiment import Experiment

ByCell: TypeAlias = Mapping[grid.Cell, Mapping[str, float]]

_REFERENCE = np.array([0.0, 0.5])
"""Nothing saved, and half again as much CPU time: figures that are worse are worth nothing."""

_ASSUMED_SPREAD = 0.01
"""Figures of a single seed are told apart if they are further apart than this, where none is known."""

SIMULATED_SEEDS = tuple(range(12))
"""A prediction is the mean over these seeds: an exact mean costs no kernel time."""

_MOST_ERROR = 0.03
_LEAST_TAU = 0.9
_LEAST_TRANSFER = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The schemes on one pattern, measured and predicted.

    Attributes:
        pattern: Its name.
        part: "calibrate", "judge", "fresh", "masim" or "recorded".
        schemes: Their names.
        kernel: Shape ``(schemes, seeds, figures)``; figures in the order of `grid.FIGURES`.
        predicted: Means over the seeds, shape ``(schemes, figures)``.
        usual_spread: How far apart the kernel's seeds usually are, shape ``(schemes, figures)``; None if
            it is not known.
    """

    pattern: str
    part: str
    schemes: tuple[str, ...]
    kernel: Figures
    predicted: Figures
    usual_spread: Figures | None = None

    @property
    def seeds(self) -> int:
        """How many seeds the kernel was measured with."""
        return int(self.kernel.shape[1])

    def pairs(self, figure: int) -> list[Pair]:
        """Give the pairs of schemes that the kernel tells apart by a figure."""
        if self.usual_spread is not None:
            return told_apart(self.kernel[:, :, figure], least=self.usual_spread[:, figure])
        least = _ASSUMED_SPREAD if self.seeds == 1 else 0.0
        return told_apart(self.kernel[:, :, figure], least=least)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureVerdict:
    """How well one figure is predicted.

    Attributes:
        error: Median absolute error, a fraction.
        ranking: Of the schemes, over the pairs that the kernel tells apart.
        own_error: The error of each of the kernel's seeds as a prediction of the mean of its remaining
            seeds; None for a single seed.
        own_ranking: The ranking by each of the kernel's seeds against the mean of its remaining seeds;
            None for a single seed.
    """

    error: float
    ranking: Ranking
    own_error: float | None
    own_ranking: Ranking | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How well some patterns are predicted.

    Attributes:
        figures: By name.
        transfer: Mean over the patterns; None if no pattern has anything to gain.
        own_transfer: Mean over the patterns of the transfer from each of the kernel's seeds to its
            remaining seeds; None if no pattern has this transfer.
    """

    figures: Mapping[str, FigureVerdict]
    transfer: float | None
    own_transfer: float | None


def verdict(patterns: Sequence[Beside]) -> Verdict:
    """Judge the simulator on one pattern or several: errors and pairs are pooled, transfers averaged.

    Raises:
        ValueError: If there is no pattern.
    """
    if not patterns:
        raise ValueError("no pattern to judge by")
    return Verdict(
        figures={name: _judge(patterns, index) for index, name in enumerate(grid.FIGURES)},
        transfer=_mean(
            transfer(_minimised(one.kernel.mean(axis=1)), _minimised(one.predicted), _REFERENCE)
            for one in patterns
        ),
        own_transfer=_mean(own_transfer(_minimised(one.kernel), _REFERENCE) for one in patterns),
    )


def _judge(patterns: Sequence[Beside], figure: int) -> FigureVerdict:
    errors: list[float] = []
    own_errors: list[float] = []
    predicted = Ranking(score=0, pairs=0)
    own: Ranking | None = None
    for one in patterns:
        measured, pairs = one.kernel[:, :, figure], one.pairs(figure)
        means, prediction = measured.mean(axis=1), one.predicted[:, figure]
        errors += np.abs(prediction - means).tolist()
        predicted += ranking(means, prediction, pairs)
        if (of_seeds := own_ranking(measured, pairs)) is not None:
            own = of_seeds if own is None else own + of_seeds
            # A seed minus the mean of the n - 1 remaining seeds is n / (n - 1) times the seed minus the
            # mean of all n seeds.
            distances = np.abs(measured - means[:, None])
            own_errors += (distances * one.seeds / (one.seeds - 1)).ravel().tolist()
    return FigureVerdict(
        error=statistics.median(errors),
        ranking=predicted,
        own_error=statistics.median(own_errors) if own_errors else None,
        own_ranking=own,
    )


def goals(judged: Verdict) -> dict[str, bool]:
    """Say of each goal, in words, whether it is met; a goal without a figure is missed."""
    saving, slowdown = (judged.figures[name] for name in grid.FIGURES)
    met = {f"saving error <= {100 * _MOST_ERROR:g} points": saving.error <= _MOST_ERROR}
    for name, figure in (("saving", saving), ("slowdown", slowdown)):
        met[f"{name} tau >= {_LEAST_TAU:g}"] = (figure.ranking.tau or 0.0) >= _LEAST_TAU
    met[f"transfer >= {_LEAST_TRANSFER:g}"] = (judged.transfer or 0.0) >= _LEAST_TRANSFER
    return met


def _minimised(figures: Figures) -> Figures:
    """Turn the sign of memory saving: more saving is better."""
    minimised: Figures = figures * np.array([-1.0, 1.0])
    return minimised


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def recorded_figures() -> dict[grid.Cell, dict[str, float]]:
    """Give the figures of the runs that were recorded elsewhere, with one seed."""
    return {
        grid.Cell(cell.pattern, cell.scheme, 0): {
            name: cell.figures[name] for name in grid.FIGURES
        }
        for cell in recorded.kernel_cells()
    }


def simulated_figures(
    simulator: recorded.Runs, cells: Iterable[grid.Cell]
) -> dict[grid.Cell, dict[str, float]]:
    """Give the simulator's figures of these runs; each baseline is run once."""
    baselines = {}
    figures = {}
    for cell in cells:
        baseline, run = _experiments(cell)
        key = (cell.pattern, cell.seed)
        if key not in baselines:
            baselines[key] = simulator.run(baseline, seed=cell.seed)
        measured = simulator.run(run, seed=cell.seed)
        figures[cell] = grid.figures_of(measured, baselines[key])
    return figures


def to_simulate(kernel: Iterable[grid.Cell]) -> tuple[grid.Cell, ...]:
    """Give the runs that predict the kernel's runs: each run with `SIMULATED_SEEDS`."""
    runs = dict.fromkeys((cell.pattern, cell.run) for cell in kernel)
    return tuple(grid.Cell(*run, seed) for run in runs for seed in SIMULATED_SEEDS)


def _experiments(cell: grid.Cell) -> tuple[Experiment, Experiment]:
    if cell.pattern in recorded.PATTERNS:
        return recorded.experiments(cell.pattern, cell.run, start_after_us=grid.START_AFTER_US)
    return grid.experiment(cell.pattern, grid.BASELINE), grid.experiment(cell.pattern, cell.run)


def part_of(pattern: str) -> str:
    """Say what a pattern is for."""
    if pattern in recorded.PATTERNS:
        return "recorded"
    for part, patterns in (("fresh", grid.FRESH), ("masim", grid.MASIM)):
        if pattern in patterns:
            return part
    return "calibrate" if pattern in grid.CALIBRATING else "judge"


def beside(kernel: ByCell, predicted: ByCell) -> Iterator[Beside]:
    """Put together the figures of each pattern: its schemes, with the seeds that all schemes have.

    A pattern without such a seed is left out.

    Args:
        kernel: Figures as measured.
        predicted: Figures of these patterns and schemes; the seeds may differ from the kernel's.
    """
    for pattern in (*grid.PATTERNS, *recorded.PATTERNS):
        cells = {(cell.run, cell.seed): cell for cell in kernel if cell.pattern == pattern}
        schemes = tuple(grid.SCHEMES) if pattern in grid.PATTERNS else _schemes(cells)
        seeds = _whole_seeds(kernel, pattern, schemes)
        if not seeds:
            continue
        yield Beside(
            pattern=pattern,
            part=part_of(pattern),
            schemes=schemes,
            kernel=_table(kernel, pattern, schemes, seeds),
            predicted=_table(
                predicted, pattern, schemes, _whole_seeds(predicted, pattern, schemes)
            ).mean(axis=1),
        )


def _whole_seeds(figures: ByCell, pattern: str, schemes: Sequence[str]) -> list[int]:
    """Give the seeds that all of the schemes have."""
    return [
        seed
        for seed in sorted({cell.seed for cell in figures if cell.pattern == pattern})
        if all(grid.Cell(pattern, scheme, seed) in figures for scheme in schemes)
    ]


def _schemes(cells: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for run, _ in cells if run != grid.ONLY_MONITORED))


def _table(figures: ByCell, pattern: str, schemes: Sequence[str], seeds: Sequence[int]) -> Figures:
    return np.array(
        [
            [
                [figures[grid.Cell(pattern, scheme, seed)][name] for name in grid.FIGURES]
                for seed in seeds
            ]
            for scheme in schemes
        ]
    )
