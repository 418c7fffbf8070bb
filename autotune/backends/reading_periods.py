"""The times between two readings of shared memory, one for each workload, for all runs of a backend."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable

from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern


class ReadingPeriods:
    """Makes all runs of a workload read what its processes share equally often.

    Args:
        repeats: Whether runs begin with equal costs, as forks of one machine do. Then a run without a
            given period finds the period of the run before it.
    """

    def __init__(self, *, repeats: bool) -> None:
        self._repeats = repeats
        self._lock = threading.Lock()
        self._first: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._found: dict[Hashable, tuple[int, ...]] = {}
        self._fixed: dict[Hashable, int] = {}

    def measure(
        self, experiment: Experiment, run: Callable[[int | None], Measurement]
    ) -> Measurement:
        """Measure an experiment; the first run of a program ends before its next run begins.

        A run in which reading became dearer, so that the period grew, is made again with one period.

        Args:
            experiment: What is measured.
            run: Measures it once, with a given time between two readings in microseconds; with None the
                run finds a time by itself.

        Raises:
            TrialError: If *run* raises it.
            BackendUnavailableError: If *run* raises it.
        """
        if isinstance(experiment.workload, Pattern):
            return run(None)  # a pattern is one process
        workload = (experiment.workload, experiment.sampling_period_us)
        with self._lock:
            first = self._first[workload]
        with first:
            if workload not in self._found:
                return self._settle(workload, run)
        period_us = self._fixed.get(workload)
        measured = run(period_us)
        if period_us is None and len(measured.pss_periods_us) > 1:
            with first:
                return self._settle(workload, run, measured)
        return measured

    def _settle(
        self,
        workload: Hashable,
        run: Callable[[int | None], Measurement],
        measured: Measurement | None = None,
    ) -> Measurement:
        measured = measured or run(None)
        periods = self._found.setdefault(workload, measured.pss_periods_us)
        if len(measured.pss_periods_us) > 1:
            # Runs before this one had one period; if they had none, this run's longest is taken.
            fixed = periods[-1] if periods else measured.pss_periods_us[-1]
            fixed = self._fixed.setdefault(workload, fixed)
            return run(fixed)
        if periods and not self._repeats:
            self._fixed.setdefault(workload, periods[-1])
        return measured
