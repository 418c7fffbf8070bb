from __future__ import annotations

from autotune.doctor import examine
from tests.doctor.fake_machine import FakeMachine


def test_json_has_every_check_and_every_backend(machine: FakeMachine) -> None:
    machine.remove_qemu()

    values = examine(machine.here).to_dict()

    assert [list(check) for check in values["checks"]] == [["name", "state", "found", "fix"]] * 16
    assert {check["state"] for check in values["checks"]} == {"ok", "unknown", "missing"}
    assert values["backends"] == {
        "simulator": {"usable": True, "obstacles": []},
        "vm": {"usable": False, "obstacles": ["QEMU"]},
        "host": {"usable": True, "obstacles": []},
    }
