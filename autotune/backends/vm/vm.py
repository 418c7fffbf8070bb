"""The micro-VM as a backend: every measurement and every recording is a fork of a warm machine.

In the deterministic mode a measurement's fingerprint is a hash of all that decides its figures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from autotune.backends.reading_periods import ReadingPeriods
from autotune.backends.settings import SPEEDS_MIPS, VmSettings
from autotune.backends.starts import Starts
from autotune.backends.vm.emulator import SILENCE_S
from autotune.backends.vm.file_entries import entries_at
from autotune.backends.vm.image import (
    workload_files,
)
from autotune.backends.vm.kept_speeds import KeptSpeeds
from autotune.backends.vm.machines import EMULATOR_BYTES, FOR_PROGRAM_BYTES, Machines
from autotune.backends.vm.missing import explanation, may_lack
from autotune.backends.vm.opened import Opened
from autotune.backends.vm.orders import encode_orders, make_orders
from autotune.backends.vm.skeleton import SKELETON
from autotune.damon.recording import Recording
from autotune.errors import BackendUnavailableError, TrialError
from autotune.experiment import plain_json
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.other_speed import OtherSpeed
from autotune.experiment.program import Program
from autotune.runner.raw_recording import RawRecording, check_recordable
from autotune.runner.running import runnable
from autotune.runner.system_memory import SystemMemory
from autotune.units import format_size

_LATE = 0.9
"""When a program that ends by itself is paged out, to see how it compresses: a fraction of its run."""


class Vm:
    """Linux in an emulated machine.

    Args:
        settings: The user's settings of the machine.
        cache: This program's folder for files that can be made again.
        note: Called with a text before each step that takes long.
        system: Memory of the machine on which this program runs.
        silence_s: A machine that prints nothing for so long, in real time, is taken to hang.
    """

    name = "vm"

    def __init__(
        self,
        settings: VmSettings,
        cache: Path,
        note: Callable[[str], None],
        system: SystemMemory | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._note = note
        self._system = system or SystemMemory()
        self._silence_s = silence_s
        self._machines = Machines(settings, cache, note, silence_s)
        self._lock = threading.Lock()
        self._starts = Starts()
        self._other: Vm | None = None
        self._stopped = False
        self._lacks: dict[str, str] = {}
        self._readings = ReadingPeriods(repeats=not settings.realtime)

    @property
    def starts(self) -> int:
        """How often a workload was started."""
        return self._starts.count

    @property
    def machine(self) -> str:
        """The kernel and the speed of the CPU."""
        speed = "realtime" if self._settings.realtime else f"{self._settings.mips}mips"
        return f"linux-{self._machines.kernel.version}-{speed}"

    @property
    def slowdown_metric(self) -> Literal["own_cpu_slowdown", "wall_slowdown"]:
        """On one CPU the kdamond's work delays the workload: so only the workload's CPU time counts."""
        return "wall_slowdown" if self._settings.cpus > 1 else "own_cpu_slowdown"

    @property
    def drifts(self) -> bool:
        """A machine that counts instructions doesn't drift; a machine on a real CPU drifts."""
        return self._settings.realtime

    @property
    def most_at_once(self) -> int:
        """How many machines there is memory for."""
        each_bytes = (self._settings.memory_bytes or FOR_PROGRAM_BYTES) + EMULATOR_BYTES
        return max(1, self._system.available_bytes() // each_bytes)

    def check(self, experiment: Experiment) -> None:
        """Check that there is all that a machine needs, and the workload's programs.

        Raises:
            InputError: If something that the workload or a setting asks for is missing.
            BackendUnavailableError: If the emulator, the kernel or memory is missing; the message has
                the remedy.
        """
        self._machines.check(experiment)
        needed = self.takes_bytes(experiment)
        if (available := self._system.available_bytes()) < needed:
            raise BackendUnavailableError(
                f"a micro-VM for this takes {format_size(needed)}, and this machine has "
                f"{format_size(available >> 20 << 20)} left: end other programs, or lower vm.memory"
            )

    def takes_bytes(self, experiment: Experiment) -> int:
        """Give what a machine for an experiment takes of this one's memory, emulator included."""
        return self._machines.memory_bytes(experiment) + EMULATOR_BYTES

    def prepare(self, experiment: Experiment) -> None:
        """Boot the machine for an experiment's workload and warm the workload up, if not done yet.

        Raises:
            TrialError: If the workload fails, or the machine does.
            BackendUnavailableError: If no machine can be made.
        """
        self._machines.for_workload(experiment)

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Fork the machine in which the workload runs, and measure there.

        Raises:
            TrialError: If the workload fails, or the machine does.
            BackendUnavailableError: If no machine can be made.
        """

        def measure(pss_period_us: int | None) -> Measurement:
            machine = self._machines.for_workload(experiment)
            orders = encode_orders(make_orders(experiment, seed, pss_period_us=pss_period_us))
            self._starts.one_more()
            with self._machines.forked(machine, orders, experiment) as emulator:
                measured = emulator.answer(Measurement)
            if self._settings.realtime:
                return measured
            return replace(measured, fingerprint=machine.fingerprint(orders))

        try:
            return self._readings.measure(experiment, measure)
        except TrialError as error:
            if why := self._what_it_lacks(experiment, str(error)):
                raise TrialError(f"{error}; {why}") from error
            raise

    def _what_it_lacks(self, experiment: Experiment, problem: str) -> str:
        """Run a program that failed once more, under a tracer, and say which files it misses."""
        workload = experiment.workload
        if not isinstance(workload, Program) or not may_lack(problem):
            return ""
        name = plain_json.dumps(workload)
        if name not in self._lacks:
            self._note("running it once more, to see which files it lacks")
            try:
                opened = self.opened(experiment)
                self._lacks[name] = explanation(opened, workload, self.paths(experiment))
            except (TrialError, BackendUnavailableError):
                return ""
        return self._lacks[name]

    def opened(self, experiment: Experiment, folders: Iterable[Path] = ()) -> Opened:
        """Boot a machine and run the workload under a tracer, to see what it looks for.

        Args:
            experiment: The experiment.
            folders: Folders of this machine that exist there, too, without what is in them.

        Raises:
            TrialError: If the machine fails.
            BackendUnavailableError: If no machine can be made.
        """
        files = workload_files(runnable(experiment.workload))
        added = {entry.path: entry for folder in folders for entry in entries_at(folder)}
        whole = {**added, **{entry.path: entry for entry in files.entries}}
        self._starts.one_more()
        with self._machines.traced(
            experiment, replace(files, entries=tuple(whole.values()))
        ) as emulator:
            return emulator.answer(Opened)

    def paths(self, experiment: Experiment) -> frozenset[str]:
        """Give all paths of a workload's image."""
        files = workload_files(runnable(experiment.workload))
        return frozenset(entry.path for entry in (*SKELETON, *files.entries))

    def at_other_speed(
        self, experiment: Experiment, *, seed: int, baseline: Measurement
    ) -> OtherSpeed | None:
        """Run a baseline in a machine of half the speed, or of twice the speed if none is slower.

        Raises:
            TrialError: If the workload fails, or the machine does.
            BackendUnavailableError: If no machine can be made.
        """
        settings = self._settings
        if settings.realtime or baseline.fingerprint is None:
            return None
        kept = KeptSpeeds(self._cache / "speeds")
        if (known := kept.get(baseline.fingerprint)) is not None:
            return known
        place = SPEEDS_MIPS.index(settings.mips)
        mips = SPEEDS_MIPS[place + 1 if place + 1 < len(SPEEDS_MIPS) else place - 1]
        self._note(f"running the baseline at {mips} MIPS, to see whether its work is fixed (once)")
        with self._lock:
            other = self._other = Vm(
                replace(settings, mips=mips), self._cache, _silent, self._system, self._silence_s
            )
            if self._stopped:
                raise BackendUnavailableError("the micro-VMs were stopped")
        self._starts.one_more()
        measured = other.run(experiment, seed=seed)
        found = OtherSpeed(
            speed=mips / settings.mips,
            runtime_s=measured.runtime_s,
            workload_cpu_s=measured.workload_cpu_s,
        )
        kept.keep(baseline.fingerprint, found)
        return found

    def record(self, experiment: Experiment, *, seed: int) -> Recording:
        """Fork the machine in which the workload runs, and make a recording there.

        At the end of the run the workload is paged out, to see how well its memory compresses. A program
        that has ended by then has no memory: then this happens in another fork, shortly before its end.
        A program runs in one more fork with DAMON off: what it took longer with DAMON held it up.

        Raises:
            ValueError: If DAMON is off in the experiment, or the experiment has schemes.
            TrialError: If the workload fails, or the machine does.
            BackendUnavailableError: If no machine can be made.
        """
        check_recordable(experiment)
        taken = self._record(experiment, seed)
        if not taken.paged_out:
            self._note("running it once more, to see how well its memory compresses")
            try:
                late_us = int(_LATE * taken.duration_us)
                late = self._record(experiment, seed, paged_out_at_us=late_us)
            except TrialError as error:
                self._note(f"how well it compresses is not known: {error}")
            else:
                taken = replace(taken, paged_out=late.paged_out)
        if isinstance(experiment.workload, Program):
            self._note("running it without DAMON, to see how long monitoring held it up")
            try:
                taken = taken.beside(self.run(experiment.baseline(), seed=seed))
            except TrialError as error:
                self._note(f"it is estimated: {error}")
        return taken.recording(experiment)

    def _record(
        self, experiment: Experiment, seed: int, *, paged_out_at_us: int | None = None
    ) -> RawRecording:
        orders = make_orders(experiment, seed, record=True, paged_out_at_us=paged_out_at_us)
        machine = self._machines.for_workload(experiment)
        self._starts.one_more()
        with self._machines.forked(machine, encode_orders(orders), experiment) as emulator:
            return emulator.answer(RawRecording)

    def stop(self) -> None:
        """End all machines, and start no more. May be called from any thread."""
        with self._lock:
            self._stopped = True
            other = self._other
        self._machines.stop()
        if other is not None:
            other.stop()


def _silent(_text: str) -> None:
    """Say nothing."""
