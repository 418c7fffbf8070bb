"""A stand-in for a real kernel: the simulator under the name of the micro-VM, true or bent.

A study that meets it takes it for a real kernel. So the simulator that the study itself uses as a prior
is wrong about it by exactly what a bend and a machine profile say: tests and benchmarks know how wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from autotune.backends.base import Backend
from autotune.backends.simulator.machine_costs import FIGURES, Machine, Quantity
from autotune.damon.damos import UNLIMITED, Range, Scheme
from autotune.damon.recording import Recording
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program

Bend: TypeAlias = Callable[[Experiment], Experiment]
"""What the stand-in runs instead of what it is asked to run."""


def true(experiment: Experiment) -> Experiment:
    """Run what is asked for."""
    return experiment


def ages_off(factor: float) -> Bend:
    """Run schemes whose min ages are *factor* times what is asked for.

    >>> from autotune.testing import pattern, prcl
    >>> from autotune.damon.monitoring import Monitoring
    >>> asked = Experiment(
    ...     workload=pattern(), monitoring=Monitoring(), schemes=(prcl(min_age_us=1_000_000),)
    ... )
    >>> ages_off(3.0)(asked).schemes[0].pattern.age_us.min
    3000000
    """

    def older(scheme: Scheme) -> Scheme:
        age = scheme.pattern.age_us
        least = round(factor * age.min)
        most = age.max if age.max == UNLIMITED else max(age.max, least)
        return replace(scheme, pattern=replace(scheme.pattern, age_us=Range(least, most)))

    return _each(older)


def without_quotas(experiment: Experiment) -> Experiment:
    """Run schemes without their quotas."""
    return _each(lambda scheme: replace(scheme, quota=None))(experiment)


def other_workload(workload: Pattern | Program | Recording) -> Bend:
    """Run another workload under the schemes that are asked for."""
    return lambda experiment: replace(experiment, workload=workload)


def _each(change: Callable[[Scheme], Scheme]) -> Bend:
    return lambda experiment: replace(
        experiment, schemes=tuple(change(scheme) for scheme in experiment.schemes)
    )


def dearer(machine: Machine, factor: float) -> Machine:
    """Give a machine on which all work of kernel and kdamond costs *factor* times as much.

    What the workload's own accesses cost stays.
    """
    own = {"sequential_access_ns", "random_access_ns", "huge_random_access_ns"}
    costs = {
        figure.field: factor * getattr(machine, figure.field)
        for figure in FIGURES
        if figure.quantity in (Quantity.COST_NS, Quantity.COST_US) and figure.field not in own
    }
    return replace(machine, name=f"{machine.name}, costs x{factor:g}", **costs)


class KernelStandIn:
    """A backend that is called a micro-VM and answers from another backend.

    Args:
        inner: Answers; the simulator, or stored measurements.
        bend: Changes each experiment before *inner* runs it.
        kernel: The version of Linux that the machine's name tells.
    """

    name = "vm"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, inner: Backend, bend: Bend = true, *, kernel: str = "6.12") -> None:
        self._inner = inner
        self._bend = bend
        self._kernel = kernel
        self._lock = threading.Lock()
        self._starts = 0

    @property
    def machine(self) -> str:
        """The kernel and the speed of the CPU, as the micro-VM names them."""
        return f"linux-{self._kernel}-250mips"

    @property
    def starts(self) -> int:
        """How often the workload was started."""
        return self._starts

    def check(self, experiment: Experiment) -> None:
        """Let the backend inside check."""
        self._inner.check(self._bend(experiment))

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Let the backend inside run the bent experiment, and count it."""
        with self._lock:
            self._starts += 1
        return self._inner.run(self._bend(experiment), seed=seed)

    def stop(self) -> None:
        """Stop the backend inside."""
        self._inner.stop()
