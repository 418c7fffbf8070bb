from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.doctor import Finding, State, put_back
from autotune.driver.lock import locked
from autotune.errors import BackendUnavailableError
from tests.doctor.fake_machine import NOBODY, FakeMachine, Told, write
from tests.driver.fake_kernel import FakeSwap


def test_what_a_killed_run_changed_blocks_the_host(machine: FakeMachine) -> None:
    machine.change_huge_pages()
    told = Told("warning", str(machine.huge_pages), "--restore", ("host",))

    shown = machine.find("killed run")

    assert told.as_seen_in(shown) == told


def test_a_damaged_journal_is_told_and_blocks_the_host(machine: FakeMachine) -> None:
    write(machine.here.places.journal, "{}\n")

    shown = machine.find("killed run")

    assert shown == Finding(
        name="killed run",
        state=State.UNKNOWN,
        found=f"{machine.here.places.journal}:1: is damaged",
        fix="put back by hand what the file names, then delete it",
        blocks=("host",),
    )


def test_what_a_killed_run_changed_is_put_back_once(machine: FakeMachine) -> None:
    machine.change_huge_pages()

    assert put_back(machine.here, FakeSwap()) == (f"{machine.huge_pages}: 'always' again",)
    assert machine.huge_pages.read_text() == "always"
    assert put_back(machine.here, FakeSwap()) == ()
    assert machine.find("killed run").state is State.OK


def test_only_root_puts_back(machine: FakeMachine) -> None:
    machine.change_huge_pages()
    before = machine.content()

    with pytest.raises(BackendUnavailableError) as error:
        put_back(replace(machine.here, euid=NOBODY), FakeSwap())

    assert machine.content() == before
    assert str(error.value) == (
        "doctor --restore: only root may put this machine's settings back: run sudo autotune "
        "doctor --restore"
    )


def test_another_user_blocks_the_host(machine: FakeMachine) -> None:
    machine.use_damon()
    told = Told("warning", "kdamond 0 is set up", "wait until it ends", ("host",))

    shown = machine.find("DAMON users")

    assert told.as_seen_in(shown) == told


def test_a_run_that_goes_on_is_no_killed_one(machine: FakeMachine) -> None:
    machine.change_huge_pages()
    machine.use_damon()

    with locked(machine.here.places.lock):
        (machine.procfs / "locks").write_bytes(Path("/proc/locks").read_bytes())
        running = [machine.find(name) for name in ("DAMON users", "killed run")]
    (machine.procfs / "locks").write_text("")
    write(machine.here.places.lock, f"{os.getpid()}\n")  # as a kill leaves it
    killed = [machine.find(name) for name in ("DAMON users", "killed run")]

    assert [item.found for item in running] == [
        f"an autotune measures on this machine (process {os.getpid()})",
        f"none: process {os.getpid()} goes on, and puts its changes back",
    ]
    assert [item.blocks for item in running] == [("host",), ()]
    assert [item.state for item in killed] == [State.WARNING, State.WARNING]
    assert killed[1].fix == "run sudo autotune doctor --restore"
