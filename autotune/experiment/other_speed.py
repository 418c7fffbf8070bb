"""Whether a workload does the same work at another speed of the machine: measured, never assumed."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.experiment.measurement import Measurement

SAME_WORK = 0.03
"""Programs of fixed work execute equal instructions at two speeds within this fraction."""
EARLY_CPU_S = 0.25
"""A program without a client works on between being ready and being measured, at each speed another part
of its work: so many seconds of CPU time may differ, beside what a delay until it is ready leaves."""
MOST_EARLY = 0.25
"""At most this fraction of the instructions may be such an early part; half is a deadline."""
SAME_TIME = 0.002
"""Run times that differ by less than this fraction were set by a clock, if the CPU time differs more."""
LESS_CPU = 0.02
"""Less CPU time than the baseline by more than this fraction, in equal time, is less work."""
REMEDY = "let it print how much it did, and name that with workload.work"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSpeed:
    """A baseline on a machine of another speed.

    Attributes:
        speed: Speed of that machine over the speed of the first machine.
        runtime_s: Run time there, in seconds.
        workload_cpu_s: CPU time of the workload there, in seconds.
    """

    speed: float
    runtime_s: float
    workload_cpu_s: float

    def instructions(self, baseline: Measurement) -> float:
        """Give the instructions executed there, over those of the baseline.

        Fixed work gives 1, a program that computes until a deadline gives `speed`.

        >>> from autotune.testing import measurement
        >>> slow = OtherSpeed(speed=0.5, runtime_s=20.0, workload_cpu_s=18.0)
        >>> slow.instructions(measurement(runtime_s=10.0, workload_cpu_s=9.0))
        1.0
        """
        return self.workload_cpu_s * self.speed / baseline.workload_cpu_s

    def no_shared_work(
        self, baseline: Measurement, *, works_before_s: float | None = None
    ) -> str | None:
        """Say why slowdowns of this workload mean nothing; None if its work is fixed.

        Args:
            baseline: At the usual speed.
            works_before_s: How long the workload is left to work before its measured part begins, as a
                program without a client is that is ready after a delay, in seconds. In that time it does
                another part of its work at each speed. None if a client begins the work.

        >>> from autotune.testing import measurement
        >>> slow = OtherSpeed(speed=0.5, runtime_s=10.0, workload_cpu_s=9.0)
        >>> print(slow.no_shared_work(measurement(runtime_s=10.0, workload_cpu_s=9.0)))
        the work is not fixed: on a machine of 0.5 times the speed the workload ran 1.00 times as long \
and executed 50.0% of the instructions: let it print how much it did, and name that with workload.work
        """
        if baseline.workload_cpu_s <= 0.0:
            return None
        share = self.instructions(baseline)
        early = 0.0
        if works_before_s is not None:
            differs_s = EARLY_CPU_S + works_before_s * abs(1.0 - self.speed)
            early = min(MOST_EARLY, differs_s / baseline.workload_cpu_s)
        if abs(share - 1.0) <= SAME_WORK + early:
            return None
        longer = self.runtime_s / baseline.runtime_s
        return (
            f"the work is not fixed: on a machine of {self.speed:g} times the speed the workload ran "
            f"{longer:.2f} times as long and executed {share:.1%} of the instructions: {REMEDY}"
        )


def looks_timed(measured: Measurement, baseline: Measurement) -> str | None:
    """Say that two runs look as if a clock ended them; None if they don't.

    >>> from autotune.testing import measurement
    >>> print(looks_timed(measurement(workload_cpu_s=8.0), measurement(workload_cpu_s=9.0)))
    it ran as long as the baseline with 11.1% less CPU time, as a program does that a clock ends and \
that did less: let it print how much it did, and name that with workload.work
    >>> looks_timed(measurement(workload_cpu_s=9.5), measurement(workload_cpu_s=9.0))
    """
    if baseline.runtime_s <= 0.0 or baseline.workload_cpu_s <= 0.0:
        return None
    longer = abs(measured.runtime_s / baseline.runtime_s - 1.0)
    less = 1.0 - measured.workload_cpu_s / baseline.workload_cpu_s
    if longer > SAME_TIME or less <= LESS_CPU:
        return None
    return (
        f"it ran as long as the baseline with {less:.1%} less CPU time, as a program does that a clock "
        f"ends and that did less: {REMEDY}"
    )
