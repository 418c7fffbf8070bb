"""One scheme against its baseline, without tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autotune.backends.base import Backend
from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid
from autotune.errors import InputError, RunError, TrialError
from autotune.experiment.measurement import Measurement
from autotune.formats.scheme_export import scheme_text
from autotune.interrupts import raise_if_interrupted
from autotune.objective import metrics
from autotune.objective.metrics import Metrics
from autotune.workload_file.workload_file import WorkloadFile


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeMeasurement:
    """A measurement, its baseline, and the metrics that follow from both.

    Attributes:
        workload: Name of the workload.
        backend: The name of the backend that measured.
        machine: The machine on which the backend measured.
        seed: The seed of both runs.
        schemes: As the kernel ran them; empty for monitoring only.
        measurement: With DAMON on.
        baseline: With DAMON off.
        metrics: The metrics, and why some are missing.
    """

    workload: str
    backend: str
    machine: str
    seed: int
    schemes: tuple[Scheme, ...]
    measurement: Measurement
    baseline: Measurement
    metrics: Metrics

    @property
    def scheme_text(self) -> str | None:
        """The schemes in one line (`autotune.formats.scheme_export.scheme_text`); None if empty."""
        return scheme_text(self.schemes) if self.schemes else None

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; no value depends on when or where the run was measured."""
        return {
            "workload": self.workload,
            "backend": self.backend,
            "machine": self.machine,
            "seed": self.seed,
            "scheme": self.scheme_text,
            "record": self.measurement.to_dict(),
            "baseline": self.baseline.to_dict(),
            "metrics": self.metrics.all_values(),
            "missing": dict(self.metrics.missing),
        }


def measure_scheme(
    file: WorkloadFile, schemes: tuple[Scheme, ...], backend: Backend
) -> SchemeMeasurement:
    """Measure *schemes* and the baseline with the workload's seed.

    Raises:
        InputError: If a scheme makes no sense here, or the backend can't measure it.
        RunError: If a measurement failed.
        BackendUnavailableError: If nothing can be measured here.
    """
    try:
        schemes = tuple(on_grid(scheme, file.monitoring.intervals) for scheme in schemes)
        experiment = file.experiment(schemes)
    except ValueError as error:
        raise InputError(f"scheme: {error}") from error
    backend.check(experiment)
    try:
        baseline = backend.run(file.experiment(None), seed=file.seed)
        raise_if_interrupted()
        measurement = backend.run(experiment, seed=file.seed)
        figures = metrics.compute(measurement, baseline, slowdown=backend.slowdown_metric)
    except (TrialError, ValueError) as error:
        raise RunError(f"{file.path}: {error}") from error
    return SchemeMeasurement(
        workload=file.name,
        backend=backend.name,
        machine=backend.machine,
        seed=file.seed,
        schemes=schemes,
        measurement=measurement,
        baseline=baseline,
        metrics=figures,
    )
