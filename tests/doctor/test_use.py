from __future__ import annotations

import os
from pathlib import Path

from autotune.doctor import State
from autotune.driver.lock import locked
from tests.doctor.fake_machine import FakeMachine, Told, write


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
