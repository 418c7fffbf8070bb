"""This machine as a backend: its own DAMON, over a workload that runs here.

DAMON needs root. The workload runs as the user who invoked this program.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from autotune.backends.reading_periods import ReadingPeriods
from autotune.backends.settings import HostSettings
from autotune.backends.starts import Starts
from autotune.damon.damos import Action
from autotune.damon.recording import Recording
from autotune.driver.claim import Claim, claim
from autotune.driver.journal import JOURNAL, Journal
from autotune.driver.lock import LOCK
from autotune.driver.memory_settings import add_zram_swap, set_huge_pages
from autotune.driver.ownership import refuse_foreign_users
from autotune.driver.system_calls import LinuxCalls, SystemCalls
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.native.building import build
from autotune.runner.identity import Identity, invoking_user
from autotune.runner.measuring import Measuring
from autotune.runner.processes import Processes, adopt_orphans
from autotune.runner.procfs import Procfs
from autotune.runner.raw_recording import check_recordable
from autotune.runner.recorder import Recorder
from autotune.runner.running import runnable, start_workload
from autotune.runner.shared_memory import reading_cost_s
from autotune.runner.system_memory import SystemMemory
from autotune.runner.tracing import TRACEFS, TraceBuffer, buffer_if_possible


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths of a machine that are read and changed.

    Attributes:
        sysfs: Where sysfs is mounted.
        procfs: Where procfs is mounted.
        dev: The folder of devices.
        tracefs: Where tracefs is mounted.
        journal: The file in which changes are written down before they are made.
        lock: The file that keeps two runs from changing the machine at once.
    """

    sysfs: Path = Path("/sys")
    procfs: Path = Path("/proc")
    dev: Path = Path("/dev")
    tracefs: Path = TRACEFS
    journal: Path = JOURNAL
    lock: Path = LOCK


