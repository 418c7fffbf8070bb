from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from autotune.damon.damos import Action, Filter, FilterType, Scheme
from autotune.damon.monitoring import Monitoring, Target
from autotune.driver.claim import Claim, claim
from autotune.driver.kdamond import KdamondEndedError
from autotune.driver.lock import locked
from autotune.driver.memory_settings import set_huge_pages
from autotune.driver.restoring import restore_after_kill
from autotune.driver.setup import Setup
from autotune.driver.staged_files import UnsupportedSchemeError
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import THREAD, FakeKernel, FakeSwap, make_procfs

PID = 42
SETUP = Setup(monitoring=Monitoring(), targets=(Target(pid=PID),))
MODES = "always [madvise] never\n"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Machine:
    folder: Path
    kernel: FakeKernel

    @property
    def journal_path(self) -> Path:
        return self.folder / "journal"

    @property
    def lock_path(self) -> Path:
        return self.folder / "lock"

    @property
    def huge_pages(self) -> Path:
        return self.kernel.sysfs / "kernel/mm/transparent_hugepage/enabled"

    def claim(self) -> contextlib.AbstractContextManager[Claim]:
        return claim(
            self.kernel,
            system=FakeSwap(),
            journal_path=self.journal_path,
            lock_path=self.lock_path,
            procfs=self.folder / "proc",
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, FakeKernel(tmp_path / "sys"))
    make_procfs(tmp_path / "proc", processes={PID})
    machine.huge_pages.parent.mkdir(parents=True)
    machine.huge_pages.write_text(MODES)
    return machine


def taken_by_another(kernel: FakeKernel) -> dict[str, bytes]:
    """Another program's kdamond, running. Gives what the tree holds then."""
    kernel.write("nr_kdamonds", "1")
    kernel.write("0/contexts/nr_contexts", "1")
    kernel.write("0/contexts/0/targets/nr_targets", "1")
    kernel.write("0/state", "on")
    return kernel.content()


def test_all_is_as_before_after_a_claim(machine: Machine) -> None:
    before = machine.kernel.content()

    with machine.claim() as held:
        for _ in range(2):
            held.kdamond.turn_on(SETUP)
            assert machine.kernel.on
            held.kdamond.turn_off()
            assert machine.kernel.content() == before
        held.kdamond.turn_on(SETUP)

    assert machine.kernel.content() == before
    assert not machine.journal_path.exists()


def test_an_exception_inside_restores_all_and_is_raised(machine: Machine) -> None:
    before = machine.kernel.content()

    def work() -> None:
        with machine.claim() as held:
            set_huge_pages(machine.kernel.sysfs, "never", held.journal)
            held.kdamond.turn_on(SETUP)
            assert machine.huge_pages.read_text() == "never"
            _ = 1 // 0

    with pytest.raises(ZeroDivisionError):
        work()

    # The kernel would show all modes again; an ordinary file has the word that was written.
    assert machine.huge_pages.read_text() == "madvise"
    machine.huge_pages.write_text(MODES)
    assert machine.kernel.content() == before
    assert not machine.journal_path.exists()


def test_a_foreign_kdamond_is_refused_and_stays_byte_for_byte(machine: Machine) -> None:
    before = taken_by_another(machine.kernel)
    written = machine.kernel.written.copy()

    with pytest.raises(BackendUnavailableError) as error, machine.claim():
        pass

    assert machine.kernel.content() == before
    assert machine.kernel.written == written
    assert not machine.journal_path.exists()
    assert str(error.value) == (
        f"DAMON is in use: kdamond 0 runs as thread {THREAD} ({machine.kernel.root}/0/state): let it "
        "end, or write 'off', '0' or 'N' to these files if it is not needed; nothing was changed"
    )


def test_who_comes_while_ours_is_off_is_refused_and_not_disturbed(machine: Machine) -> None:
    with machine.claim() as held:
        held.kdamond.turn_on(SETUP)
        held.kdamond.turn_off()
        before = taken_by_another(machine.kernel)

        with pytest.raises(BackendUnavailableError, match="DAMON is in use"):
            held.kdamond.turn_on(SETUP)
        held.kdamond.turn_off()

    assert machine.kernel.content() == before
    assert machine.kernel.on


def test_who_comes_between_the_look_and_the_first_write_is_not_disturbed(
    machine: Machine,
) -> None:
    class Contested(FakeKernel):
        contested = False

        def take(self, file: Path, value: str) -> None:
            if not self.contested:
                self.contested = True
                self.before = taken_by_another(self)
            super().take(file, value)

    kernel = Contested(machine.folder / "contested")
    contested = Machine(machine.folder, kernel)

    with (
        pytest.raises(BackendUnavailableError, match="taken DAMON over"),
        contested.claim() as held,
    ):
        held.kdamond.turn_on(SETUP)

    assert kernel.content() == kernel.before


def test_who_comes_between_setting_up_and_turning_on_is_not_disturbed(machine: Machine) -> None:
    class Contested(FakeKernel):
        contested = False

        def take(self, file: Path, value: str) -> None:
            if value == "on" and not self.contested:
                self.contested = True
                self.before = taken_by_another(self)
            super().take(file, value)

    kernel = Contested(machine.folder / "contested")
    contested = Machine(machine.folder, kernel)

    with (
        pytest.raises(BackendUnavailableError, match="taken DAMON over"),
        contested.claim() as held,
    ):
        held.kdamond.turn_on(SETUP)

    assert kernel.content() == kernel.before


