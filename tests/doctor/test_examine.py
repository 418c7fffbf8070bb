from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autotune.backends.host import Places
from autotune.doctor import State, Surroundings, examine
from tests.backends.vm.fake_kernel import VERSION
from tests.doctor.fake_machine import NOBODY, FakeMachine, write


def test_a_machine_that_has_everything_can_use_every_backend(machine: FakeMachine) -> None:
    machine.set_up_damon()

    shown = {item.name: item for item in examine(machine.here).findings}
    shown.pop("DAMON users")

    assert {item.state for item in shown.values()} == {State.OK}
    assert {item.fix for item in shown.values()} == {""}
    assert shown["DAMON operations"].found == "vaddr, fvaddr, paddr"
    assert shown["swap"].found == "1.5 GiB of swap; zram is loaded"
    assert shown["VM kernel"].found == f"{VERSION}, configured with DAMON and zram"


def test_what_shows_only_in_use_is_unknown_before_and_blocks_nothing(
    machine: FakeMachine,
) -> None:
    health = examine(machine.here)

    unknown = [item.name for item in health.findings if item.state is not State.OK]
    assert unknown == ["DAMON operations", "DAMON schemes"]
    assert health.obstacles() == {"simulator": (), "vm": (), "host": ()}


def test_looking_changes_nothing_and_opens_no_device(machine: FakeMachine) -> None:
    machine.set_up_damon()
    machine.change_huge_pages()
    write(machine.here.places.lock, "42\n")
    before = machine.content()

    examine(machine.here)

    assert machine.content() == before


def test_where_there_is_nothing_only_the_simulator_is_left(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    places = Places(
        sysfs=nowhere, procfs=nowhere, dev=nowhere, journal=nowhere / "j", lock=nowhere / "l"
    )
    environment = {"PATH": "", "XDG_CACHE_HOME": str(nowhere)}

    health = examine(
        Surroundings(places=places, modules=nowhere, environment=environment, euid=NOBODY)
    )

    blocked = health.obstacles()
    assert blocked["simulator"] == ()
    assert blocked["host"] == ("DAMON", "root")
    assert {"QEMU", "VM kernel", "VM memory"} <= set(blocked["vm"])
    assert list(tmp_path.iterdir()) == []


def test_a_user_is_told_what_only_root_may_know(seen_by_a_user: FakeMachine) -> None:
    health = examine(replace(seen_by_a_user.here, euid=NOBODY))

    unknown = {item.name: item for item in health.findings if item.state is State.UNKNOWN}
    assert set(unknown) == {"DAMON operations", "DAMON users", "killed run"}
    assert {item.found for item in unknown.values()} == {"needs root"}
    assert {item.fix for item in unknown.values()} == {"run sudo autotune doctor"}
    assert "root" in health.obstacles()["host"]


def test_root_that_may_not_read_damons_files_can_not_use_them(seen_by_a_user: FakeMachine) -> None:
    health = examine(replace(seen_by_a_user.here, euid=0))

    assert health.obstacles()["host"] == ("DAMON operations", "DAMON users", "killed run")
