"""One scheme against its baseline with one seed or several, without tuning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from autotune.backends.base import Backend
from autotune.backends.wrappers import Single
from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.monitoring import Monitoring
from autotune.errors import InputError, RunError, TrialError
from autotune.experiment.measurement import Measurement
from autotune.formats.scheme_export import scheme_text
from autotune.interrupts import raise_if_interrupted
from autotune.objective import metrics
from autotune.objective.bistable import several_outcomes
from autotune.objective.doubts import (
    files_in_swap,
    not_given_back,
    swapped_unasked,
    too_fast,
    too_short,
    unlike,
)
from autotune.objective.longer_time import kdamond_on_one_cpu, little_cpu, waited
from autotune.objective.metrics import Metrics
from autotune.objective.served_together import served_together
from autotune.objective.spread import Spread, spreads
from autotune.recommendation import inaction
from autotune.study.confirming import confirmation_seeds
from autotune.study.events import Event
from autotune.study.measuring_pool import Job, MeasuringPool, usable_threads
from autotune.study.shared_work import no_shared_work
from autotune.workload_file.workload_file import WorkloadFile

MOST_SEEDS = 1000
"""With more seeds than this a confidence interval hardly gets narrower."""


def default_seeds(backend: str) -> int:
    """How many seeds a backend measures with unless the user says; it does not depend on the clock.

    >>> default_seeds("simulator"), default_seeds("vm"), default_seeds("host")
    (3, 1, 1)
    """
    return 3 if backend == "simulator" else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeMeasurement:
    """Measurements, their baselines, and the metrics that follow from both.

    Attributes:
        workload: Name of the workload.
        backend: The name of the backend that measured.
        machine: The machine on which the backend measured.
        seeds: The seeds, in the order of the measurements; the first is the workload's.
        schemes: As the kernel ran them; empty for monitoring only.
        monitoring: DAMON's attributes.
        measurement: With DAMON on, and the first seed.
        baseline: With DAMON off, and the first seed.
        spreads: Of each metric over the seeds, by name, in the order of
            `autotune.objective.metrics.METRICS`; None for a metric that has no value with some seed.
        missing: Why a metric has no value, by its name.
        reason: Why the schemes did nothing, or less than they could, with the first seed; None if
            nothing held them back.
        doubts: Sentences about figures that are not to be believed as they stand.
        notes: Sentences about figures that are right, and may surprise.
    """

    workload: str
    backend: str
    machine: str
    seeds: tuple[int, ...]
    schemes: tuple[Scheme, ...]
    monitoring: Monitoring
    measurement: Measurement
    baseline: Measurement
    spreads: dict[str, Spread | None]
    missing: dict[str, str]
    reason: str | None = None
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def scheme_text(self) -> str | None:
        """The schemes in one line (`autotune.formats.scheme_export.scheme_text`); None if empty."""
        return scheme_text(self.schemes) if self.schemes else None

    @property
    def metrics(self) -> Metrics:
        """The mean of each metric over the seeds, and why some are missing."""
        known = {name: s.mean for name, s in self.spreads.items() if s is not None}
        return Metrics(known=known, missing=self.missing)

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; no value depends on when or where the run was measured."""
        found = self.spreads.items()
        return {
            "workload": self.workload,
            "backend": self.backend,
            "machine": self.machine,
            "seed": self.seeds[0],
            "scheme": self.scheme_text,
            "monitoring": asdict(self.monitoring),
            "record": self.measurement.to_dict(),
            "baseline": self.baseline.to_dict(),
            "seeds": list(self.seeds),
            "metrics": self.metrics.all_values(),
            "metrics_low": {name: spread and spread.low for name, spread in found},
            "metrics_high": {name: spread and spread.high for name, spread in found},
            "more_than_noise": {name: spread and spread.more_than_noise for name, spread in found},
            "missing": self.missing,
            "reason": self.reason,
            "doubts": list(self.doubts),
            "notes": list(self.notes),
        }


