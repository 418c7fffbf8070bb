"""The simulator as a backend: an experiment in, a measurement out."""

from __future__ import annotations

import threading
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autotune.backends.simulator import world
from autotune.backends.simulator.compiled.draws import Draws, make_draws
from autotune.backends.simulator.compiled.structs import fields_of
from autotune.backends.simulator.conditions import conditions
from autotune.backends.simulator.damon import kdamond, regions, schemes
from autotune.backends.simulator.damon.regions import three_ranges
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.memory.huge_pages import advise_everything
from autotune.backends.simulator.memory.pages import Memory
from autotune.backends.simulator.samples import ArraySeries, samples_of
from autotune.backends.simulator.source import Source
from autotune.backends.simulator.workload import player, processes
from autotune.backends.simulator.workload.layout import lay_out, size_bytes
from autotune.backends.simulator.workload.replay_layout import (
    Recorded,
    begin_recording,
    lay_out_recording,
)
from autotune.backends.starts import Starts
from autotune.damon.damos import Scheme, SchemeStats
from autotune.damon.kernel_rules import PAGE_BYTES
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.damon.recording import Recording
from autotune.damon.spans import without
from autotune.errors import InputError, TrialError
from autotune.experiment.conditions import Conditions
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program
from autotune.experiment.watched import Watched
from autotune.units import format_duration, format_size

_MOST_BYTES = 1 << 40
_LONGEST_US = 86_400_000_000
_LONGEST_SAMPLING_US = 60_000_000
_MOST_REGIONS = 100_000
_MOST_CUTS = 100_000
"""Room for the regions that quotas cut off between two merges."""


