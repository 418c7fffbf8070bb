from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotune.errors import InputError
from autotune.objective import pareto
from autotune.run_folder.comparison import compare
from autotune.run_folder.reader import Run, load_run
from tests.closed_form import ClosedForm, slowdown, tune

Tuned = Callable[..., Run]
COST_ONLY = "[{metric: slowdown, direction: minimize, reference: 50%}]"


@pytest.fixture
def tuned(tmp_path: Path) -> Tuned:
    def make(name: str, keys: dict[str, Any] | None = None, **backend: Any) -> Run:
        folder = tmp_path / name
        folder.mkdir()
        return load_run(tune(folder, keys, backend=ClosedForm(**backend)).out)

    return make


def test_a_run_compares_with_itself(tuned: Tuned) -> None:
    run = tuned("a")

    found = compare([run, run])

    assert found.hypervolume == (run.description.hypervolume,) * 2
    assert found.coverage == ((1.0, 1.0), (1.0, 1.0))
    assert found.epsilon == ((0.0, 0.0), (0.0, 0.0))


def test_row_is_compared_with_column(tuned: Tuned) -> None:
    wide = tuned("a")
    narrow = tuned("b", fail=lambda scheme: "it got lost" if slowdown(scheme) > 0.05 else None)

    found = compare([wide, narrow])

    assert found.coverage == ((1.0, 1.0), (1 / 3, 1.0))
    assert found.epsilon[1][0] == pareto.epsilon(narrow.points, wide.points)
    assert found.epsilon[0][1] == 0.0


def test_an_empty_front_is_not_compared(tuned: Tuned) -> None:
    full, empty = tuned("a"), tuned("b", fail=lambda _: "it got lost")

    found = compare([full, empty])

    assert found.hypervolume[1] == 0.0
    assert found.coverage == ((1.0, None), (None, None))


def test_in_json_are_the_runs_and_three_figures(tuned: Tuned) -> None:
    run = tuned("a")

    assert compare([run, run]).to_dict() == {
        "runs": [str(run.path)] * 2,
        "hypervolume": [run.description.hypervolume] * 2,
        "coverage": [[1.0, 1.0]] * 2,
        "epsilon": [[0.0, 0.0]] * 2,
    }


def test_different_objectives_are_refused(tuned: Tuned) -> None:
    first, other = tuned("a"), tuned("b", {"objectives": COST_ONLY})

    with pytest.raises(InputError) as error:
        compare([first, other])

    assert str(error.value) == (
        f"{other.path}: objectives: slowdown = slowdown (minimize, reference 0.5); in {first.path}: "
        "memory_saving = memory_saving (maximize, reference 0), slowdown = slowdown (minimize, "
        "reference 0.5): compare runs with the same objectives"
    )


def test_different_constraints_are_refused(tuned: Tuned) -> None:
    first, other = tuned("a"), tuned("b", {"constraints": "[slowdown <= 5%, cpu_use <= 9%]"})

    with pytest.raises(InputError) as error:
        compare([first, other])

    assert str(error.value) == (
        f"{other.path}: constraints: cpu_use <= 9%, slowdown <= 5%; in {first.path}: none: "
        "compare runs with the same constraints"
    )


def test_the_order_of_constraints_does_not_matter(tuned: Tuned) -> None:
    first = tuned("a", {"constraints": "[cpu_use <= 9%, slowdown <= 5%]"})
    other = tuned("b", {"constraints": "[slowdown <= 5%, cpu_use <= 9%]"})

    assert compare([first, other]).coverage == ((1.0, 1.0), (1.0, 1.0))


def test_different_machines_are_refused(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tuned("a")
    monkeypatch.setattr(ClosedForm, "machine", "another")
    other = tuned("b")

    with pytest.raises(InputError) as error:
        compare([first, other])

    assert str(error.value) == (
        f"{other.path}: machine: another; in {first.path}: closed form: "
        "compare runs with the same machine"
    )


def test_different_workloads_are_refused_and_names_do_not_matter(
    tuned: Tuned, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, renamed = tuned("a"), tuned("b", {"name": "renamed"})
    monkeypatch.setattr(
        "tests.closed_form.PATTERN", "a, 2097152\n\nsweep\n1000\na, 0, 4096, 100\n"
    )
    other = tuned("c", {"name": "larger"})

    compare([first, renamed])
    with pytest.raises(InputError) as error:
        compare([first, other])

    assert str(error.value) == (
        f"{other.path}: workload: larger ({other.description.workload_sha256[:8]}); in "
        f"{first.path}: my ({first.description.workload_sha256[:8]}): "
        "compare runs with the same workload"
    )


def test_fewer_than_two_are_not_compared() -> None:
    with pytest.raises(InputError, match=r"^there is nothing to compare: name two runs or more$"):
        compare([])
