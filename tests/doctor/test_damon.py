from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from autotune.damon.kernel_features import FEATURES
from autotune.doctor import Finding, State
from tests.doctor.fake_machine import FakeMachine, Told, write
from tests.driver.fake_kernel import FakeKernel


def no_damon(machine: FakeMachine) -> None:
    machine.kernel.root.rename(machine.folder / "elsewhere")


def no_vaddr(machine: FakeMachine) -> None:
    machine.set_up_damon()
    write(machine.kernel.root / "0/contexts/0/avail_operations", "paddr\n")


def no_goals(machine: FakeMachine) -> None:
    machine.set_up_damon()
    (machine.kernel.root / "0/contexts/0/schemes/0/quotas/goals").rename(machine.folder / "goals")


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        (
            no_damon,
            "DAMON",
            Told("missing", "no sysfs interface", "CONFIG_DAMON_SYSFS", ("host",)),
        ),
        (
            no_vaddr,
            "DAMON operations",
            Told("missing", "no vaddr, only paddr", "_VADDR", ("host",)),
        ),
        (no_goals, "DAMON schemes", Told("warning", "quota goals (v6.8)", "a newer kernel")),
    ],
)
def test_what_this_kernel_lacks_is_told_with_its_fix_and_what_it_blocks(
    machine: FakeMachine, change: Callable[[FakeMachine], None], name: str, told: Told
) -> None:
    change(machine)

    shown = machine.find(name)

    assert told.as_seen_in(shown) == told


def find_schemes(machine: FakeMachine, sysfs: Path, missing: Collection[str]) -> Finding:
    """What is said of a new kernel that lacks some files, with one scheme set up."""
    kernel = FakeKernel(sysfs, new=True, missing=missing)
    for file, value in (
        ("nr_kdamonds", "1"),
        ("0/contexts/nr_contexts", "1"),
        ("0/contexts/0/schemes/nr_schemes", "1"),
    ):
        kernel.write(file, value)
    return machine.find("DAMON schemes", places=replace(machine.here.places, sysfs=sysfs))


def test_a_newer_kernels_two_folders_of_filters_do(machine: FakeMachine, tmp_path: Path) -> None:
    shown = find_schemes(machine, tmp_path / "new", {"filters"})

    assert not list(tmp_path.rglob("schemes/0/filters"))
    assert shown.state is State.OK
    assert shown.found == "apply intervals, quota goals, filters, target nodes"


ONLY_WITH_A_GOAL_OR_A_FILTER = {
    *("metrics of goals", "goals of nodes", "goals of control groups", "a filter that allows"),
    *(feature.name for feature in FEATURES if feature.word is not None),
}
"""Their files, and the words in them, are not there before a goal or a filter is written."""

NOTHING_IS_LOST_WITHOUT = {"a folder for each kind of filter"}


def test_every_feature_that_any_scheme_shows_is_looked_for(
    machine: FakeMachine, tmp_path: Path
) -> None:
    unseen = ONLY_WITH_A_GOAL_OR_A_FILTER | NOTHING_IS_LOST_WITHOUT

    told = {
        feature.name: find_schemes(
            machine,
            tmp_path / feature.name,
            {PurePosixPath(file).name for file in feature.files},
        )
        for feature in FEATURES
    }

    assert {name for name, shown in told.items() if shown.state is State.OK} == unseen
    assert {name: shown.found for name, shown in told.items() if name not in unseen} == {
        feature.name: f"this kernel is too old for {feature.name} (v{feature.since})"
        for feature in FEATURES
        if feature.name not in unseen
    }
