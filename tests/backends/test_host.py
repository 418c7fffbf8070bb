"""The host backend on ordinary files. Where DAMON may be turned on it is tried in a virtual machine."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.backends.host import Host, Places
from autotune.backends.settings import HostSettings
from autotune.damon.monitoring import Monitoring
from autotune.driver.journal import Change, Journal, Kind
from autotune.driver.tree import DamonTree
from autotune.errors import AutotuneError, BackendUnavailableError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program, Ready
from autotune.runner.errors import WorkloadError
from autotune.testing import pattern, prcl
from tests.driver.fake_kernel import THREAD, FakeKernel, FakeSwap, make_procfs
from tests.runner.programs import exists, named_as_kdamond, python, wait_for

BASELINE = Experiment(workload=pattern())
MONITORED = replace(BASELINE, monitoring=Monitoring())
PAGEOUT = replace(MONITORED, schemes=(prcl(),))
MODES = "always [madvise] never\n"
IN_USE = (
    ": let it end, or write 'off', '0' or 'N' to these files if it is not needed; nothing was "
    "changed"
)


class Machine:
    """A machine of ordinary files, and its host backend."""

    def __init__(self, folder: Path) -> None:
        self.kernel = FakeKernel(folder / "sys")
        self.tree: Callable[[Path], DamonTree] = DamonTree
        self.procfs = make_procfs(folder / "proc")
        self.places = Places(
            sysfs=folder / "sys",
            procfs=self.procfs,
            dev=folder / "dev",
            journal=folder / "journal",
            lock=folder / "lock",
        )
        self.huge_pages = folder / "sys/kernel/mm/transparent_hugepage/enabled"
        self.huge_pages.parent.mkdir(parents=True)
        self.huge_pages.write_text(MODES)
        self.lru_sort = folder / "sys/module/damon_lru_sort/parameters/enabled"
        self.lru_sort.parent.mkdir(parents=True)
        self.lru_sort.write_text("N\n")
        self.swap(0)

    def swap(self, size_kb: int) -> None:
        (self.procfs / "meminfo").write_text(f"MemFree: 9000 kB\nSwapTotal: {size_kb} kB\n")

    def host(self, settings: HostSettings | None = None) -> Host:
        return Host(
            settings=settings or HostSettings(),
            places=self.places,
            environment={"PATH": os.environ["PATH"]},
            system=FakeSwap(),
            player=Path("/no/player"),
            tree=self.tree,
        )

    def set_up(self, *, on: bool) -> None:
        """Another program's kdamond."""
        self.kernel.write("nr_kdamonds", "1")
        self.kernel.write("0/contexts/nr_contexts", "1")
        self.kernel.write("0/contexts/0/targets/nr_targets", "1")
        if on:
            self.kernel.write("0/state", "on")

    def content(self) -> dict[str, bytes]:
        return self.kernel.content()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    yield Machine(tmp_path)
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # hand orphans on to who had them before


def both(machine: Machine, experiment: Experiment = PAGEOUT) -> set[str]:
    """What `check` and `run` refuse an experiment with."""
    host, messages = machine.host(HostSettings(swap_bytes=1 << 20, huge_pages="never")), set()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: host.check(experiment),
        lambda: host.run(experiment, seed=1),
    )
    for attempt in attempts:
        with pytest.raises(BackendUnavailableError) as error:
            attempt()
        messages.add(str(error.value))
    return messages


