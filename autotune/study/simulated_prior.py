"""The simulator as what is known before a real kernel runs anything.

A pattern is simulated as it is. Of a program, one run under monitoring alone is recorded, and the
recording is replayed. The machine is the one that measures, as far as a profile describes it; beside it
stand simulators that are wrong in a way that happens: costs or ages that are off by a factor, and quotas
that limit nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from autotune import catalog
from autotune.backends.base import Backend, RecordingBackend
from autotune.backends.simulator.machine_costs import FIGURES, Machine, Quantity
from autotune.backends.simulator.profile_files import load_machine
from autotune.damon.damos import UNLIMITED, Range, Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.recording import Recording
from autotune.errors import AutotuneError, InputError, TrialError
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.objective import metrics
from autotune.objective.figures import Figures
from autotune.objective.metrics import SlowdownName
from autotune.space.space import ParameterSet
from autotune.study.measuring_pool import usable_threads
from autotune.study.usual_workload import usual_workload
from autotune.surrogate.prior import Prior
from autotune.workload_file.workload_file import WorkloadFile

if TYPE_CHECKING:
    from autotune.backends.simulator.simulator import Simulator

_VM = "micro-vm"
"""The machine profile of the micro-VM at `_MIPS` million instructions a second."""
_MIPS = 250
_COSTS = (3.0, 1.0 / 3.0, 10.0)
_AGES = (2.0, 0.5, 4.0, 0.25)
"""By which factors costs and ages may be off."""
_ROOM = 4
"""The memory of a simulated machine, where it is not given: so many times what the workload takes."""

Schemes = tuple[Scheme, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreknowledge:
    """What is known beforehand.

    Attributes:
        priors: The likeliest first; empty if nothing is known.
        note: A sentence about where it comes from, or why there is none.
        guess: What a usual workload would show, where there are none or they turn out wrong; None if
            that can't be said.
        ticks: How many ticks of monitoring a simulated run has; it takes the longer, the more.
    """

    priors: tuple[Prior, ...] = ()
    note: str
    guess: Prior | None = None
    ticks: float = 1.0


Know: TypeAlias = Callable[
    [WorkloadFile, Backend, Measurement, Callable[[RecordingBackend], Recording]], Foreknowledge
]
"""Says what is known of a workload; `foreknowledge` does."""


def foreknowledge(
    file: WorkloadFile,
    backend: Backend,
    baseline: Measurement,
    record: Callable[[RecordingBackend], Recording],
) -> Foreknowledge:
    """Make priors for a workload that a real kernel runs.

    Args:
        file: What is tuned.
        backend: What measures; its slowdown metric counts.
        baseline: What it measured without DAMON.
        record: Runs the workload once to record it. It is called for a program only, and may raise
            errors of this package.
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return Foreknowledge(note=_nothing("the simulator is not compiled (NUMBA_DISABLE_JIT)"))
    try:
        machine = machine_of(file)
        played = file
        if isinstance(file.workload, Program):
            if not isinstance(backend, RecordingBackend):
                return nothing_known(
                    file, backend, baseline, f"{backend.name} makes no recordings of programs"
                )
            played = replace(file, workload=record(backend))
        priors = _priors(played, machine, backend.slowdown_metric)
    except AutotuneError as error:
        return nothing_known(file, backend, baseline, str(error))
    what = "pattern" if isinstance(file.workload, Pattern) else "recording of one run"
    return Foreknowledge(
        priors=priors,
        note=f"The simulator played the {what} as machine '{machine.name}' to choose the schemes.",
        guess=_guess(file, backend, baseline),
        ticks=_ticks(file, baseline),
    )


def _ticks(file: WorkloadFile, baseline: Measurement) -> float:
    return baseline.runtime_s * 1e6 / file.monitoring.intervals.sampling_us


def _nothing(why: str) -> str:
    return f"Nothing was known beforehand, so more trials are needed: {why}."


def nothing_known(
    file: WorkloadFile, backend: Backend, baseline: Measurement, why: str
) -> Foreknowledge:
    """Guess from a usual workload of the same size and length, where a workload itself is not known.

    Args:
        file: What is tuned.
        backend: What measures; its slowdown metric counts.
        baseline: What it measured without DAMON.
        why: Why nothing is known.
    """
    return Foreknowledge(
        note=_nothing(why), guess=_guess(file, backend, baseline), ticks=_ticks(file, baseline)
    )


def _guess(file: WorkloadFile, backend: Backend, baseline: Measurement) -> SimulatedPrior | None:
    try:
        usual = usual_workload(round(baseline.rss_mean_bytes), round(baseline.runtime_s * 1e6))
        played = replace(file, workload=usual)
        simulator = _simulator(played, machine_of(file))
        return SimulatedPrior(played, simulator, backend.slowdown_metric)
    except AutotuneError:
        return None


def machine_of(file: WorkloadFile) -> Machine:
    """Give the machine profile that is nearest to where the workload file measures.

    Raises:
        InputError: If the profile is wrong.
    """
    settings = file.backend
    if settings.name != "vm":
        return load_machine(settings.machine)
    machine = load_machine(catalog.find(_VM, "machines", settings.machine.parent))
    if not settings.vm.realtime:
        machine = dearer(machine, _MIPS / settings.vm.mips, own=True)
    memory = settings.vm.memory_bytes or max(machine.memory_bytes, _ROOM * _size_bytes(file))
    return replace(
        machine,
        name=_VM,
        memory_bytes=memory,
        swap_bytes=settings.vm.swap_bytes or memory,
        huge_pages=settings.vm.huge_pages,
    )