@dataclass(slots=True)
class Host:
    """This machine.

    Attributes:
        settings: The settings that are changed while the machine measures.
        places: The paths of the machine.
        environment: Environment variables of this process. They say who invoked this program, and the
            workload gets them.
        system: Turns swap on and off.
        player: The compiled player; with None it is compiled.
        tree: Makes DAMON's tree from the place where sysfs is mounted.
    """

    settings: HostSettings = field(default_factory=HostSettings)
    places: Places = field(default_factory=Places)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    system: SystemCalls = field(default_factory=LinuxCalls)
    player: Path | None = None
    tree: Callable[[Path], DamonTree] = DamonTree
    _running: Processes | None = None
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starts: Starts = field(default_factory=Starts)
    _readings: ReadingPeriods = field(default_factory=lambda: ReadingPeriods(repeats=False))

    name = "host"
    slowdown_metric: Literal["wall_slowdown"] = "wall_slowdown"
    drifts = True
    most_at_once = 1

    @property
    def starts(self) -> int:
        """How often a workload was started."""
        return self._starts.count

    @property
    def machine(self) -> str:
        """The kernel and the number of CPUs."""
        return f"linux-{platform.release()}-{os.cpu_count()}cpus"

    def check(self, experiment: Experiment) -> None:
        """Check that this machine's DAMON can be used. Changes nothing.

        Raises:
            BackendUnavailableError: If it can't be used; the message has the remedy.
        """
        if os.geteuid() != 0:
            raise BackendUnavailableError(
                "backend host: DAMON is for root only: use sudo, or backend: vm, which needs no root"
            )
        self.tree(self.places.sysfs).check()
        if Journal(self.places.journal, self.places.procfs).pending():
            # Checked first: DAMON as a killed run of ours left it looks like another program's.
            raise BackendUnavailableError(
                f"{self.places.journal}: a run goes on, or was killed: wait for it, or put back what it "
                "changed: run: autotune doctor --restore"
            )
        refuse_foreign_users(self.places.sysfs)
        memory = SystemMemory(self.places.procfs, self.places.sysfs)
        pages_out = any(scheme.action is Action.PAGEOUT for scheme in experiment.schemes)
        if pages_out and self.settings.swap_bytes is None and memory.swap_total_bytes() == 0:
            raise BackendUnavailableError(
                "backend host: there is no swap, so that pageout does nothing: add host: {swap: 1GiB} "
                "to the workload file, for compressed swap in memory while it measures"
            )
        if isinstance(experiment.workload, Pattern):
            self._player()

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Run the workload once, here, and put back all that was changed.

        Raises:
            TrialError: If the workload fails, or the kernel refuses a scheme.
            BackendUnavailableError: If DAMON can't be used here; nothing is changed then.
        """

        def measure(pss_period_us: int | None) -> Measurement:
            self._starts.one_more()
            with (
                self._claimed() as claimed,
                self._warmed_up(experiment, claimed, pss_period_us) as make_measuring,
            ):
                return make_measuring(None).measure(experiment, seed)

        return self._readings.measure(experiment, measure)

    def record(self, experiment: Experiment, *, seed: int) -> Recording:
        """Run the workload once, here, make a recording, and put back all that was changed.

        Raises:
            ValueError: If DAMON is off in the experiment, or the experiment has schemes.
            TrialError: If the workload fails, or a part of the recording is lost.
            BackendUnavailableError: If DAMON can't be used here; nothing is changed then.
        """
        check_recordable(experiment)
        procfs = Procfs(self.places.procfs)
        self._starts.one_more()
        with (
            self._claimed() as claimed,
            TraceBuffer(self.places.tracefs, claimed.journal) as trace,
        ):
            recorder = Recorder(trace, procfs)
            with self._warmed_up(experiment, claimed, records=True) as make_measuring:
                measuring = make_measuring(recorder)
                measured = measuring.measure(experiment, seed)
            taken = recorder.taken(measured, measuring.stays)
        return taken.recording(experiment)

    def _claimed(self) -> contextlib.AbstractContextManager[Claim]:
        adopt_orphans()
        places = self.places
        return claim(
            self.tree(places.sysfs),
            system=self.system,
            journal_path=places.journal,
            lock_path=places.lock,
            procfs=places.procfs,
        )

    @contextlib.contextmanager
    def _warmed_up(
        self,
        experiment: Experiment,
        claimed: Claim,
        pss_period_us: int | None = None,
        *,
        records: bool = False,
    ) -> Iterator[Callable[[Recorder | None], Measuring]]:
        """Change the machine's settings, start the workload, and give the maker of a `Measuring`."""
        places, workload = self.places, runnable(experiment.workload)
        procfs = Procfs(places.procfs)
        player = self._player() if isinstance(workload, Pattern) else None
        folder = "/" if isinstance(workload, Pattern) else workload.folder
        if self.settings.huge_pages is not None:
            set_huge_pages(places.sysfs, self.settings.huge_pages, claimed.journal)
        if self.settings.swap_bytes is not None:
            add_zram_swap(
                places.sysfs,
                places.dev,
                size_bytes=self.settings.swap_bytes,
                algorithm=self.settings.compression,
                journal=claimed.journal,
                system=self.system,
            )
        system = SystemMemory(places.procfs, places.sysfs)
        with contextlib.ExitStack() as held:
            # Made for every run, baselines too, since the buffer takes memory.
            trace = None
            if not records and (trace := buffer_if_possible(places.tracefs, claimed.journal)):
                held.enter_context(trace)
            free_before_bytes = system.free_bytes()
            processes = held.enter_context(Processes(procfs, self._identity(), folder))
            self._note_running(processes)
            try:
                running = start_workload(
                    workload, processes, player=player, timeout_us=experiment.timeout_us
                )
                cost_s = reading_cost_s(procfs, processes.measured())
                yield lambda recorder: Measuring(
                    running,
                    processes,
                    system,
                    free_before_bytes=free_before_bytes,
                    kdamond=claimed.kdamond,
                    reading_cost_s=cost_s,
                    pss_period_us=pss_period_us,
                    recorder=recorder,
                    trace=trace,
                )
            finally:
                self._note_running(None)

    def stop(self) -> None:
        """Kill the workload that runs, and start no more."""
        with self._lock:
            self._stopped = True
            if self._running is not None:
                self._running.kill()

    def _note_running(self, processes: Processes | None) -> None:
        with self._lock:
            self._running = processes
            if self._stopped and processes is not None:
                raise BackendUnavailableError("backend host: was stopped")

    def _player(self) -> Path:
        return self.player or build("player")

    def _identity(self) -> Identity:
        return invoking_user(self.environment, os.geteuid())