def test_only_root_may_measure_here(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    before = machine.content()

    with pytest.raises(BackendUnavailableError) as error:
        machine.host().check(BASELINE)

    assert str(error.value) == (
        "backend host: DAMON is for root only: use sudo, or backend: vm, which needs no root"
    )
    assert machine.content() == before


def test_a_machine_that_nobody_uses_is_fine_and_checking_changes_nothing(machine: Machine) -> None:
    machine.swap(1000)
    before = machine.content()

    machine.host().check(PAGEOUT)

    assert machine.content() == before
    assert not machine.places.lock.exists()
    assert not machine.places.journal.exists()


def test_a_foreign_kdamond_is_refused_and_stays_byte_for_byte(machine: Machine) -> None:
    machine.set_up(on=True)
    before = machine.content()

    messages = both(machine)

    root = machine.kernel.root
    assert messages == {
        f"DAMON is in use: kdamond 0 runs as thread {THREAD} ({root}/0/state){IN_USE}"
    }
    assert machine.content() == before
    assert not machine.places.journal.exists()


def test_a_foreign_kdamond_that_is_off_is_refused_too(machine: Machine) -> None:
    machine.set_up(on=False)
    before = machine.content()

    messages = both(machine)

    root = machine.kernel.root
    assert messages == {
        f"DAMON is in use: kdamond 0 is set up, but off ({root}/nr_kdamonds){IN_USE}"
    }
    assert machine.content() == before


def test_a_module_of_damons_that_is_on_is_refused(machine: Machine) -> None:
    machine.lru_sort.write_text("Y\n")
    before = machine.content()

    messages = both(machine)

    assert messages == {f"DAMON is in use: DAMON_LRU_SORT is on ({machine.lru_sort}){IN_USE}"}
    assert machine.content() == before


def test_a_kernel_without_damon_is_refused(machine: Machine) -> None:
    (machine.kernel.root / "nr_kdamonds").unlink()
    machine.kernel.root.rmdir()

    assert both(machine) == {
        f"{machine.kernel.root}: this kernel has no DAMON sysfs interface: boot one built with "
        "CONFIG_DAMON_SYSFS, or use the vm backend"
    }


def test_pageout_without_swap_is_refused_with_the_setting_that_gives_some(
    machine: Machine,
) -> None:
    before = machine.content()

    with pytest.raises(BackendUnavailableError) as error:
        machine.host().check(PAGEOUT)

    assert str(error.value) == (
        "backend host: there is no swap, so that pageout does nothing: add host: {swap: 1GiB} to the "
        "workload file, for compressed swap in memory while it measures"
    )
    assert machine.content() == before
    machine.host().check(MONITORED)
    machine.host(HostSettings(swap_bytes=1 << 30)).check(PAGEOUT)
    machine.swap(4)
    machine.host().check(PAGEOUT)


def test_after_a_kill_it_is_said_how_to_restore_although_damon_looks_used(
    machine: Machine,
) -> None:
    journal = Journal(machine.places.journal, machine.procfs)
    journal.write_down(Change(kind=Kind.KDAMONDS, where=str(machine.kernel.root)))
    machine.set_up(on=True)
    before = machine.content()

    messages = both(machine)

    path = machine.places.journal
    assert messages == {
        f"{path}: a run goes on, or was killed: wait for it, or put back what it changed: run: "
        "autotune doctor --restore",
        f"{path}: a run was killed, and what it changed is not put back: run: autotune doctor "
        "--restore",
    }
    assert machine.content() == before


@pytest.fixture
def real(machine: Machine, tmp_path: Path) -> Iterator[Machine]:
    """Real processes on it; only DAMON is made up."""

    def tree(sysfs: Path) -> DamonTree:
        assert sysfs == machine.places.sysfs
        return machine.kernel

    machine.places = replace(machine.places, procfs=Path("/proc"))
    machine.tree = tree
    with named_as_kdamond(tmp_path) as machine.kernel.next_thread:
        yield machine


UP = "import os, time; print('up', flush=True); "


def experiment(
    code: str, monitoring: Monitoring | None = None, work: str | None = None
) -> Experiment:
    program = Program(command=python(UP + code), ready=Ready(line="^up$"), work=work)
    return Experiment(workload=program, monitoring=monitoring, timeout_us=20_000_000)


def as_before(machine: Machine, before: dict[str, bytes]) -> bool:
    """Whether all is as it was. An ordinary file has the word that was written, the kernel all modes."""
    if machine.huge_pages.read_text() == "madvise":
        machine.huge_pages.write_text(MODES)
    return machine.content() == before and not machine.places.journal.exists()


def test_what_is_set_is_set_while_it_measures_and_put_back(real: Machine) -> None:
    before = real.content()
    code = f"time.sleep(0.3); print('set', int(open({str(real.huge_pages)!r}).read() == 'never'))"

    measured = real.host(HostSettings(huge_pages="never")).run(
        experiment(code, Monitoring(), work=r"set (\d)"), seed=1
    )

    assert measured.work_done == 1.0
    assert ("0/state", "on") in real.kernel.written
    assert as_before(real, before)


@pytest.mark.parametrize("monitoring", [None, Monitoring()], ids=["baseline", "monitored"])
def test_a_measurement_leaves_nothing(real: Machine, monitoring: Monitoring | None) -> None:
    before = real.content()

    measured = real.host(HostSettings(huge_pages="never")).run(
        experiment("time.sleep(1.5)", monitoring), seed=1
    )

    assert measured.runtime_s >= 0.2  # what is left of 1.5 s when it is seen to be ready
    assert (("0/state", "on") in real.kernel.written) == (monitoring is not None)
    assert as_before(real, before)


@pytest.mark.parametrize("code", ["time.sleep(0.2); os.abort()", "time.sleep(0.01); os.abort()"])
def test_a_workload_that_fails_leaves_nothing(real: Machine, code: str) -> None:
    before = real.content()

    with pytest.raises(WorkloadError, match=r"SIGABRT|ended before it could be measured"):
        real.host(HostSettings(huge_pages="never")).run(experiment(code, Monitoring()), seed=1)

    assert as_before(real, before)


def test_stopping_ends_the_workload_and_there_is_no_other(real: Machine, tmp_path: Path) -> None:
    before, note = real.content(), tmp_path / "pid"
    asked = experiment(
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(1000)", Monitoring()
    )
    host = real.host(HostSettings(huge_pages="never"))
    ended: list[AutotuneError] = []

    def run() -> None:
        try:
            host.run(asked, seed=1)
        except AutotuneError as error:
            ended.append(error)

    running = threading.Thread(target=run)
    running.start()
    wait_for(lambda: note.exists() and note.read_text().endswith(" ") and real.kernel.on)
    host.stop()
    running.join(20)

    assert not running.is_alive()
    assert len(ended) == 1
    assert not exists(int(note.read_text()))
    assert as_before(real, before)
    with pytest.raises(BackendUnavailableError, match="was stopped"):
        host.run(asked, seed=1)
    assert as_before(real, before)


def test_it_says_that_figures_drift_and_are_taken_one_at_a_time(machine: Machine) -> None:
    host = machine.host()

    assert host.drifts
    assert host.most_at_once == 1
    assert os.uname().release in host.machine
