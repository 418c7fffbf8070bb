from __future__ import annotations

import pytest

from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.driver.setup import Setup

PHYSICAL = Target(operations=OperationsSet.PADDR, pid=None, regions=((0, 1 << 20),))


def test_the_address_space_and_the_processes_are_those_of_the_targets() -> None:
    setup = Setup(monitoring=Monitoring(), targets=(Target(pid=3), Target(pid=5)))

    assert setup.operations is OperationsSet.VADDR
    assert setup.pids == (3, 5)
    assert Setup(monitoring=Monitoring(), targets=(PHYSICAL,)).pids == ()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ((), "targets in 0 address spaces: one kdamond watches exactly one"),
        (
            (Target(pid=3), PHYSICAL),
            "targets in 2 address spaces: one kdamond watches exactly one",
        ),
        ((PHYSICAL, PHYSICAL), "2 targets under paddr: physical memory is one"),
    ],
)
def test_targets_that_no_kdamond_can_watch_are_refused(
    targets: tuple[Target, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Setup(monitoring=Monitoring(), targets=targets)


def test_a_scheme_that_the_kernel_can_not_count_is_refused_before_anything_is_written() -> None:
    scheme = Scheme(action=Action.PAGEOUT, pattern=AccessPattern(age_us=Range(110_000, 190_000)))

    with pytest.raises(ValueError, match=r"^age_us from 110ms to 190ms holds no multiple"):
        Setup(monitoring=Monitoring(), targets=(Target(pid=3),), schemes=(scheme,))
