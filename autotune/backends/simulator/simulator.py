"""The simulator as a backend: an experiment in, a measurement out."""

from __future__ import annotations

from typing import Literal

import numpy as np

from autotune.backends.simulator import kdamond, memory, player, regions, schemes, world
from autotune.backends.simulator.records import Records
from autotune.damon import Intervals, Monitoring, OperationsSet
from autotune.damos import SchemeStats
from autotune.errors import InputError, TrialError
from autotune.experiment import Experiment
from autotune.machine import Machine
from autotune.measurement import Measurement, Series, time_weighted_mean
from autotune.patterns import Pattern
from autotune.units import format_duration, format_size

_PAGE_TABLE_SHARE = 1 / 512
"""A page table entry takes 8 of the 4096 bytes that it maps."""


_MOST_BYTES = 1 << 40
_LONGEST_US = 86_400_000_000
_LONGEST_SAMPLING_US = 60_000_000
_MOST_REGIONS = 100_000
_MOST_CUTS = 100_000
"""Room for what quotas cut off between two merges."""


class Simulator:
    """DAMON of Linux 6.12 on a machine described by its costs.

    The seed decides everything random: the workload's choice of batches and DAMON's sampling have a
    stream each, so that two schemes meet the same workload. Equal arguments give equal measurements.
    """

    name = "simulator"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @property
    def machine(self) -> str:
        """Name of the machine profile."""
        return self._machine.name

    def check(self, experiment: Experiment) -> None:
        """See whether the simulator models all that the experiment asks for.

        Raises:
            InputError: If it does not.
        """
        _pattern(experiment)
        if experiment.operations is not OperationsSet.VADDR:
            raise InputError(
                f"the simulator does not model {experiment.operations.value} yet: use vaddr"
            )
        self._check_size(experiment)
        for scheme in experiment.schemes:
            if scheme.action not in schemes.MODELLED:
                known = " and ".join(action.value for action in schemes.MODELLED)
                raise InputError(
                    f"the simulator does not model action {scheme.action.value} yet, only {known}: "
                    "measure this one on a real kernel"
                )
            if scheme.filters:
                raise InputError("the simulator does not model filters yet: leave them out")
            if scheme.quota is not None and scheme.quota.goals:
                raise InputError(
                    "the simulator does not model quota goals yet: give a time or a size"
                )

    def _check_size(self, experiment: Experiment) -> None:
        machine = self._machine
        size = memory.size_bytes(_pattern(experiment))
        if size > machine.memory_bytes:
            raise InputError(
                f"the pattern takes {format_size(size)}, and machine '{machine.name}' has "
                f"{format_size(machine.memory_bytes)} of memory: use a profile with more"
            )
        if size > _MOST_BYTES:
            raise InputError(
                f"the pattern takes {format_size(size)}, and the simulator holds up to "
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
            InputError: As `check`.
            TrialError: If nothing is left of a scheme on the kernel's grid, or the run times out.
        """
        self.check(experiment)
        machine = self._machine
        monitoring = experiment.monitoring or Monitoring()
        intervals = monitoring.intervals
        try:
            staged = schemes.stage(experiment.schemes, intervals, machine.jiffy_us)
        except ValueError as error:
            raise TrialError(str(error)) from error
        layout = memory.lay_out(
            _pattern(experiment),
            compressed_fraction=machine.compressed_fraction,
            swap_bytes=machine.swap_bytes,
        )
        timeout_us = float(experiment.timeout_us)
        play_rng, damon_rng = np.random.default_rng(np.random.SeedSequence(seed)).spawn(2)
        simulated = world.start(
            layout.memory,
            player.load(
                _pattern(experiment),
                layout,
                machine,
                longest_watch_us=intervals.sampling_us + 3.0 * machine.jiffy_us,
            ),
            machine,
            timeout_us=timeout_us,
            period_us=float(experiment.sampling_period_us),
            rng=play_rng,
        )
        watched = regions.make_regions(
            memory.ranges(layout.memory),
            monitoring.min_regions,
            capacity=2 * monitoring.max_regions + 64 + _cuts(staged, intervals),
        )
        start_us = timeout_us if experiment.monitoring is None else experiment.start_after_us
        settings = kdamond.Settings(
            sampling_us=intervals.sampling_us,
            aggregation_us=intervals.aggregation_us,
            update_us=intervals.update_us,
            min_regions=monitoring.min_regions,
            max_regions=monitoring.max_regions,
            start_us=float(start_us),
            timeout_us=timeout_us,
        )
        kdamond.run(simulated, watched, kdamond.make_sampled(watched), staged, settings, damon_rng)
        if not player.ended(simulated.player):
            raise TrialError(
                f"the workload had not ended after {timeout_us / 1e6:g} s: raise workload.timeout"
            )
        return _measurement(simulated, None if experiment.monitoring is None else staged)

    def stop(self) -> None:
        """Do nothing: a run takes no longer than its caller would wait."""


def _pattern(experiment: Experiment) -> Pattern:
    if not isinstance(experiment.workload, Pattern):
        raise InputError("the simulator runs no programs: give a pattern, or another backend")
    return experiment.workload


def _cuts(staged: Records, intervals: Intervals) -> int:
    """How many regions the schemes may cut off between two merges: two a pass, each."""
    passes = intervals.samples // np.maximum(1, staged.apply_ticks) + 1
    return int(min(_MOST_CUTS, 2 * passes.sum()))


def _series(simulated: world.World) -> Series:
    recording = simulated.recording[0]
    taken = int(recording.samples)
    rss, swap, pool, wss = (
        simulated.samples[name][:taken] for name in ("rss", "swap", "pool", "wss")
    )
    used = rss + pool + (rss * _PAGE_TABLE_SHARE).astype(np.int64)
    return Series(
        time_s=tuple((np.arange(taken) * recording.period_us / 1e6).tolist()),
        rss_bytes=tuple(rss.tolist()),
        swap_bytes=tuple(swap.tolist()),
        pool_bytes=tuple(pool.tolist()),
        used_bytes=tuple(used.tolist()),
        wss_bytes=tuple(None if size < 0 else size for size in wss.tolist()),
    )


def _stats(staged: Records) -> SchemeStats:
    """What came of all schemes together."""
    names = ("tried_regions", "tried_bytes", "applied_regions", "applied_bytes", "quota_exceeds")
    return SchemeStats(**{name: int(staged[name].sum()) for name in names})


def _measurement(simulated: world.World, staged: Records | None) -> Measurement:
    series = _series(simulated)
    clock, counters = simulated.clock[0], simulated.memory.counters[0]
    progress, recording = simulated.player.progress[0], simulated.recording[0]
    runtime_s = float(clock.now_us) / 1e6

    def mean(samples: tuple[int, ...]) -> float:
        return time_weighted_mean(series.time_s, samples, runtime_s)

    return Measurement(
        runtime_s=runtime_s,
        work_done=float(progress.accesses),
        rss_mean_bytes=mean(series.rss_bytes),
        rss_peak_bytes=max(series.rss_bytes),
        swap_pool_mean_bytes=mean(series.pool_bytes),
        system_used_mean_bytes=mean(series.used_bytes),
        kdamond_cpu=float(clock.busy_us) / 1e6 / runtime_s,
        workload_cpu_s=float(progress.cpu_us) / 1e6,
        major_faults=int(counters.swap_ins),
        swap_in_bytes=int(counters.swap_ins) * memory.PAGE,
        swap_out_bytes=int(counters.swap_outs) * memory.PAGE,
        memory_pressure_some_s=float(progress.fault_us) / 1e6,
        scheme_stats=None if staged is None else _stats(staged),
        wss_mean_bytes=float(recording.wss_sum) / int(recording.aggregations)
        if recording.aggregations
        else None,
        series=series,
    )