class Simulator:
    """DAMON of Linux 6.12 on a machine described by its costs.

    The seed decides everything random. The workload's choice of batches and DAMON's sampling have a
    stream of random numbers each, so that every scheme meets an equal workload. Equal arguments give
    equal measurements.
    """

    name = "simulator"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = threading.Lock()
        self._starts = Starts()
        self._loaded: (
            tuple[
                Pattern | Program | Recording,
                OperationsSet,
                player.Loaded | Recorded,
            ]
            | None
        ) = None

    @property
    def starts(self) -> int:
        """How often a workload was started."""
        return self._starts.count

    @property
    def machine(self) -> str:
        """Name of the machine profile."""
        return self._machine.name

    def check(self, experiment: Experiment) -> None:
        """See whether the simulator models all that the experiment asks for.

        Raises:
            InputError: If the simulator does not model something.
        """
        if isinstance(experiment.workload, Program):
            raise InputError(
                "the simulator runs no programs: record one and give the recording, give a pattern, or "
                "use another backend"
            )
        if experiment.operations is OperationsSet.FVADDR:
            raise InputError("the simulator does not model fvaddr: use vaddr")
        if experiment.operations is OperationsSet.PADDR and not isinstance(
            experiment.workload, Pattern
        ):
            raise InputError(
                "a recording holds addresses of a process, not of the machine: use vaddr"
            )
        for scheme in experiment.schemes:
            _check_scheme(scheme)
        self._check_size(experiment)

    def _check_size(self, experiment: Experiment) -> None:
        machine = self._machine
        workload = experiment.workload
        kind = "pattern" if isinstance(workload, Pattern) else "recording"
        size = _size_bytes(workload)
        if size > machine.memory_bytes:
            raise InputError(
                f"the {kind} takes {format_size(size)}, and machine '{machine.name}' has "
                f"{format_size(machine.memory_bytes)} of memory: use a profile with more"
            )
        if size > _MOST_BYTES:
            raise InputError(
                f"the {kind} takes {format_size(size)}, and the simulator holds up to "
                f"{format_size(_MOST_BYTES)}: make it smaller"
            )
        if experiment.timeout_us > _LONGEST_US:
            raise InputError(
                f"the timeout is {format_duration(experiment.timeout_us)}, and the simulator keeps "
                f"samples of up to {format_duration(_LONGEST_US)}: give less"
            )
        monitoring = experiment.monitoring or Monitoring()
        sampling_us = monitoring.intervals.sampling_us
        if sampling_us > _LONGEST_SAMPLING_US:
            raise InputError(
                f"the sampling interval is {format_duration(sampling_us)}, and the simulator keeps "
                f"what was touched for up to {format_duration(_LONGEST_SAMPLING_US)}: give less"
            )
        if monitoring.max_regions > _MOST_REGIONS:
            raise InputError(
                f"max_regions is {monitoring.max_regions}, and the simulator holds up to "
                f"{_MOST_REGIONS}: give less"
            )

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Simulate the experiment once.

        Raises:
            InputError: If the simulator does not model all that the experiment asks for.
            TrialError: If the kernel's rounding leaves nothing of a scheme, or the run times out.
        """
        self.check(experiment)
        self._starts.one_more()
        machine = self._machine
        asked = experiment.monitoring or Monitoring()
        monitoring = asked.with_room_for(processes.most_at_once(experiment.workload))
        intervals = monitoring.intervals
        try:
            staged = schemes.stage(
                experiment.schemes, intervals, machine.jiffy_us, experiment.operations
            )
        except ValueError as error:
            raise TrialError(str(error)) from error
        workload_seed, damon_seed = np.random.SeedSequence(seed).spawn(2)
        simulated = self._start(experiment, seed, make_draws(workload_seed))
        physical = experiment.operations is OperationsSet.PADDR
        timeout_us = float(experiment.timeout_us)
        start_us = timeout_us if experiment.monitoring is None else experiment.start_after_us
        # Random numbers are made by overflow; interpreted code would warn of each overflow.
        with np.errstate(over="ignore"):
            world.take_samples(simulated)
            world.wait(simulated, min(float(start_us), timeout_us))
        targets = processes.process_count(experiment.workload)
        watched = regions.make_regions(
            [(0, machine.memory_bytes // PAGE_BYTES * PAGE_BYTES)]
            if physical
            else _ranges(simulated.memory, targets),
            monitoring.min_regions,
            capacity=2 * monitoring.max_regions + 64 + _cuts(staged, intervals),
            whole=physical,
            targets=targets,
        )
        settings = kdamond.Settings(
            sampling_us=intervals.sampling_us,
            aggregation_us=intervals.aggregation_us,
            update_us=intervals.update_us,
            min_regions=monitoring.min_regions,
            max_regions=monitoring.max_regions,
            timeout_us=timeout_us,
            fixed=physical,
        )
        with np.errstate(over="ignore"):
            kdamond.run(simulated, watched, staged, settings, make_draws(damon_seed))
        if not world.is_over(simulated):
            raise TrialError(
                f"the workload had not ended after {timeout_us / 1e6:g} s: raise workload.timeout"
            )
        series, workload = samples_of(simulated, experiment.workload), experiment.workload
        if experiment.monitoring is None:
            return _measurement(simulated, series, None, workload, None, None)
        watching = processes.watched(workload, asked, monitoring)
        met = conditions(
            simulated, staged, series, machine, experiment.schemes, intervals, start_us / 1e6
        )
        return _measurement(simulated, series, staged, workload, watching, met)

    def _start(self, experiment: Experiment, seed: int, draws: Draws) -> world.World:
        """Load the workload; the world starts where the measured part begins."""
        machine = self._machine
        loaded = self._load(experiment.workload, experiment.operations)
        memory: Memory
        source: Source
        if isinstance(loaded, Recorded):
            memory, source = begin_recording(loaded, draws)
        else:
            spans = player.spans_in(machine, self._longest_tick_us(experiment))
            memory, source = player.begin_pattern(loaded, seed, draws, spans)
        if machine.huge_pages == "always":
            advise_everything(memory)
        physical = experiment.operations is OperationsSet.PADDR
        memory.counters[0].marks = physical and any(
            schemes.looks_at_marks(scheme) for scheme in experiment.schemes
        )
        return world.start(
            memory,
            source,
            machine,
            timeout_us=float(experiment.timeout_us),
            period_us=float(experiment.sampling_period_us),
        )

    def _longest_tick_us(self, experiment: Experiment) -> float:
        """The longest time that a tick can take, its work and a late timer included."""
        machine, monitoring = self._machine, experiment.monitoring or Monitoring()
        busiest_us = machine.tick_us + machine.check_us * 2 * monitoring.max_regions
        return (
            monitoring.intervals.sampling_us
            + 3.0 * machine.jiffy_us
            + machine.wake_us
            + busiest_us
        )

    def _load(
        self, workload: Pattern | Program | Recording, operations: OperationsSet
    ) -> player.Loaded | Recorded:
        """Lay the workload out. The last layout is kept, since a study asks for it again."""
        with self._lock:
            kept = self._loaded
            if kept is not None and kept[0] is workload and kept[1] is operations:
                return kept[2]
            loaded: player.Loaded | Recorded
            if isinstance(workload, Recording):
                loaded = lay_out_recording(workload, self._machine)
            else:
                assert isinstance(workload, Pattern)  # noqa: S101  # `check` refuses programs
                layout = lay_out(workload, self._machine, operations)
                loaded = player.load(workload, layout, self._machine)
            self._loaded = workload, operations, loaded
            return loaded

    def stop(self) -> None:
        """Do nothing: a run is so short that its caller can wait for its end."""


def _check_scheme(scheme: Scheme) -> None:
    if scheme.action not in schemes.MODELLED:
        *known, last = (action.value for action in schemes.MODELLED)
        raise InputError(
            f"the simulator does not model action {scheme.action.value}, only {', '.join(known)} and "
            f"{last}: measure this one on a real kernel"
        )
    for item in scheme.filters:
        if item.type not in schemes.FILTERS or item.allow:
            raise InputError(
                f"the simulator does not model filter {item.type.value}"
                f"{' with allow' if item.allow else ''}: leave it out"
            )
    for goal in () if scheme.quota is None else scheme.quota.goals:
        if goal.metric not in schemes.GOALS:
            raise InputError(
                f"the simulator does not model quota goal {goal.metric.value}, as Linux 6.12 does not: "
                "leave it out"
            )


def _size_bytes(workload: Pattern | Program | Recording) -> int:
    if isinstance(workload, Pattern):
        return size_bytes(workload)
    if isinstance(workload, Recording):
        return sum(
            high - low
            for area in workload.areas
            if area.from_us == 0
            for low, high in without(area.resident, area.repeated)
        )
    return 0


def _ranges(memory: Memory, targets: int) -> list[tuple[int, int]]:
    """Three ranges of each process, which DAMON watches; empty if DAMON would watch nothing."""
    ranges = np.zeros((3 * targets, 2), dtype=np.int64)
    found = three_ranges(memory, ranges)
    return [(int(start), int(end)) for start, end in ranges[:found]]


def _cuts(staged: schemes.Schemes, intervals: Intervals) -> int:
    """How many regions the schemes may cut off between two merges.

    A scheme cuts off two in a pass, and each filter two more.
    """
    passes = intervals.samples // np.maximum(1, staged.items.apply_ticks) + 1
    return int(min(_MOST_CUTS, 2 * (passes.sum() + len(staged.filters) * passes.sum())))


def _work_done(workload: processes.Workload, simulated: world.World) -> float | None:
    """The accesses of a pattern; or the recording's work, since a replay does all of it again."""
    if isinstance(workload, Recording):
        return workload.work_done
    return float(simulated.source.state[0].accesses)


