"""Numbers as debugfs took them; the values are those of the kernel's documentation of it."""

from __future__ import annotations

import pytest

from autotune.damon.damos import UNLIMITED, Action, Range, Weights
from autotune.errors import InputError
from autotune.formats import debugfs


def test_eighteen_numbers_are_pattern_quota_weights_and_watermarks() -> None:
    warnings: list[str] = []
    text = "4096 8192 0 5 10 20 2 10 1073741824 1000 0 3 7 1 1000000 600 500 300\n"

    (scheme,) = debugfs.loads(text, "x", warnings.append)

    assert scheme.action is Action.PAGEOUT
    assert scheme.pattern.size_bytes == Range(4096, 8192)
    assert scheme.pattern.access_rate == Range(0.0, 0.25)
    assert scheme.pattern.age_us == Range(1_000_000, 2_000_000)
    assert scheme.quota is not None
    assert (scheme.quota.time_us, scheme.quota.size_bytes) == (10_000, 1 << 30)
    assert scheme.quota.reset_interval_us == 1_000_000
    assert scheme.quota.weights == Weights(size=0, access_rate=3, age=7)
    assert scheme.watermarks is not None
    assert scheme.watermarks.interval_us == 1_000_000
    assert (scheme.watermarks.high, scheme.watermarks.mid) == (0.6, 0.5)
    assert warnings == [
        "x: has numbers as debugfs took them: ages and accesses are read as counts of 100ms and 5ms"
    ]


def test_the_kernels_largest_numbers_are_no_bounds() -> None:
    (scheme,) = debugfs.loads("0 18446744073709551615 1 4294967295 0 4294967295 5", "x")

    assert scheme.action is Action.STAT
    assert scheme.pattern.size_bytes.max == UNLIMITED
    assert scheme.pattern.access_rate == Range(0.05, UNLIMITED)
    assert scheme.pattern.age_us.max == UNLIMITED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n0 1 0 0 0 0 6", "x:2: action 6: debugfs has 0 to 5"),
        (
            "0 1 0 0 0 0 2 0 0 0 0 0 0 7 1 3 2 1",
            "x:1: watermarks' metric 7: debugfs has 0 (none) and 1 (free memory)",
        ),
    ],
)
def test_a_number_that_stands_for_nothing_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        debugfs.loads(text, "x")

    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["", "4096 max 0 0 50 60 2", "1 2 3", "min max 0 0 5 6 stat"])
def test_any_other_text_is_not_debugfs(text: str) -> None:
    assert not debugfs.is_debugfs(text)
