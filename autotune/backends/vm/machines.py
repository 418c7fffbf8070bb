"""Micro-VMs of one kind: made and warmed up once for each workload, saved, forked, and ended.

In the deterministic mode the emulator, the kernel, the image, the orders and the seed decide every bit
of what a fork does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from autotune.backends.settings import VmSettings
from autotune.backends.vm.command_line import Descriptors, MachineParts, command_line
from autotune.backends.vm.emulator import Emulator
from autotune.backends.vm.files import ProgramFiles
from autotune.backends.vm.image import (
    GUEST_MODULE,
    check_room,
    image_entries,
    keep_image,
    workload_files,
)
from autotune.backends.vm.kernel_files import KernelFiles, find_kernel
from autotune.backends.vm.kernel_modules import module_name
from autotune.backends.vm.orders import FIRST_ORDERS, encode_orders
from autotune.backends.vm.plan import READY, Plan
from autotune.backends.vm.python_files import ENVIRONMENT, GuestPython, guest_python
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.backends.vm.states import SavedMachines
from autotune.errors import BackendUnavailableError, TrialError
from autotune.experiment import plain_json
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import TABLE_BYTES, Pattern
from autotune.native.building import build
from autotune.runner.running import runnable

_MIB = 1 << 20
_BESIDE_PATTERN_BYTES = 384 * _MIB
"""Memory beside the regions of a pattern and its table."""
FOR_PROGRAM_BYTES = 1024 * _MIB
"""Memory of a machine for a program, unless the user says otherwise."""
EMULATOR_BYTES = 256 * _MIB
"""Memory that the emulator needs, beside the guest's memory."""
_BOOT_S = 300.0
_REAL_S_PER_VIRTUAL_S = 30.0
"""A machine that takes longer for a second of its own time is ended. A busy machine takes 1 to 4 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that can be forked.

    Attributes:
        parts: What the machine is made of.
        state: The file with the machine's saved state.
        made_from: Hash of all that decides the state.
    """

    parts: MachineParts
    state: Path
    made_from: str

    def fingerprint(self, orders: bytes) -> str:
        """Give a hash of all that decides what a fork with these orders does."""
        return _hash(self.made_from, orders.hex())

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


