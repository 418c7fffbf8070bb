"""What happens in a study, as values. Views show a study, and writers keep it, by these events.

The order: `Started`; then `MeasurementMade` and `BaselineMeasured`; then for each batch of trials
`TrialAsked` for all of them, `MeasurementMade` and `TrialFinished` for each in the order of their
numbers, and `BatchFinished`; then `MeasurementMade` and `ConfirmationFinished`; at last `Ended`, or
`Failed` wherever an error ended the study. A log of these events holds the whole study: its proposals
follow from its seed and from the trials that the sampler was told of.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from autotune.damon.damos import Scheme
from autotune.damon.recording import Recording
from autotune.experiment.measurement import Measurement
from autotune.space.space import ParameterSet
from autotune.study.outcome import Outcome
from autotune.trial import Trial
from autotune.workload_file.workload_file import WorkloadFile


class Role(enum.Enum):
    """What a measurement is for."""

    BASELINE = "baseline"
    TRIAL = "trial"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The study begins; the baseline is measured next.

    Attributes:
        file: What is tuned, and how.
        backend: The name of the backend.
        machine: The machine on which the backend measures.
        confirmation_seeds: The seeds with which recommended schemes will be measured again.
    """

    file: WorkloadFile
    backend: str
    machine: str
    confirmation_seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementMade:
    """A measurement was made. Equal studies tell of equal measurements in equal order.

    Attributes:
        role: What the measurement is for.
        trial: Number of the trial; None for a baseline.
        seed: The seed of the measurement.
        schemes: As the kernel ran them; empty for a baseline.
        backend: The name of the backend that measured.
        measurement: What was measured.
        series: Whether its samples are to be kept, beside its figures.
    """

    role: Role
    trial: int | None
    seed: int
    schemes: tuple[Scheme, ...]
    backend: str
    measurement: Measurement
    series: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMade:
    """The workload was run under monitoring alone, and its accesses were recorded.

    Attributes:
        recording: What was recorded.
    """

    recording: Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineMeasured:
    """The baseline with the study's own seed was measured.

    Attributes:
        measurement: The baseline, with which the measurement of each trial is compared.
    """

    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAsked:
    """The sampler proposed a trial; it is measured next, or fails.

    Attributes:
        number: Number of the trial.
        parameters: By name. A conditional parameter that does not exist here is left out.
        schemes: As the kernel will run them; empty if the parameters give an impossible scheme.
    """

    number: int
    parameters: ParameterSet
    schemes: tuple[Scheme, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    """A trial was measured, or failed, and the sampler was told.

    Attributes:
        trial: With its figures, or the reason for its failure.
    """

    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFinished:
    """All trials that were asked together are finished.

    Attributes:
        trials: All of the study so far, in the order of their numbers.
    """

    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationFinished:
    """One more scheme, or baseline, was measured again.

    Attributes:
        done: How many confirming measurements are done, baselines included.
        total: How many confirming measurements there will be.
    """

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The study came to an end, complete or not.

    Attributes:
        outcome: What it came to.
    """

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An error ends the study. After `Ended`, it is an error of a listener that heard `Ended`.

    Attributes:
        error: The error that is raised next.
        trials: The finished trials.
    """

    error: BaseException
    trials: tuple[Trial, ...]


Event: TypeAlias = (
    Started
    | MeasurementMade
    | RecordingMade
    | BaselineMeasured
    | TrialAsked
    | TrialFinished
    | BatchFinished
    | ConfirmationFinished
    | Ended
    | Failed
)

Listener: TypeAlias = Callable[[Event], None]
"""Hears what happens, on the thread that runs the study. An exception that it raises ends the study."""