@pytest.mark.parametrize("interrupted", ["nr_kdamonds", "0/contexts/0/operations", "0/state"])
def test_an_interruption_while_it_is_turned_on_leaves_nothing(
    machine: Machine, interrupted: str
) -> None:
    class Interrupted(FakeKernel):
        armed = True

        def take(self, file: Path, value: str) -> None:
            super().take(file, value)
            if self.armed and str(file.relative_to(self.root)) == interrupted:
                self.armed = False
                raise KeyboardInterrupt

    kernel = Interrupted(machine.folder / "interrupted")
    before = kernel.content()

    with (
        pytest.raises(KeyboardInterrupt),
        Machine(machine.folder, kernel).claim() as held,
    ):
        held.kdamond.turn_on(SETUP)

    assert kernel.content() == before
    assert not machine.journal_path.exists()


def test_a_setup_that_fails_leaves_nothing_and_the_next_one_works(machine: Machine) -> None:
    before = machine.kernel.content()
    scheme = Scheme(action=Action.STAT, filters=(Filter(type=FilterType.ACTIVE),))
    setup = Setup(monitoring=Monitoring(), targets=SETUP.targets, schemes=(scheme,))

    with machine.claim() as held:
        with pytest.raises(UnsupportedSchemeError):
            held.kdamond.turn_on(setup)
        assert machine.kernel.content() == before
        held.kdamond.turn_on(SETUP)
        assert machine.kernel.on

    assert machine.kernel.content() == before


def test_a_kdamond_that_ended_with_its_target_is_cleared_away(machine: Machine) -> None:
    before = machine.kernel.content()

    with machine.claim() as held:
        held.kdamond.turn_on(SETUP)
        machine.kernel.end_of_target()
        with pytest.raises(KdamondEndedError):
            held.kdamond.update_stats()

    assert machine.kernel.content() == before


def test_two_of_ours_are_kept_apart(machine: Machine) -> None:
    with (
        locked(machine.lock_path),
        pytest.raises(BackendUnavailableError, match="another autotune"),
        machine.claim(),
    ):
        pass


def test_a_kernel_without_damon_is_refused(machine: Machine) -> None:
    none = DamonTree(machine.folder / "none")

    with (
        pytest.raises(BackendUnavailableError, match="no DAMON sysfs interface"),
        claim(none, system=FakeSwap(), lock_path=machine.lock_path),
    ):
        pass


KILLED = """\
import os, signal
from pathlib import Path
import sys
from tests.driver.test_claim import SETUP, Machine, set_huge_pages
from tests.driver.fake_kernel import FakeKernel

folder = Path(sys.argv[1])
machine = Machine(folder, FakeKernel(folder / "sys"))
with machine.claim() as held:
    set_huge_pages(machine.kernel.sysfs, "never", held.journal)
    held.kdamond.turn_on(SETUP)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill(machine: Machine) -> None:
    """A run that is killed while DAMON is on."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(machine.folder)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert killed.returncode == -signal.SIGKILL


def put_back(machine: Machine) -> tuple[str, ...]:
    return restore_after_kill(
        machine.kernel,
        system=FakeSwap(),
        journal_path=machine.journal_path,
        lock_path=machine.lock_path,
        procfs=machine.folder / "proc",
    )


def test_after_a_kill_the_next_claim_is_refused_until_all_is_restored(machine: Machine) -> None:
    before = machine.kernel.content()

    kill(machine)

    assert machine.kernel.on
    with pytest.raises(BackendUnavailableError) as error, machine.claim():
        pass
    assert str(error.value) == (
        f"{machine.journal_path}: a run was killed, and what it changed is not put back: run: "
        "autotune doctor --restore"
    )
    put_back(machine)
    assert machine.huge_pages.read_text() == "madvise"
    machine.huge_pages.write_text(MODES)
    assert machine.kernel.content() == before
    with machine.claim():
        pass


def test_who_comes_after_a_kill_is_not_disturbed_by_restoring(machine: Machine) -> None:
    kill(machine)
    machine.kernel.end_of_target()
    machine.kernel.next_thread = THREAD + 1
    before = taken_by_another(machine.kernel)

    restored = put_back(machine)

    machine.huge_pages.write_bytes(
        before[str(machine.huge_pages.relative_to(machine.kernel.sysfs))]
    )
    assert machine.kernel.content() == before
    assert machine.kernel.on
    assert not machine.journal_path.exists()
    assert f"{machine.kernel.root}: used by another program since: left as it is" in restored


def test_after_a_reboot_the_journal_is_void(machine: Machine) -> None:
    kill(machine)
    assert machine.journal_path.exists()
    make_procfs(machine.folder / "proc", boot="boot-2")
    rebooted = Machine(machine.folder, FakeKernel(machine.folder / "sys-after-boot"))
    before = rebooted.kernel.content()

    with rebooted.claim() as held:
        held.kdamond.turn_on(SETUP)

    assert rebooted.kernel.content() == before
