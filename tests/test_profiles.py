from __future__ import annotations

from pathlib import Path

import pytest

from autotune import catalog
from autotune.errors import InputError
from autotune.machine import Machine
from autotune.profiles import load_machine

SERVER = catalog.find("server", "machines", Path())


@pytest.mark.parametrize("path", catalog.files("machines"), ids=lambda path: path.stem)
def test_every_shipped_profile_loads_and_is_called_as_its_file(path: Path) -> None:
    assert load_machine(path).name == path.stem


def test_costs_are_read_in_their_units(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        SERVER.read_text()
        .replace("fault: 10us", "fault: 1.5ms")
        .replace("check: 250ns", "check: 0.5us")
        .replace("random_access: 8ns", "random_access: 0.25ns")
    )

    machine = load_machine(profile)

    assert (machine.fault_us, machine.check_us, machine.random_access_ns) == (1500.0, 0.5, 0.25)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "fault: 10us",
            "fault: 10",
            "{file}:7:8: key 'fault': '10' is not a cost: write a number and ns, us or ms, as in 250ns",
        ),
        ("tick: 5us", "tik: 5us", "{file}:10:1: unknown key 'tik': did you mean 'tick'?"),
        (
            "cpus: 8",
            "cpus: 0",
            "{file}:2:7: key 'cpus': 0 is out of range: write a whole number of 1 or more",
        ),
        (
            "compressed: 3%",
            "compressed: 300%",
            "{file}:2:1: compressed_fraction is 3.0: it must be at most 1",
        ),
    ],
)
def test_a_mistake_is_answered_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(SERVER.read_text().replace(old, new))

    with pytest.raises(InputError) as error:
        load_machine(profile)

    assert str(error.value) == message.replace("{file}", str(profile))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cpus", 0, "cpus is 0: it must be above 0"),
        ("fault_us", -1.0, "fault_us is -1.0: it must be at least 0"),
        ("missed_access_chance", 1.5, "missed_access_chance is 1.5: it must be at most 1"),
    ],
)
def test_an_impossible_machine_cannot_be_built(field: str, value: float, message: str) -> None:
    machine = load_machine(SERVER)
    values = {name: getattr(machine, name) for name in machine.__slots__}

    with pytest.raises(ValueError, match=f"^{message}$"):
        Machine(**{**values, field: value})
