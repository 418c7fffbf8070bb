from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.damon.damos import Action, Range, Scheme, Weights
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.formats.scheme_files import SchemeFile
from autotune.lint import Code
from autotune.lint.scheme_file import RECLAIM_INERT, lint_scheme_file
from tests.lint.examples import GIB, PAGE, cold, quota

SORTING = (cold(action=Action.LRU_DEPRIO),)
PHYSICAL = Target(operations=OperationsSet.PADDR, pid=None)


def found(file: SchemeFile) -> set[Code]:
    return {warning.code for warning in lint_scheme_file(file)}


def test_ages_are_counted_in_the_intervals_of_the_file_or_the_usual_ones() -> None:
    file = SchemeFile(schemes=(cold(age=Range(1_050_000)),))
    fine = Monitoring(intervals=Intervals(aggregation_us=50_000))

    assert found(file) == {Code.AGE_UNALIGNED}
    assert found(replace(file, monitoring=fine)) == set()


@pytest.mark.parametrize(
    ("schemes", "target", "inert"),
    [
        (SORTING, None, False),
        (SORTING, PHYSICAL, False),
        (SORTING, Target(), True),
        ((*SORTING, cold(action=Action.COLD)), None, True),
    ],
    ids=["meant", "physical", "virtual", "mixed"],
)
def test_an_action_meets_the_address_space_of_the_file_or_one_where_all_do_something(
    schemes: tuple[Scheme, ...], target: Target | None, inert: bool
) -> None:
    file = SchemeFile(schemes=schemes, monitoring=Monitoring(), target=target)

    assert (Code.ACTION_INERT in found(file)) == inert


@pytest.mark.parametrize(
    ("operations", "blind"),
    [(OperationsSet.VADDR, False), (OperationsSet.FVADDR, True), (OperationsSet.PADDR, True)],
)
def test_ranges_say_how_much_is_monitored_unless_the_first_update_replaces_them(
    operations: OperationsSet, blind: bool
) -> None:
    pid = None if operations is OperationsSet.PADDR else 0
    ranges = ((0, 20 * GIB), (30 * GIB, 50 * GIB + 10 * PAGE))
    target = Target(operations=operations, pid=pid, regions=ranges)

    file = SchemeFile(schemes=(cold(),), monitoring=Monitoring(), target=target)

    assert (Code.REGIONS_BLIND in found(file)) == blind


def test_weights_that_a_module_fixes_are_not_warned_of() -> None:
    by_rate = cold(action=Action.LRU_DEPRIO, quota=quota(weights=Weights(access_rate=1)))
    file = SchemeFile(schemes=(by_rate,), monitoring=Monitoring(), target=PHYSICAL)

    assert found(file) == {Code.QUOTA_NO_PRIORITY}
    assert found(replace(file, of_module=True)) == set()


def test_of_a_modules_parameters_only_those_that_reclaim_are_said_to_do_nothing() -> None:
    reclaim = SchemeFile(
        schemes=(cold(),), monitoring=Monitoring(), target=PHYSICAL, of_module=True
    )

    first, *others = lint_scheme_file(reclaim)

    assert first == RECLAIM_INERT
    assert tuple(others) == lint_scheme_file(replace(reclaim, of_module=False))
    assert Code.MODULE_INERT not in found(replace(reclaim, schemes=SORTING))