def _stats(staged: schemes.Schemes) -> SchemeStats:
    """The statistics of all schemes, summed."""
    names = ("tried_regions", "tried_bytes", "applied_regions", "applied_bytes", "quota_exceeds")
    return SchemeStats(**{name: int(staged.items[name].sum()) for name in names})


def _weighted_mean(samples: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Give the mean of samples; that of equal samples is exactly their value."""
    total = float(weights.sum())
    if total <= 0.0:
        return float(samples[-1])
    return float(samples[0] + (weights * (samples - samples[0])).sum() / total)


def _measurement(
    simulated: world.World,
    series: ArraySeries,
    staged: schemes.Schemes | None,
    workload: processes.Workload,
    watched: Watched | None,
    met: Conditions | None,
) -> Measurement:
    clock, counters = fields_of(simulated.clock), fields_of(simulated.memory.counters)
    tally = fields_of(simulated.tally)
    runtime_s = clock["now_us"] / 1e6
    weights = np.diff(np.append(series.samples("time_s"), runtime_s))

    def mean(name: str) -> float:
        return _weighted_mean(series.samples(name).astype(np.float64), weights)

    return Measurement(
        runtime_s=runtime_s,
        work_done=_work_done(workload, simulated),
        rss_mean_bytes=mean("rss_bytes"),
        rss_peak_bytes=int(series.samples("rss_bytes").max()),
        pss_mean_bytes=mean("pss_bytes"),
        swap_pool_mean_bytes=mean("pool_bytes"),
        system_used_mean_bytes=mean("used_bytes"),
        kdamond_cpu=clock["busy_us"] / 1e6 / runtime_s,
        workload_cpu_s=float(world.cpu_us(simulated)) / 1e6,
        major_faults=counters["swap_ins"],
        swap_in_bytes=counters["swap_ins"] * PAGE_BYTES,
        swap_out_bytes=counters["swap_outs"] * PAGE_BYTES,
        memory_pressure_some_s=float(world.stalled_us(simulated)) / 1e6,
        scheme_stats=None if staged is None else _stats(staged),
        wss_mean_bytes=tally["wss_sum"] / tally["aggregations"] if tally["aggregations"] else None,
        series=series,
        watched=watched,
        conditions=met,
    )