def measure_scheme(
    file: WorkloadFile,
    schemes: tuple[Scheme, ...],
    backend: Backend,
    *,
    seeds: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - says nothing
) -> SchemeMeasurement:
    """Measure *schemes* and the baseline with each seed.

    The seeds are the workload's, and then those with which `autotune.study.study.run` confirms.

    Args:
        file: What is measured.
        schemes: Empty for monitoring only.
        backend: Runs the measurements; as many at a time as it takes and there are CPUs for. No result
            depends on that.
        seeds: How many; None takes `default_seeds`.
        progress: Called with the number of seeds that are done, and of all seeds.

    Raises:
        InputError: If a scheme makes no sense here, the backend can't measure it, or the number of seeds
            is out of range.
        RunError: If a measurement failed.
        BackendUnavailableError: If nothing can be measured here.
    """
    count = default_seeds(backend.name) if seeds is None else seeds
    if not 1 <= count <= MOST_SEEDS:
        raise InputError(f"{count} seeds can't be measured: give from 1 to {MOST_SEEDS}")
    try:
        schemes = tuple(on_grid(scheme, file.monitoring.intervals) for scheme in schemes)
        experiment = file.experiment(schemes)
    except ValueError as error:
        raise InputError(f"scheme: {error}") from error
    backend.check(experiment)
    chosen = (file.seed, *confirmation_seeds(file.seed, count - 1))
    pairs: list[tuple[Measurement, Measurement]] = []
    with MeasuringPool(
        Single(backend), file.experiment, file.objectives, _unheard, _threads(backend, 2 * count)
    ) as pool:
        begun = [_begin(pool, schemes, seed, position) for position, seed in enumerate(chosen)]
        for seed, (measured, baseline) in zip(chosen, begun, strict=True):
            try:
                compared = pool.finish_baseline(baseline)
                pairs.append((pool.finish(measured).measurements[0], compared))
            except TrialError as error:
                with_seed = f"with seed {seed}: " if count > 1 else ""
                raise RunError(f"{file.path}: {with_seed}{error}") from error
            progress(len(pairs), count)
    try:
        no_work = no_shared_work(backend, file.experiment(None), pairs[0][1], seed=file.seed)
        raise_if_interrupted()
        figures = [
            metrics.compute(*pair, slowdown=backend.slowdown_metric, no_work=no_work)
            for pair in pairs
        ]
    except (TrialError, ValueError) as error:
        raise RunError(f"{file.path}: {error}") from error
    without_zero = {name for name, metric in metrics.METRICS.items() if not metric.has_zero}
    found = spreads([one.all_values() for one in figures], without_zero=without_zero)
    means = {name: spread.mean for name, spread in found.items() if spread is not None}
    slowdown = found["slowdown"]
    sure = None if slowdown is None else slowdown.more_than_noise
    by = backend.slowdown_metric
    fast = too_fast(means, pairs, schemes, slowdown=by, more_than_noise=sure)
    doubts = (
        too_short(pairs[0][1], experiment),
        fast,
        swapped_unasked(pairs[0][1]),
        unlike(pairs, schemes),
        files_in_swap(means, pairs),
        None if backend.drifts else not_given_back(means, pairs),  # other programs change it there
        None if slowdown is None else little_cpu(pairs[0][1], slowdown=by),
        waited(means, pairs, slowdown=by),
    )
    surprising = (
        served_together(file.workload, slowdown=by) if schemes and slowdown and not fast else None,
        kdamond_on_one_cpu(means, pairs, slowdown=by),
        several_outcomes(figures, file.objectives),
    )
    return SchemeMeasurement(
        workload=file.name,
        backend=backend.name,
        machine=backend.machine,
        seeds=chosen,
        schemes=schemes,
        monitoring=file.monitoring,
        measurement=pairs[0][0],
        baseline=pairs[0][1],
        spreads=found,
        missing={name: why for one in reversed(figures) for name, why in one.missing.items()},
        reason=inaction.sentence(
            inaction.reasons(experiment, pairs[0][0], baseline=pairs[0][1], backend=backend.name)
        ),
        doubts=tuple(doubt for doubt in doubts if doubt),
        notes=tuple(note for note in surprising if note),
    )


def _threads(backend: Backend, measurements: int) -> int:
    if backend.drifts:  # what runs beside a measurement would change it
        return 1
    return usable_threads(min(measurements, backend.most_at_once or measurements))


def _begin(
    pool: MeasuringPool, schemes: tuple[Scheme, ...], seed: int, position: int
) -> tuple[Job, Job]:
    """Begin the measurement and the baseline of one seed, A B for one seed and B A for the next.

    So a machine that drifts favours neither.
    """
    if position % 2 == 0:
        baseline = pool.begin_baseline(seed)
        return pool.begin(0, schemes, seed), baseline
    measured = pool.begin(0, schemes, seed)
    return measured, pool.begin_baseline(seed)


def _unheard(event: Event) -> None:
    """Nobody hears of a single measurement."""
