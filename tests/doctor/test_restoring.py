from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.doctor import Finding, State, put_back
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
