"""What the tuner asks of a backend, which runs workloads."""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar, runtime_checkable

from autotune.damon.recording import Recording
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.other_speed import OtherSpeed

Result = TypeVar("Result", covariant=True)


class BackendOf(Protocol[Result]):
    """What runs experiments, and gives a result for each.

    A backend gives one `Measurement` for an experiment. A wrapper round a backend is a backend, too, and
    may give more: see `autotune.backends.wrappers`.

    `run` may be called from several threads at once.
    """

    @property
    def name(self) -> str:
        """The backend's name in a workload file."""
        ...

    @property
    def machine(self) -> str:
        """The machine that is measured or simulated. Figures of different machines don't compare."""
        ...

    @property
    def slowdown_metric(self) -> Literal["own_cpu_slowdown", "wall_slowdown"]:
        """The metric that shows how much slower the workload is if the kdamond has a CPU to itself.

        On a backend with one CPU the kdamond's work delays the workload. It does not do so on any
        machine worth tuning. So only the workload's own CPU time counts on a backend with one CPU.
        """
        ...

    def check(self, experiment: Experiment) -> None:
        """Check that experiments like *experiment* can be run here. Runs nothing.

        Raises:
            InputError: If this backend can't do what the experiment asks for.
            BackendUnavailableError: If `run` can't work here; the message has the remedy.
        """
        ...

    def run(self, experiment: Experiment, *, seed: int) -> Result:
        """Run the experiment, and leave the system as it was found.

        Raises:
            TrialError: If this experiment can't be measured; another experiment may work.
            BackendUnavailableError: If no experiment can be measured here any more.
        """
        ...

    def stop(self) -> None:
        """End all runs, and start no more. A run that is ended so raises one of its errors.

        May be called from any thread, also if nothing runs.
        """
        ...


class Backend(BackendOf[Measurement], Protocol):
    """A place where a workload can be run once under DAMON."""

    @property
    def starts(self) -> int:
        """How often this backend has started a workload, for whatever purpose."""
        ...

    @property
    def drifts(self) -> bool:
        """Whether figures depend on when a run is made, so that each run needs its own baseline."""
        ...

    @property
    def most_at_once(self) -> int | None:
        """How many runs there may be at once, whatever the number of CPUs; None is no limit."""
        ...


@runtime_checkable
class TwoSpeedBackend(Protocol):
    """A place that can run a workload on a slower or faster CPU, too."""

    def at_other_speed(
        self, experiment: Experiment, *, seed: int, baseline: Measurement
    ) -> OtherSpeed | None:
        """Run a baseline at another speed; give what is known from before if it ran so already.

        Args:
            experiment: The experiment of *baseline*.
            seed: The seed of *baseline*.
            baseline: At the usual speed.

        Returns:
            None if this machine has one speed only.

        Raises:
            TrialError: If the workload fails at that speed.
            BackendUnavailableError: If nothing can be measured here any more.
        """
        ...


@runtime_checkable
class RecordingBackend(Backend, Protocol):
    """A place where real programs run, so that their accesses can be recorded."""

    def record(self, experiment: Experiment, *, seed: int) -> Recording:
        """Run the workload once under monitoring, and leave the system as it was found.

        Args:
            experiment: An experiment with monitoring and without schemes.
            seed: Decides everything random in the run.

        Raises:
            ValueError: If DAMON is off in the experiment, or the experiment has schemes.
            TrialError: If this experiment can't be recorded.
            BackendUnavailableError: If nothing can be recorded here.
        """
        ...
