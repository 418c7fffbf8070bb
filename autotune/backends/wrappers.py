"""Backends round a backend: each wrapper adds one thing to how experiments are run.

A study uses the wrapper that `for_study` gives. A new source of measurements for a study, such as a log
that is read again or machines elsewhere, is one more wrapper.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, TypeVar

from autotune.backends.base import Backend, BackendOf
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement

Result = TypeVar("Result")


class Measured(NamedTuple):
    """What was measured for one experiment.

    Attributes:
        measurements: One or more.
        baselines: One for each measurement, measured next to it; empty if all experiments with a seed
            share one baseline.
    """

    measurements: tuple[Measurement, ...]
    baselines: tuple[Measurement, ...] = ()


class _Wrapper:
    """A backend round an inner backend; it differs from the inner backend in how it runs experiments."""

    def __init__(self, inner: BackendOf[object]) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The name of the backend inside."""
        return self._inner.name

    @property
    def machine(self) -> str:
        """The machine of the backend inside."""
        return self._inner.machine

    @property
    def slowdown_metric(self) -> Literal["own_cpu_slowdown", "wall_slowdown"]:
        """The slowdown metric of the backend inside."""
        return self._inner.slowdown_metric

    def check(self, experiment: Experiment) -> None:
        """Let the backend inside check."""
        self._inner.check(experiment)

    def stop(self) -> None:
        """Stop the backend inside."""
        self._inner.stop()


class Single(_Wrapper):
    """Measures every experiment once: all experiments share one baseline."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._run = backend.run

    def run(self, experiment: Experiment, *, seed: int) -> Measured:
        """Run the experiment once."""
        return Measured((self._run(experiment, seed=seed),))


class Paired(_Wrapper):
    """Measures every experiment as A B B A, between baselines of its own.

    A steady drift takes from one pair as much as it gives to the second pair.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._run = backend.run

    def run(self, experiment: Experiment, *, seed: int) -> Measured:
        """Run the experiment twice, between two baselines; run a baseline once."""
        if experiment.monitoring is None:
            return Measured((self._run(experiment, seed=seed),))
        baseline = experiment.baseline()
        order = (baseline, experiment, experiment, baseline)
        first, *pair, last = (self._run(one, seed=seed) for one in order)
        return Measured(tuple(pair), (first, last))


class Bounded(_Wrapper, Generic[Result]):
    """Runs at most so many experiments at once; further experiments wait.

    Args:
        inner: Runs the experiments.
        most: How many at once; at least 1.
    """

    def __init__(self, inner: BackendOf[Result], most: int) -> None:
        super().__init__(inner)
        self._run = inner.run
        self._free = threading.BoundedSemaphore(most)

    def run(self, experiment: Experiment, *, seed: int) -> Result:
        """Run the experiment when its turn comes."""
        with self._free:
            return self._run(experiment, seed=seed)


class Remembering(_Wrapper, Generic[Result]):
    """Runs an experiment once with each seed; asked again, it gives the first result.

    Two threads that ask for an experiment at the same time may both run it.
    """

    def __init__(
        self,
        inner: BackendOf[Result],
        which: Callable[[Experiment], bool] = lambda _: True,
    ) -> None:
        super().__init__(inner)
        self._run = inner.run
        self._which = which
        self._known: dict[tuple[Experiment, int], Result] = {}

    def run(self, experiment: Experiment, *, seed: int) -> Result:
        """Run the experiment, unless it was already run with this seed."""
        if not self._which(experiment):
            return self._run(experiment, seed=seed)
        if (experiment, seed) not in self._known:
            self._known[experiment, seed] = self._run(experiment, seed=seed)
        return self._known[experiment, seed]


def for_study(backend: Backend) -> BackendOf[Measured]:
    """Give a backend as a study uses it: in pairs if the backend drifts, and within its bound."""
    measured: BackendOf[Measured] = Paired(backend) if backend.drifts else Single(backend)
    return measured if backend.most_at_once is None else Bounded(measured, backend.most_at_once)
