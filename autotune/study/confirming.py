"""Confirming: schemes that may be recommended are measured again, with seeds new to the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from autotune.errors import TrialError
from autotune.experiment.measurement import Measurement
from autotune.recommendation.front import Confirmation
from autotune.study.measuring_pool import Job, MeasuringPool
from autotune.trial import Trial


def confirmation_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Give the fresh seeds for the confirmations of a run: none is *seed*, and none comes twice.

    A larger *count* adds seeds behind the seeds of a smaller *count*. The seeds come from a child of
    numpy's `SeedSequence` of *seed*: they have nothing to do with the numbers of the sequence itself.

    >>> len({0, *confirmation_seeds(0, 3)})
    4
    """
    numbers = np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(count + 8).tolist()
    return tuple(number for number in dict.fromkeys(numbers) if number != seed)[:count]


@dataclass(slots=True, kw_only=True)
class Confirmed:
    """What is confirmed so far. It grows while `confirm` runs, and is kept if `confirm` is interrupted.

    Attributes:
        confirmations: By the number of the trial.
        baselines: The baselines that the confirmations are compared with, by seed.
        notes: Which seeds don't count, and why.
    """

    confirmations: dict[int, Confirmation] = field(default_factory=dict)
    baselines: dict[int, Measurement] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def confirm(
    pool: MeasuringPool,
    trials: Sequence[Trial],
    seeds: Sequence[int],
    into: Confirmed,
    progress: Callable[[int, int], None],
) -> None:
    """Measure the schemes of *trials* once with each of *seeds*, and a baseline with each.

    A seed whose baseline fails counts for no trial. Listeners still hear of the seed's measurements.

    Args:
        pool: Measures the schemes and the baselines.
        trials: In the order in which they are confirmed.
        seeds: May be empty.
        into: Takes the results.
        progress: Called with the number of measurements that are done, and of all measurements.

    Raises:
        BackendUnavailableError: If nothing can be measured any more.
        RunError: If a listener can't keep a measurement.
    """
    if not trials or not seeds:
        return
    total = len(seeds) * (1 + len(trials))
    baselines = [pool.begin_baseline(seed) for seed in seeds]
    again = [
        [pool.begin(t.number, t.schemes, seed, confirms=True) for seed in seeds] for t in trials
    ]
    for done, job in enumerate(baselines, start=1):
        try:
            baseline = pool.finish_baseline(job)
            if lacks := pool.lacking(baseline):
                raise TrialError(lacks)
            into.baselines[job.seed] = baseline
        except TrialError as error:
            into.notes.append(
                f"The confirmations with seed {job.seed} don't count: their baseline failed: {error}"
            )
        progress(done, total)
    if not into.baselines:
        into.notes.append("Nothing is confirmed: the first figures stand.")
    for position, (trial, jobs) in enumerate(zip(trials, again, strict=True), start=2):
        confirmation = _confirmation(pool, jobs, into.baselines)
        if into.baselines:
            into.confirmations[trial.number] = confirmation
        progress(position * len(seeds), total)


def _confirmation(
    pool: MeasuringPool, jobs: Sequence[Job], baselines: dict[int, Measurement]
) -> Confirmation:
    found, failures = [], []
    # Every job is finished, even after a failed job: finishing a job tells of its measurement.
    for job in jobs:
        try:
            measured = pool.finish(job)
            if job.seed in baselines:
                found.append(pool.figures(measured, baselines[job.seed]))
        except TrialError as error:
            if job.seed in baselines:
                failures.append(f"the confirmation with seed {job.seed} failed: {error}")
    return Confirmation(failure=failures[0]) if failures else Confirmation(figures=tuple(found))
