"""The seam between the tuner and everything that can run a workload."""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar

from autotune.damon.recording import Recording
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement

Result = TypeVar("Result", covariant=True)


class BackendOf(Protocol[Result]):
    """A place that runs experiments, and what it gives for one of them.

    A place gives one `Measurement` for an experiment. What is wrapped round a place is a place too, and
    may give more: see `autotune.backends.wrappers`.

    `run` may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """The backend's name, as in a workload file."""
        ...

    @property
    def machine(self) -> str:
        """The machine that is measured or simulated; figures of different machines don't compare."""
        ...

    @property
    def slowdown_metric(self) -> Literal["own_cpu_slowdown", "wall_slowdown"]:
        """What the workload loses here where the kdamond has a CPU to itself.

        On a backend with one CPU the kdamond's work delays the workload. It does not do so on any
        machine worth tuning. So only the workload's own CPU time counts on a backend with one CPU.
        """
        ...

    def check(self, experiment: Experiment) -> None:
        """See whether experiments like this one can be run here, without running any.

        Raises:
            InputError: If this backend does not do what the experiment asks for.
            BackendUnavailableError: With the remedy, if `run` can't work here.
        """
        ...

    def run(self, experiment: Experiment, *, seed: int) -> Result:
        """Run the experiment, and leave the system as it was found.

        Raises:
            TrialError: If this experiment can't be measured; another may be.
            BackendUnavailableError: If no experiment can be measured here any more.
        """
        ...

    def stop(self) -> None:
        """End what runs, and run no more; a run that is ended so raises one of its errors.

        May be called from any thread, also where nothing runs.
        """
        ...


class Backend(BackendOf[Measurement], Protocol):
    """A place where a workload can be run once under DAMON."""

    @property
    def drifts(self) -> bool:
        """Whether two equal runs differ by when they were made, so that each needs its own baseline."""
        ...

    @property
    def most_at_once(self) -> int | None:
        """How many runs there may be at once, apart from the number of CPUs; None is no limit."""
        ...


class RecordingBackend(Backend, Protocol):
    """A place where real programs run, so that their accesses can be recorded."""

    def record(self, experiment: Experiment, *, seed: int) -> Recording:
        """Run the workload once under monitoring, and leave the system as it was found.

        Args:
            experiment: Monitored, without schemes.
            seed: Decides everything random in the run.

        Raises:
            ValueError: If DAMON is off in the experiment, or it has schemes.
            TrialError: If it can't be recorded.
            BackendUnavailableError: If nothing can be recorded here.
        """
        ...
