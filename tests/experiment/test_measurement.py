from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import SchemeStats
from autotune.experiment.conditions import Conditions
from autotune.experiment.measurement import Measurement, Series, time_weighted_mean
from autotune.testing import measurement

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 2**63)


@st.composite
def series(draw: st.DrawFn) -> Series:
    length = draw(st.integers(0, 4))

    def samples(values: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(values, min_size=length, max_size=length)))

    return Series(
        time_s=samples(NUMBERS),
        rss_bytes=samples(COUNTS),
        pss_bytes=samples(st.none() | COUNTS),
        swap_bytes=samples(COUNTS),
        pool_bytes=samples(COUNTS),
        used_bytes=samples(st.integers()),
        wss_bytes=samples(st.none() | COUNTS),
        cpu_s=draw(st.just(()) | st.just(samples(NUMBERS))),
        major_faults=draw(st.just(()) | st.just(samples(COUNTS))),
        work_done=draw(st.just(()) | st.just(samples(NUMBERS))),
    )


MEASUREMENTS = st.builds(
    Measurement,
    runtime_s=NUMBERS,
    work_done=st.none() | NUMBERS,
    rss_mean_bytes=NUMBERS,
    rss_peak_bytes=COUNTS,
    pss_mean_bytes=NUMBERS,
    pss_periods_us=st.lists(COUNTS).map(tuple),
    swap_pool_mean_bytes=NUMBERS,
    system_used_mean_bytes=NUMBERS,
    kdamond_cpu=NUMBERS,
    workload_cpu_s=NUMBERS,
    major_faults=COUNTS,
    swap_in_bytes=COUNTS,
    swap_out_bytes=COUNTS,
    memory_pressure_some_s=NUMBERS,
    scheme_stats=st.none()
    | st.builds(
        SchemeStats,
        tried_regions=COUNTS,
        tried_bytes=COUNTS,
        applied_regions=COUNTS,
        applied_bytes=COUNTS,
        quota_exceeds=COUNTS,
    ),
    wss_mean_bytes=st.none() | NUMBERS,
    series=series(),
    conditions=st.none() | st.builds(Conditions, monitored_s=NUMBERS),
)


@given(MEASUREMENTS)
def test_a_measurement_reads_back_the_same_from_json_text(original: Measurement) -> None:
    text = json.dumps(original.to_dict(), allow_nan=False)

    assert Measurement.from_dict(json.loads(text)) == original


def test_the_fields_are_written_in_their_order() -> None:
    names = list(measurement().to_dict())

    assert names[:3] == ["runtime_s", "work_done", "rss_mean_bytes"]
    assert names[-3:] == ["watched", "conditions", "latency_max_s"]


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda values: values.pop(name)


def with_field(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda values: values.update({name: value})


def with_samples(name: str, samples: object) -> Callable[[dict[str, Any]], object]:
    return lambda values: values["series"].update({name: samples})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("series"), "not a measurement: no 'series'"),
        (
            without("runtime_s"),
            "not a measurement: Measurement.__init__() missing 1 required keyword-only argument: "
            "'runtime_s'",
        ),
        (
            with_field("speed", 1.0),
            "not a measurement: Measurement.__init__() got an unexpected keyword argument 'speed'",
        ),
        (
            with_field("runtime_s", "fast"),
            "not a measurement: runtime_s is 'fast', which is no number",
        ),
        (
            with_field("rss_mean_bytes", None),
            "not a measurement: rss_mean_bytes is None, which is no number",
        ),
        (
            with_field("scheme_stats", {"tried_bytes": "many"}),
            "not a measurement: tried_bytes is 'many', which is no number",
        ),
        (
            with_field("scheme_stats", {"tries": 1}),
            "not a measurement: SchemeStats.__init__() got an unexpected keyword argument 'tries'",
        ),
        (
            with_samples("rss_bytes", [1, None, 3]),
            "not a measurement: rss_bytes is None, which is no number",
        ),
        (with_field("conditions", {}), "not a measurement: no 'schemes'"),
        (with_samples("rss_bytes", [1]), "series of different lengths: [1, 3]"),
        (with_samples("cpu_s", [1.0]), "series of different lengths: [1, 3]"),
        (with_samples("rss_bytes", 1), "not a measurement: 'int' object is not iterable"),
    ],
)
def test_what_is_no_measurement_is_refused(
    damage: Callable[[dict[str, Any]], object], message: str
) -> None:
    values = measurement().to_dict()
    damage(values)

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measurement.from_dict(values)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20), st.data())
def test_the_time_weighted_mean_is_numpys_weighted_average(
    lengths: list[float], data: st.DataObject
) -> None:
    samples = data.draw(
        st.lists(st.integers(0, 2**40), min_size=len(lengths), max_size=len(lengths))
    )
    marks = np.concatenate(([0.0], np.cumsum(lengths)))

    mean = time_weighted_mean(tuple(marks[:-1]), tuple(samples), float(marks[-1]))

    assert mean == pytest.approx(np.average(samples, weights=np.diff(marks)), rel=1e-9)


@given(st.lists(st.floats(0.0, 1e3), min_size=1), st.integers(0, 2**40))
def test_the_mean_of_a_constant_is_that_constant(times: list[float], constant: int) -> None:
    ordered = tuple(sorted(times))

    mean = time_weighted_mean(ordered, (constant,) * len(ordered), ordered[-1] + 1.0)

    assert mean == pytest.approx(constant)


def test_samples_that_stand_for_no_time_give_the_last_one() -> None:
    assert time_weighted_mean((2.0,), (7,), 2.0) == 7.0


def test_the_measurement_of_tests_has_parts_that_agree() -> None:
    result = measurement(rss_mean_bytes=5000.0, runtime_s=4.0)
    series = result.series

    assert time_weighted_mean(series.time_s, series.rss_bytes, result.runtime_s) == 5000.0
    assert result.rss_peak_bytes == max(series.rss_bytes)
    assert max(series.time_s) < result.runtime_s


def test_the_measurement_of_tests_has_no_field_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        measurement(speed=1.0)


def test_a_measurement_that_was_kept_without_cpu_times_is_read() -> None:
    values = measurement().to_dict()
    for name in ("cpu_s", "major_faults", "work_done"):
        del values["series"][name]

    assert Measurement.from_dict(values) == measurement()
