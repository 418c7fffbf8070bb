from __future__ import annotations

from hypothesis import given, reject
from hypothesis import strategies as st

from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.lint import Code, lint
from tests import strategies
from tests.lint.examples import VADDR

NARROWED = {
    Code.AGE_UNALIGNED,
    Code.QUOTA_UNALIGNED,
    Code.RATE_TO_ZERO,
    Code.RATE_UNALIGNED,
    Code.SIZE_NOTHING,
    Code.SIZE_UNALIGNED,
    Code.WATERMARKS_UNALIGNED,
}


@given(st.data())
def test_what_the_kernel_narrows_is_warned_of_and_nothing_else(data: st.DataObject) -> None:
    scheme = data.draw(strategies.schemes(), label="scheme")
    try:
        grid = on_grid(scheme, Intervals())
    except ValueError:
        reject()

    codes = {warning.code for warning in lint([scheme], Monitoring(), VADDR)}
    again = {warning.code for warning in lint([grid], Monitoring(), VADDR)}

    warned = codes & NARROWED
    if scheme.pattern.size_bytes.max == 0:  # is itself on the grid, and matches nothing
        warned.discard(Code.SIZE_NOTHING)

    assert bool(warned) == (not alike(scheme, grid))
    assert not again & NARROWED - {Code.SIZE_NOTHING}


def alike(scheme: Scheme, grid: Scheme) -> bool:
    """Whether they are equal but for the spelling of fractions."""

    def same(one: float, other: float) -> bool:
        return one == other or abs(min(one, 1.0) - min(other, 1.0)) <= 1e-9

    rate, other = scheme.pattern.access_rate, grid.pattern.access_rate
    marks = (scheme.watermarks, grid.watermarks)
    return (
        same(rate.min, other.min)
        and same(rate.max, other.max)
        and scheme.pattern.size_bytes == grid.pattern.size_bytes
        and scheme.pattern.age_us == grid.pattern.age_us
        and scheme.quota == grid.quota
        and all(
            same(getattr(marks[0], name), getattr(marks[1], name))
            for name in ("high", "mid", "low")
            if marks[0] is not None
        )
    )
