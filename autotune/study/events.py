"""What happens in a study, as values: whoever shows a study, or keeps it, listens to these.

The order: `Started`; then `MeasurementMade` and `BaselineMeasured`; then for each batch of trials
`TrialAsked` for all of them, `MeasurementMade` and `TrialFinished` for each in the order of their
numbers, and `BatchFinished`; then `MeasurementMade` and `ConfirmationFinished`; at last `Ended`, or
`Failed` wherever an error ended the study. A log of these events is all that a study is: its proposals
follow from its seed and from the trials that were told.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from autotune.damon.damos import Scheme
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
        machine: The machine that the backend measures.
        confirmation_seeds: The seeds with which recommended schemes will be measured again.
    """

    file: WorkloadFile
    backend: str
    machine: str
    confirmation_seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementMade:
    """A measurement is there. Equal studies tell of equal measurements in equal order.

    Attributes:
        role: What it is for.
        trial: Number of the trial; None for a baseline.
        seed: Of the measurement.
        schemes: As the kernel ran them; none for a baseline.
        backend: The name of the backend that measured.
        measurement: What was measured.
    """

    role: Role
    trial: int | None
    seed: int
    schemes: tuple[Scheme, ...]
    backend: str
    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineMeasured:
    """The baseline with the study's own seed is there.

    Attributes:
        measurement: Is compared with the measurement of each trial.
    """

    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAsked:
    """The sampler proposed a trial; it is measured next, or fails.

    Attributes:
        number: Of the trial.
        parameters: By name. A conditional parameter that does not exist here is left out.
        schemes: As the kernel will run them; empty if the parameters mean an impossible scheme.
    """

    number: int
    parameters: ParameterSet
    schemes: tuple[Scheme, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    """A trial was measured, or failed, and the sampler was told.

    Attributes:
        trial: With its figures, or the reason of its failure.
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
        done: How many measurements that confirm are done, baselines included.
        total: How many there will be.
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
        error: What is raised next.
        trials: Those that are finished.
    """

    error: BaseException
    trials: tuple[Trial, ...]


Event: TypeAlias = (
    Started
    | MeasurementMade
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