def _size_bytes(file: WorkloadFile) -> int:
    workload = file.workload
    return sum(r.size_bytes for r in workload.regions) if isinstance(workload, Pattern) else 0


def dearer(machine: Machine, factor: float, *, own: bool = False) -> Machine:
    """Give a machine on which the kernel's work costs *factor* times as much.

    Args:
        machine: The machine.
        factor: Above 0.
        own: Whether the workload's own accesses cost as much more.
    """
    access = {"sequential_access_ns", "random_access_ns", "huge_random_access_ns"}
    costs = {
        figure.field: factor * getattr(machine, figure.field)
        for figure in FIGURES
        if figure.quantity in (Quantity.COST_NS, Quantity.COST_US)
        and (own or figure.field not in access)
    }
    return replace(machine, **costs)


def _simulator(file: WorkloadFile, machine: Machine) -> Simulator:
    """Give a simulator that can run every scheme of the search space.

    Raises:
        AutotuneError: If there is none.
    """
    from autotune.backends.simulator.simulator import Simulator

    simulator = Simulator(machine)
    simulator.check(file.experiment(tuple(t.widest() for t in file.search_space.templates)))
    return simulator


def _priors(file: WorkloadFile, machine: Machine, slowdown: SlowdownName) -> tuple[Prior, ...]:
    from autotune.backends.simulator.simulator import Simulator

    simulator = _simulator(file, machine)
    return (
        SimulatedPrior(file, simulator, slowdown),
        *(SimulatedPrior(file, Simulator(dearer(machine, factor)), slowdown) for factor in _COSTS),
        *(SimulatedPrior(file, simulator, slowdown, _older(factor)) for factor in _AGES),
        SimulatedPrior(file, simulator, slowdown, _without_quotas),
    )


def _older(factor: float) -> Callable[[Scheme], Scheme]:
    """Give what makes the min age of a scheme *factor* times as high."""

    def older(scheme: Scheme) -> Scheme:
        age = scheme.pattern.age_us
        least = round(factor * age.min)
        most = age.max if age.max == UNLIMITED else max(age.max, least)
        return replace(scheme, pattern=replace(scheme.pattern, age_us=Range(least, most)))

    return older


def _without_quotas(scheme: Scheme) -> Scheme:
    return replace(scheme, quota=None)


def _as_it_is(scheme: Scheme) -> Scheme:
    return scheme


class SimulatedPrior:
    """A prior (`autotune.surrogate.prior.Prior`): what a simulator says.

    Args:
        file: The workload, which the simulator can run, and what is sought.
        simulator: Runs it.
        slowdown: The metric that shows the slowdown where the real kernel runs.
        bend: Changes each scheme first.
    """

    def __init__(
        self,
        file: WorkloadFile,
        simulator: Simulator,
        slowdown: SlowdownName,
        bend: Callable[[Scheme], Scheme] = _as_it_is,
    ) -> None:
        self._file = file
        self._simulator = simulator
        self._slowdown = slowdown
        self._bend = bend
        self._baselines: dict[int, Measurement] = {}
        self._known: dict[tuple[Schemes, int], Figures | None] = {}

    def __call__(self, asked: Sequence[tuple[ParameterSet, int]]) -> list[Figures | None]:
        """Give the figures of parameter sets, each with a seed; None where there are none.

        A figure that the simulator can't have is 0 for all: it says nothing.
        """
        wanted = [(self._schemes(values), seed) for values, seed in asked]
        with ThreadPoolExecutor(usable_threads(len(asked) or 1)) as pool:
            for seed in {seed for _, seed in wanted} - self._baselines.keys():
                self._baselines[seed] = self._simulator.run(self._file.experiment(None), seed=seed)
            fresh = {
                (schemes, seed): pool.submit(self._run, schemes, seed)
                for schemes, seed in wanted
                if schemes is not None and (schemes, seed) not in self._known
            }
            for key, future in fresh.items():
                self._known[key] = future.result()
        return [
            None if schemes is None else self._known[schemes, seed] for schemes, seed in wanted
        ]

    def _schemes(self, values: ParameterSet) -> Schemes | None:
        intervals = self._file.monitoring.intervals
        try:
            schemes = self._file.search_space.schemes(values)
            return tuple(on_grid(self._bend(scheme), intervals) for scheme in schemes)
        except ValueError:
            return None

    def _run(self, schemes: Schemes, seed: int) -> Figures | None:
        try:
            measured = self._simulator.run(self._file.experiment(schemes), seed=seed)
        except (TrialError, InputError, ValueError):
            return None
        return self._figures(measured, self._baselines[seed])

    def _figures(self, measured: Measurement, baseline: Measurement) -> Figures:
        computed = metrics.compute(measured, baseline, slowdown=self._slowdown, no_work=None)
        values = dict(metrics.values(measured, computed))
        objectives = self._file.objectives
        asked = {one.name: one.metric for one in objectives.objectives}
        asked.update({one.name: one.metric for one in objectives.constraints})
        for name, metric in asked.items():
            known = not metric.names & computed.missing.keys()
            values[name] = metric.evaluate(values) if known else 0.0
        return values
