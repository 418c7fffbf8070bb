from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.testing import pattern

HEAP = PatternRegion(name="heap", size_bytes=4096)


def access(*, region: int = 0, random: bool = False, stride: int = 64, weight: int = 1) -> Access:
    return Access(region=region, random=random, stride_bytes=stride, weight=weight)


def phase(*accesses: Access, duration_us: int = 1000) -> Phase:
    return Phase(name="work", duration_us=duration_us, accesses=accesses)


def test_a_random_access_needs_no_stride() -> None:
    assert access(random=True, stride=0).stride_bytes == 0


def test_an_access_writes_unless_it_is_told_otherwise() -> None:
    assert access().mode is AccessMode.WRITE


def test_a_phase_may_idle_and_take_no_time() -> None:
    idle = phase(access(weight=0), duration_us=0)

    assert Pattern(regions=(HEAP,), phases=(idle,)).phases == (idle,)


def test_phases_may_share_a_name() -> None:
    assert len(Pattern(regions=(HEAP,), phases=(phase(access()), phase(access()))).phases) == 2


@pytest.mark.parametrize("regions", [1, 2, 7])
def test_the_pattern_of_tests_uses_each_region_in_turn(regions: int) -> None:
    phases = pattern(regions=regions).phases

    assert [[each.region for each in one.accesses] for one in phases] == [
        [index] for index in range(regions)
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PatternRegion(name="heap", size_bytes=0),
            "region 'heap': size 0 must be 1 byte or more",
        ),
        (
            lambda: access(stride=0),
            "stride 0 must be 1 byte or more",
        ),
        (
            lambda: access(weight=-1),
            "probability -1 must be 0 or more",
        ),
        (
            lambda: phase(access(), duration_us=-1),
            "phase 'work': duration must be 0 or more",
        ),
        (
            phase,
            "phase 'work': has no accesses",
        ),
        (
            lambda: Pattern(regions=(), phases=(phase(access()),)),
            "a pattern needs at least one region and one phase",
        ),
        (
            lambda: Pattern(regions=(HEAP,), phases=()),
            "a pattern needs at least one region and one phase",
        ),
        (
            lambda: Pattern(regions=(HEAP, HEAP), phases=(phase(access()),)),
            "region 'heap' is defined twice",
        ),
        (
            lambda: Pattern(regions=(HEAP,), phases=(phase(access(region=1)),)),
            "phase 'work': no region 1",
        ),
        (
            lambda: Pattern(regions=(HEAP,), phases=(phase(access(region=-1)),)),
            "phase 'work': no region -1",
        ),
    ],
)
def test_a_pattern_that_cannot_be_played_is_refused(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