class Machines:
    """Machines with one user's settings; each can be forked as often as there is memory for.

    Args:
        settings: The user's settings of the machine.
        cache: This program's folder for files that can be made again.
        note: Called with a text before each step that takes long.
        silence_s: A machine that prints nothing for so long, in real time, is taken to hang.
    """

    def __init__(
        self, settings: VmSettings, cache: Path, note: Callable[[str], None], silence_s: float
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._note = note
        self._silence_s = silence_s
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._made: dict[str, Machine] = {}
        self._running: set[Emulator] = set()
        self._stopped = False

    @cached_property
    def kernel(self) -> KernelFiles:
        """The kernel of the machines."""
        return find_kernel(self._settings, self._cache)

    @cached_property
    def _python(self) -> GuestPython:
        return guest_python([GUEST_MODULE])

    @cached_property
    def _qemu(self) -> str:
        """The line that QEMU prints of its version."""
        return ask_version()

    def check(self, experiment: Experiment) -> None:
        """Check that there is all that a machine needs, and room for the workload's files.

        Raises:
            InputError: If something that the workload or a setting asks for is missing.
            BackendUnavailableError: If the emulator or the kernel is missing.
        """
        check_version(self._qemu)
        kernel = self.kernel
        files = workload_files(runnable(experiment.workload))
        entries = image_entries(self._python, kernel, self._plan(experiment, files), files)
        check_room(entries, self.memory_bytes(experiment))

    @contextlib.contextmanager
    def forked(
        self, machine: Machine, orders: bytes, experiment: Experiment
    ) -> Iterator[Emulator]:
        """Give a fork that has followed its orders.

        Args:
            machine: What is forked.
            orders: What the fork does, as `autotune.backends.vm.orders.encode_orders` gives it.
            experiment: Its timeout counts.

        Raises:
            TrialError: If the machine fails.
            BackendUnavailableError: If the emulator can't be started, or `stop` was called.
        """
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
                self._refuse_if_stopped()
                self._running.add(emulator)
            try:
                emulator.begin()
                yield emulator
            finally:
                with self._lock:
                    self._running.discard(emulator)

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise BackendUnavailableError("the micro-VMs were stopped")

    def _plan(self, experiment: Experiment, files: ProgramFiles) -> Plan:
        settings = self._settings
        memory = self.memory_bytes(experiment)
        return Plan(
            workload=runnable(experiment.workload),
            timeout_us=experiment.timeout_us,
            modules=tuple(f"{module_name(module)}.ko" for module in self.kernel.modules),
            swap_bytes=memory if settings.swap_bytes is None else settings.swap_bytes,
            compression=settings.compression,
            huge_pages=settings.huge_pages,
            search_path=files.search_path,
        )

    def memory_bytes(self, experiment: Experiment) -> int:
        """Give the memory of a machine for an experiment, whole MiB in bytes."""
        if self._settings.memory_bytes is not None:
            wanted = self._settings.memory_bytes
        elif isinstance(experiment.workload, Pattern):
            regions = sum(region.size_bytes for region in experiment.workload.regions)
            wanted = regions + TABLE_BYTES + _BESIDE_PATTERN_BYTES
        else:
            wanted = FOR_PROGRAM_BYTES
        return -(-wanted // _MIB) * _MIB

    def for_workload(self, experiment: Experiment) -> Machine:
        """Give the machine in which the experiment's workload runs. The first call makes the machine.

        Raises:
            TrialError: If the workload fails in its warm-up, or the machine does.
            BackendUnavailableError: If no machine can be made, or `stop` was called.
        """
        name = plain_json.dumps(experiment.workload)
        with self._making:
            machine = self._made.get(name)
            if machine is None or not machine.is_kept():
                self._refuse_if_stopped()
                machine = self._made[name] = self._make_machine(experiment)
            return machine

    def _make_machine(self, experiment: Experiment) -> Machine:
        files = workload_files(runnable(experiment.workload))
        plan = self._plan(experiment, files)
        parts, digest = self._make_parts(experiment, plan, files)
        kernel_hash = hashlib.sha256(self.kernel.image.read_bytes()).hexdigest()
        clock_hash = hashlib.sha256(build("frozen_clock").read_bytes()).hexdigest()
        abstract = replace(parts, kernel=Path("kernel"), initrd=Path("initrd"))
        words = command_line(abstract, _NO_DESCRIPTORS)
        made_from = _hash(self._qemu, kernel_hash, digest, clock_hash, *words)

        def save(path: Path) -> None:
            self._refuse_if_stopped()
            self._note("booting the micro-VM and warming the workload up (once)")
            self._save(parts, path, plan.timeout_us / 1e6 * _REAL_S_PER_VIRTUAL_S)

        state = SavedMachines(self._cache / "machines").get(made_from, save)
        return Machine(parts=parts, state=state, made_from=made_from)

    def _make_parts(
        self, experiment: Experiment, plan: Plan, files: ProgramFiles
    ) -> tuple[MachineParts, str]:
        """Make the image; give what the machine is made of, and the hash of the image."""
        settings = self._settings
        entries = image_entries(self._python, self.kernel, plan, files)
        try:
            image, digest = keep_image(entries, self._cache / "images")
        except OSError as error:
            raise BackendUnavailableError(
                f"{self._cache}: can't keep images here: {error.strerror}: make it writable, or set "
                "XDG_CACHE_HOME"
            ) from error
        parts = MachineParts(
            kernel=self.kernel.image,
            initrd=image,
            init=(*self._python.command, "-m", GUEST_MODULE),
            environment=tuple(ENVIRONMENT.items()),
            memory_bytes=self.memory_bytes(experiment),
            mips=settings.mips,
            cpus=settings.cpus,
            realtime=settings.realtime,
        )
        return parts, digest

    def _save(self, parts: MachineParts, path: Path, timeout_s: float) -> None:
        """Boot a machine, wait until the workload in it is ready, and save it."""
        with self._started(parts, encode_orders(FIRST_ORDERS)) as emulator:
            if not emulator.run_until_it_stops(_BOOT_S + timeout_s, self._silence_s):
                emulator.answer(Measurement)  # raises the error that the guest reports
                raise TrialError(f"the micro-VM ended too soon: {emulator.console_end()}")
            if READY not in emulator.console_text():
                raise BackendUnavailableError(
                    f"the micro-VM's kernel stopped: {emulator.console_end()}: try another kernel"
                )
            emulator.save(path)

    @contextlib.contextmanager
    def traced(self, experiment: Experiment, files: ProgramFiles) -> Iterator[Emulator]:
        """Boot a machine with *files* that runs a workload under a tracer; give it when it has stopped.

        Raises:
            TrialError: If the machine fails.
            BackendUnavailableError: If no machine can be made.
        """
        plan = replace(self._plan(experiment, files), traced=True)
        parts, _ = self._make_parts(experiment, plan, files)
        virtual_s = plan.timeout_us / 1e6
        with self._started(parts, encode_orders(FIRST_ORDERS)) as emulator:
            emulator.run_until_it_stops(
                _BOOT_S + virtual_s * _REAL_S_PER_VIRTUAL_S, self._silence_s
            )
            yield emulator

    def stop(self) -> None:
        """End all machines, and start no more. May be called from any thread."""
        with self._lock:
            self._stopped = True
            for emulator in self._running:
                emulator.end()


_NO_DESCRIPTORS = Descriptors(console=0, results=0, orders=0, qmp=0)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
