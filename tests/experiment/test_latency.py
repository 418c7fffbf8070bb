from __future__ import annotations

import pytest

from autotune.experiment.latency import LATENCY_UNITS, read_latency_s


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("12.34ms", 0.01234),
        ("900 us", 0.0009),
        ("1.20s", 1.2),
        ("7 MSEC", 0.007),
        ("5 milliseconds", 0.005),
        ("1,250.5 usec", 0.0012505),
        ("3\N{MICRO SIGN}s", 3e-6),
        (".5 sec", 0.5),
    ],
)
@pytest.mark.parametrize("unit", [None, "s", "us"])
def test_a_unit_beside_the_number_counts(text: str, time_s: float, unit: str | None) -> None:
    assert read_latency_s(text, unit) == pytest.approx(time_s, rel=1e-12)


@pytest.mark.parametrize(("unit", "seconds"), LATENCY_UNITS.items())
def test_a_number_alone_has_the_unit_that_is_given(unit: str, seconds: float) -> None:
    assert read_latency_s("40", unit) == pytest.approx(40 * seconds, rel=1e-12)


def test_without_a_unit_no_time_is_guessed() -> None:
    with pytest.raises(ValueError, match="has no unit") as error:
        read_latency_s("3.911")

    assert str(error.value) == (
        "'3.911' has no unit: let the group match the unit too, or add latency_unit: ms"
    )


@pytest.mark.parametrize(
    "text", ["", "fast", "12 MB", "1.2.3", "5 m", "-1 ms", "ms", "nan", "1e3"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time") as error:
        read_latency_s(text, "ms")

    assert str(error.value) == (
        f"'{text}' is no time: let the group match a number, with us, ms or s or without"
    )
