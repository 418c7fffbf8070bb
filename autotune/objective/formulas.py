"""Formulas that compare a measurement with its baseline, a function each.

The baseline of a measurement has its workload, backend, machine and seed, but DAMON is off. Most
formulas give fractions: 0.05 is 5 %. `autotune.objective.metrics` is their table.

Source of the formulas: docs/measurement.md.
"""

from __future__ import annotations

from autotune.experiment.measurement import Measurement

LEAST_CPU_S = 0.1
"""With less CPU time, clock ticks of 10 ms and the start of a program are much of it."""


def _ratio(name: str, measured: float, baseline: float) -> float:
    """Divide *measured* by *baseline*.

    Raises:
        ValueError: If *baseline* is 0 or negative.
    """
    if baseline <= 0:
        raise ValueError(f"the baseline's {name} is {baseline:g}: nothing can be compared with it")
    return measured / baseline


def _per_work(name: str, measured: Measurement, other: Measurement) -> float:
    """Give the field *name* per unit of work; for a workload of fixed work, give the field itself.

    Raises:
        ValueError: If no work was done, or only one of the two measurements counts its work.
    """
    value: float = getattr(measured, name)
    if measured.work_done is None and other.work_done is None:
        return value
    if measured.work_done is None or other.work_done is None:
        raise ValueError("only one of measurement and baseline has work_done: they don't compare")
    if measured.work_done <= 0:
        raise ValueError(f"work_done is {measured.work_done:g}: there is no time per unit of work")
    return value / measured.work_done


def _more_per_work(name: str, measured: Measurement, baseline: Measurement) -> float:
    """Give how much more of the field *name* a unit of work takes, as a fraction of the baseline's.

    Raises:
        ValueError: If the baseline has none of it, no work was done, or only one of the two measurements
            counts its work.
    """
    took, before = _per_work(name, measured, baseline), _per_work(name, baseline, measured)
    return _ratio(name, took, before) - 1.0


def memory_saving(measured: Measurement, baseline: Measurement) -> float:
    """Give the saving of memory that the workload holds, memory for its swapped-out pages included.

    What processes of the workload share counts once.

    Returns:
        A fraction of the baseline's memory; below 0 if the workload holds more than the baseline.

    Raises:
        ValueError: If the baseline held no memory.

    >>> from autotune.testing import measurement
    >>> baseline = measurement(pss_mean_bytes=1000.0, swap_pool_mean_bytes=0.0)
    >>> memory_saving(measurement(pss_mean_bytes=500.0, swap_pool_mean_bytes=250.0), baseline)
    0.25
    """
    return 1.0 - _ratio(
        "pss_mean_bytes + swap_pool_mean_bytes",
        measured.pss_mean_bytes + measured.swap_pool_mean_bytes,
        baseline.pss_mean_bytes + baseline.swap_pool_mean_bytes,
    )


def rss_saving(measured: Measurement, baseline: Measurement) -> float:
    """Give the saving of resident memory. Memory for swapped-out pages does not count.

    Returns:
        A fraction of the baseline's resident memory; below 0 if more is resident.

    Raises:
        ValueError: If no memory was resident in the baseline.

    >>> from autotune.testing import measurement
    >>> rss_saving(measurement(rss_mean_bytes=500.0), measurement(rss_mean_bytes=1000.0))
    0.5
    """
    return 1.0 - _ratio("rss_mean_bytes", measured.rss_mean_bytes, baseline.rss_mean_bytes)


def system_memory_saving(measured: Measurement, baseline: Measurement) -> float:
    """Give the saving of memory that the whole system uses, for schemes on physical addresses.

    Returns:
        A fraction of the baseline's memory use; below 0 if the system uses more.

    Raises:
        ValueError: If the baseline used no memory, or other programs freed more than the workload took.

    >>> from autotune.testing import measurement
    >>> baseline = measurement(system_used_mean_bytes=1000.0)
    >>> system_memory_saving(measurement(system_used_mean_bytes=750.0), baseline)
    0.25
    """
    used, before = measured.system_used_mean_bytes, baseline.system_used_mean_bytes
    if used is None or before is None:
        raise ValueError(
            "other programs freed more memory than the workload took: end them, and measure again"
        )
    return 1.0 - _ratio("system_used_mean_bytes", used, before)


def own_cpu_slowdown(measured: Measurement, baseline: Measurement) -> float:
    """Give how much more CPU time the workload needs for its work, with faults, without the kdamond.

    Returns:
        A fraction of the baseline's CPU time; below 0 if the workload needs less.

    Raises:
        ValueError: If the baseline has less than `LEAST_CPU_S` of CPU time, or if the work done is 0, or
            missing in only one of the two measurements.

    >>> from autotune.testing import measurement
    >>> own_cpu_slowdown(measurement(workload_cpu_s=12.0), measurement(workload_cpu_s=8.0))
    0.5
    """
    if 0.0 < baseline.workload_cpu_s < LEAST_CPU_S:
        raise ValueError(
            f"the baseline used {baseline.workload_cpu_s:.3f} s of CPU time, too little to compare: let "
            f"it do more work, for {LEAST_CPU_S:g} s or longer, or go by wall_slowdown"
        )
    return _more_per_work("workload_cpu_s", measured, baseline)


def wall_slowdown(measured: Measurement, baseline: Measurement) -> float:
    """Give how much more time the work takes. On one CPU this includes the time of the kdamond.

    Returns:
        A fraction of the baseline's time; below 0 if the work takes less.

    Raises:
        ValueError: If the baseline took no time, or if the work done is 0, or missing in only one of the
            two measurements.

    >>> from autotune.testing import measurement
    >>> wall_slowdown(measurement(runtime_s=12.0), measurement(runtime_s=8.0))
    0.5
    >>> baseline = measurement(runtime_s=8.0, work_done=400.0)
    >>> wall_slowdown(measurement(runtime_s=8.0, work_done=200.0), baseline)
    1.0
    """
    return _more_per_work("runtime_s", measured, baseline)


def cpu_use(measured: Measurement, baseline: Measurement) -> float:  # noqa: ARG001 - one signature
    """Give the CPU time of the kdamond.

    Returns:
        A fraction of one CPU.

    >>> from autotune.testing import measurement
    >>> cpu_use(measurement(kdamond_cpu=0.02), measurement())
    0.02
    """
    return measured.kdamond_cpu


def latency_max_s(measured: Measurement, baseline: Measurement) -> float:  # noqa: ARG001 - one signature
    """Give how long the slowest request took, as a client printed it.

    Returns:
        Seconds.

    Raises:
        ValueError: If the workload does not say what prints it.

    >>> from autotune.testing import measurement
    >>> latency_max_s(measurement(latency_max_s=0.25), measurement())
    0.25
    """
    if measured.latency_max_s is None:
        raise ValueError(
            "the workload names no time of a request: let workload.latency match what prints it"
        )
    return measured.latency_max_s


def latency_slowdown(measured: Measurement, baseline: Measurement) -> float:
    """Give how much longer the slowest request took.

    Returns:
        A fraction of the baseline's slowest request; below 0 if it took less.

    Raises:
        ValueError: If the workload does not say what prints it, or the baseline's took no time.

    >>> from autotune.testing import measurement
    >>> latency_slowdown(measurement(latency_max_s=0.25), measurement(latency_max_s=0.125))
    1.0
    """
    before = latency_max_s(baseline, baseline)
    return _ratio("latency_max_s", latency_max_s(measured, baseline), before) - 1.0
