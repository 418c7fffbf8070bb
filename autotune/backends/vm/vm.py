"""The micro-VM as a backend: boots and warms up a machine once, and forks it for every measurement.

In the deterministic mode the emulator, the kernel, the image, the orders and the seed decide every bit
of a measurement. The measurement's fingerprint is a hash of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from autotune.backends.reading_periods import ReadingPeriods
from autotune.backends.settings import SPEEDS_MIPS, VmSettings
from autotune.backends.vm.command_line import Descriptors, MachineParts, command_line
from autotune.backends.vm.emulator import SILENCE_S, Emulator
from autotune.backends.vm.file_entries import entries_at
from autotune.backends.vm.files import ProgramFiles
from autotune.backends.vm.image import (
    GUEST_MODULE,
    check_room,
    image_entries,
    keep_image,
    workload_files,
)
from autotune.backends.vm.kept_speeds import KeptSpeeds
from autotune.backends.vm.kernel_files import KernelFiles, find_kernel
from autotune.backends.vm.kernel_modules import module_name
from autotune.backends.vm.missing import explanation, may_lack
from autotune.backends.vm.opened import Opened
from autotune.backends.vm.orders import FIRST_ORDERS, encode_orders, make_orders
from autotune.backends.vm.plan import READY, Plan
from autotune.backends.vm.python_files import ENVIRONMENT, GuestPython, guest_python
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.backends.vm.skeleton import SKELETON
from autotune.backends.vm.states import SavedMachines
from autotune.damon.recording import Recording
from autotune.errors import BackendUnavailableError, TrialError
from autotune.experiment import plain_json
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.other_speed import OtherSpeed
from autotune.experiment.pattern import TABLE_BYTES, Pattern
from autotune.experiment.program import Program
from autotune.native.building import build
from autotune.runner.raw_recording import RawRecording, check_recordable
from autotune.runner.running import runnable
from autotune.runner.system_memory import SystemMemory
from autotune.units import format_size

_MIB = 1 << 20
_BESIDE_PATTERN_BYTES = 384 * _MIB
_FOR_PROGRAM_BYTES = 1024 * _MIB
_EMULATOR_BYTES = 256 * _MIB
"""Memory that the emulator needs, beside the guest's memory."""
_BOOT_S = 300.0
_REAL_S_PER_VIRTUAL_S = 30.0
"""A machine that takes longer for a second of its own time is ended. A busy machine takes 1 to 4 s."""
_LATE = 0.9
"""When a program that ends by itself is paged out, to see how it compresses: a fraction of its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """A machine that can be forked.

    Attributes:
        parts: What the machine is made of.
        state: The file with the machine's saved state.
        made_from: Hash of all that decides the state.
    """

    parts: MachineParts
    state: Path
    made_from: str

    def is_kept(self) -> bool:
        """Say whether the machine's files are there; mark them as used just now.

        Other processes remove files from the cache to make room, those first that were not used for
        the longest time.
        """
        try:
            for path in (self.state, self.parts.initrd):
                os.utime(path)
        except FileNotFoundError:
            return False
        return True


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
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._machines: dict[str, _Machine] = {}
        self._running: set[Emulator] = set()
        self._other: Vm | None = None
        self._stopped = False
        self._lacks: dict[str, str] = {}
        self._readings = ReadingPeriods(repeats=not settings.realtime)

    @property
    def machine(self) -> str:
        """The kernel and the speed of the CPU."""
        speed = "realtime" if self._settings.realtime else f"{self._settings.mips}mips"
        return f"linux-{self._kernel.version}-{speed}"

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
        each_bytes = (self._settings.memory_bytes or _FOR_PROGRAM_BYTES) + _EMULATOR_BYTES
        return max(1, self._system.available_bytes() // each_bytes)

    @cached_property
    def _kernel(self) -> KernelFiles:
        return find_kernel(self._settings, self._cache)

    @cached_property
    def _python(self) -> GuestPython:
        return guest_python([GUEST_MODULE])

    @cached_property
    def _qemu(self) -> str:
        """The line that QEMU prints of its version."""
        return ask_version()

    def check(self, experiment: Experiment) -> None:
        """Check that there is all that a machine needs, and the workload's programs.

        Raises:
            InputError: If something that the workload or a setting asks for is missing.
            BackendUnavailableError: If the emulator, the kernel or memory is missing; the message has
                the remedy.
        """
        check_version(self._qemu)
        kernel = self._kernel
        files = workload_files(runnable(experiment.workload))
        entries = image_entries(self._python, kernel, self._plan(experiment, files), files)
        check_room(entries, self._memory_bytes(experiment))
        needed = self.takes_bytes(experiment)
        if (available := self._system.available_bytes()) < needed:
            raise BackendUnavailableError(
                f"a micro-VM for this takes {format_size(needed)}, and this machine has "
                f"{format_size(available >> 20 << 20)} left: end other programs, or lower vm.memory"
            )

    def takes_bytes(self, experiment: Experiment) -> int:
        """Give what a machine for an experiment takes of this one's memory, emulator included."""
        return self._memory_bytes(experiment) + _EMULATOR_BYTES

    def prepare(self, experiment: Experiment) -> None:
        """Boot the machine for an experiment's workload and warm the workload up, if not done yet.

        Raises:
            TrialError: If the workload fails, or the machine does.
            BackendUnavailableError: If no machine can be made.
        """
        self._machine_for(experiment)

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Fork the machine in which the workload runs, and measure there.

        Raises:
            TrialError: If the workload fails, or the machine does.
            BackendUnavailableError: If no machine can be made.
        """

        def measure(pss_period_us: int | None) -> Measurement:
            machine = self._machine_for(experiment)
            orders = encode_orders(make_orders(experiment, seed, pss_period_us=pss_period_us))
            with self._finished(machine, orders, experiment) as emulator:
                measured = emulator.answer()
            fingerprint = _hash(machine.made_from, orders.hex())
            return replace(measured, fingerprint=None if self._settings.realtime else fingerprint)

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
        plan = replace(self._plan(experiment, files), traced=True)
        parts, _ = self._make_parts(
            experiment, plan, replace(files, entries=tuple(whole.values()))
        )
        virtual_s = plan.timeout_us / 1e6
        with self._started(parts, encode_orders(FIRST_ORDERS)) as emulator:
            emulator.run_until_it_stops(
                _BOOT_S + virtual_s * _REAL_S_PER_VIRTUAL_S, self._silence_s
            )
            return emulator.opened()

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
        machine = self._machine_for(experiment)
        with self._finished(machine, encode_orders(orders), experiment) as emulator:
            return emulator.recording()

    @contextlib.contextmanager
    def _finished(
        self, machine: _Machine, orders: bytes, experiment: Experiment
    ) -> Iterator[Emulator]:
        """Give a fork that has followed its orders."""
        virtual_s = experiment.timeout_us / 1e6
        with self._started(machine.parts, orders, machine.state) as emulator:
            emulator.wait_for_state()
            timeout_s = _BOOT_S + virtual_s * _REAL_S_PER_VIRTUAL_S
            emulator.run_until_it_stops(timeout_s, self._silence_s)
            yield emulator

    @contextlib.contextmanager
    def _started(
        self, parts: MachineParts, orders: bytes, state: Path | None = None
    ) -> Iterator[Emulator]:
        """Give a machine that ends at the end of the block, or if `stop` is called."""
        clock = build("frozen_clock")
        with Emulator(parts, orders, clock, state, is_saved=state is None) as emulator:
            with self._lock:
                if self._stopped:
                    raise BackendUnavailableError("the micro-VMs were stopped")
                self._running.add(emulator)
            try:
                emulator.begin()
                yield emulator
            finally:
                with self._lock:
                    self._running.discard(emulator)

    def stop(self) -> None:
        """End all machines, and start no more. May be called from any thread."""
        with self._lock:
            self._stopped = True
            for emulator in self._running:
                emulator.end()
            other = self._other
        if other is not None:
            other.stop()

    def _plan(self, experiment: Experiment, files: ProgramFiles) -> Plan:
        settings = self._settings
        memory = self._memory_bytes(experiment)
        return Plan(
            workload=runnable(experiment.workload),
            timeout_us=experiment.timeout_us,
            modules=tuple(f"{module_name(module)}.ko" for module in self._kernel.modules),
            swap_bytes=memory if settings.swap_bytes is None else settings.swap_bytes,
            compression=settings.compression,
            huge_pages=settings.huge_pages,
            search_path=files.search_path,
        )

    def _memory_bytes(self, experiment: Experiment) -> int:
        if self._settings.memory_bytes is not None:
            wanted = self._settings.memory_bytes
        elif isinstance(experiment.workload, Pattern):
            regions = sum(region.size_bytes for region in experiment.workload.regions)
            wanted = regions + TABLE_BYTES + _BESIDE_PATTERN_BYTES
        else:
            wanted = _FOR_PROGRAM_BYTES
        return -(-wanted // _MIB) * _MIB

    def _machine_for(self, experiment: Experiment) -> _Machine:
        """Give the machine in which the experiment's workload runs. The first call makes the machine."""
        name = plain_json.dumps(experiment.workload)
        with self._making:
            machine = self._machines.get(name)
            if machine is None or not machine.is_kept():
                machine = self._machines[name] = self._make_machine(experiment)
            return machine

    def _make_machine(self, experiment: Experiment) -> _Machine:
        files = workload_files(runnable(experiment.workload))
        plan = self._plan(experiment, files)
        parts, digest = self._make_parts(experiment, plan, files)
        kernel_hash = hashlib.sha256(self._kernel.image.read_bytes()).hexdigest()
        clock_hash = hashlib.sha256(build("frozen_clock").read_bytes()).hexdigest()
        abstract = replace(parts, kernel=Path("kernel"), initrd=Path("initrd"))
        words = command_line(abstract, _NO_DESCRIPTORS)
        made_from = _hash(self._qemu, kernel_hash, digest, clock_hash, *words)

        def save(path: Path) -> None:
            self._note("booting the micro-VM and warming the workload up (once)")
            self._save(parts, path, plan.timeout_us / 1e6 * _REAL_S_PER_VIRTUAL_S)

        state = SavedMachines(self._cache / "machines").get(made_from, save)
        return _Machine(parts=parts, state=state, made_from=made_from)

    def _make_parts(
        self, experiment: Experiment, plan: Plan, files: ProgramFiles
    ) -> tuple[MachineParts, str]:
        """Make the image; give what the machine is made of, and the hash of the image."""
        settings = self._settings
        entries = image_entries(self._python, self._kernel, plan, files)
        try:
            image, digest = keep_image(entries, self._cache / "images")
        except OSError as error:
            raise BackendUnavailableError(
                f"{self._cache}: can't keep images here: {error.strerror}: make it writable, or set "
                "XDG_CACHE_HOME"
            ) from error
        parts = MachineParts(
            kernel=self._kernel.image,
            initrd=image,
            init=(*self._python.command, "-m", GUEST_MODULE),
            environment=tuple(ENVIRONMENT.items()),
            memory_bytes=self._memory_bytes(experiment),
            mips=settings.mips,
            cpus=settings.cpus,
            realtime=settings.realtime,
        )
        return parts, digest

    def _save(self, parts: MachineParts, path: Path, timeout_s: float) -> None:
        """Boot a machine, wait until the workload in it is ready, and save it."""
        with self._started(parts, encode_orders(FIRST_ORDERS)) as emulator:
            if not emulator.run_until_it_stops(_BOOT_S + timeout_s, self._silence_s):
                emulator.answer()  # raises the error that the guest reports
                raise TrialError(f"the micro-VM ended too soon: {emulator.console_end()}")
            if READY not in emulator.console_text():
                raise BackendUnavailableError(
                    f"the micro-VM's kernel stopped: {emulator.console_end()}: try another kernel"
                )
            emulator.save(path)


def _silent(_text: str) -> None:
    """Say nothing."""


_NO_DESCRIPTORS = Descriptors(console=0, results=0, orders=0, qmp=0)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
