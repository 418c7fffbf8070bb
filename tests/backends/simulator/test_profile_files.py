from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune import catalog
from autotune.backends.simulator.machine_costs import FIGURES, Figure, Machine, Quantity
from autotune.backends.simulator.profile_files import load_machine, write_machine
from autotune.errors import InputError

SERVER = catalog.find("server", "machines", Path())
MICRO_VM = catalog.find("micro-vm", "machines", Path())

COSTS = st.one_of(st.floats(0.0, 1e9), st.integers(0, 10**9))
VALUES: dict[Quantity, st.SearchStrategy[object]] = {
    Quantity.COUNT: st.integers(1, 10_000),
    Quantity.SIZE: st.integers(0, 2**60),
    Quantity.DURATION: st.integers(0, 10**6),
    Quantity.COST_NS: COSTS,
    Quantity.COST_US: COSTS,
    Quantity.SHARE: st.one_of(st.floats(0.0, 0.25), st.floats(0.0, 1.0)),
    Quantity.HUGE_PAGES: st.sampled_from(("never", "madvise", "always")),
}


def within_bounds(figure: Figure) -> st.SearchStrategy[object]:
    def possible(value: object) -> bool:
        try:
            figure.check(value)
        except ValueError:
            return False
        return True

    return VALUES[figure.quantity].filter(possible)


MACHINES = st.fixed_dictionaries({figure.field: within_bounds(figure) for figure in FIGURES}).map(
    lambda values: Machine(name="mine", **values)  # type: ignore[arg-type]
)


@pytest.mark.parametrize("path", catalog.files("machines"), ids=lambda path: path.stem)
def test_every_shipped_profile_loads_and_is_called_as_its_file(path: Path) -> None:
    assert load_machine(path).name == path.stem


def test_costs_are_read_in_their_units(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        SERVER.read_text()
        .replace("\nfault: 10us", "\nfault: 1.5ms")
        .replace("check: 250ns", "check: 0.5us")
        .replace("\nrandom_access: 8ns", "\nrandom_access: 0.25ns")
    )

    machine = load_machine(profile)

    assert (machine.fault_us, machine.check_us, machine.random_access_ns) == (1500.0, 0.5, 0.25)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "fault: 10us",
            "fault: 10",
            "{file}:8:8: key 'fault': '10' is not a cost: write a number and ns, us or ms, as in 250ns",
        ),
        ("tick: 5us", "tik: 5us", "{file}:18:1: unknown key 'tik': did you mean 'tick'?"),
        (
            "cpus: 8",
            "cpus: 0",
            "{file}:2:7: key 'cpus': 0 is out of range: write a whole number of 1 or more",
        ),
        (
            "compressed: 3%",
            "compressed: 300%",
            "{file}:2:1: compressed_fraction is 3.0: it must be below 0.25",
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
        ("stalled_fraction", 1.01, "stalled_fraction is 1.01: it must be at most 1"),
        ("huge_random_access_ns", 0, "huge_random_access_ns is 0: it must be above 0"),
        ("huge_pages", "on", "huge_pages is 'on': it must be never, madvise or always"),
    ],
)
def test_an_impossible_machine_cannot_be_built(field: str, value: object, message: str) -> None:
    machine = load_machine(SERVER)
    values = {name: getattr(machine, name) for name in machine.__slots__}

    with pytest.raises(ValueError, match=f"^{message}$"):
        Machine(**{**values, field: value})


@given(machine=MACHINES)
def test_what_is_written_is_read_as_the_same_machine(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "mine.yaml"

    file.write_text(write_machine(machine, "A machine."))

    assert load_machine(file) == machine


def test_the_measured_profile_that_is_shipped_is_written_as_it_is() -> None:
    summary, source, *lines = MICRO_VM.read_text().splitlines(keepends=True)

    written = write_machine(load_machine(MICRO_VM), summary.removeprefix("# ").strip())

    assert source.startswith("# Measured")
    assert written == summary + "".join(lines)


def test_every_figure_that_is_written_has_its_unit_and_a_comment() -> None:
    machine = load_machine(SERVER)

    first, *lines = write_machine(machine, "A typical server.").splitlines()

    written = dict(line.split(" # ")[0].strip().split(": ") for line in lines)
    assert first == "# A typical server."
    assert written["cpus"] == "8"
    assert written["memory"] == "16G"
    assert written["first_touch"] == "500ns"
    assert written["pageout"] == "6us"
    assert written["compressed"] == "3%"


def test_a_written_profile_is_as_wide_as_a_screen() -> None:
    text = write_machine(load_machine(SERVER), "A typical server.")

    assert max(map(len, text.splitlines())) <= 100
