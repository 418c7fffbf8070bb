from __future__ import annotations

import dataclasses

import pytest

from autotune.experiment.measurement import Measurement
from autotune.objective import metrics
from autotune.testing import measurement


def test_equal_records_save_nothing_and_slow_nothing_down() -> None:
    record = measurement(kdamond_cpu=0.0)

    result = metrics.compute(record, record, slowdown="own_cpu_slowdown")

    of_scheme = {name for name, metric in metrics.METRICS.items() if metric.of_scheme}
    situational = {name for name, metric in metrics.METRICS.items() if metric.situational}
    assert result == dict.fromkeys(metrics.METRICS.keys() - of_scheme - situational, 0.0)
    assert set(result.missing) == of_scheme | situational
    assert of_scheme == {"half_saving_s"}


def test_compute_gives_every_metric_in_the_order_of_the_table() -> None:
    result = metrics.compute(measurement(), measurement(), slowdown="wall_slowdown")

    assert list(result) == [
        "memory_saving",
        "rss_saving",
        "system_memory_saving",
        "slowdown",
        "own_cpu_slowdown",
        "wall_slowdown",
        "cpu_use",
    ]


@pytest.mark.parametrize("name", ["own_cpu_slowdown", "wall_slowdown"])
def test_slowdown_is_the_formula_that_the_backend_names(name: metrics.SlowdownName) -> None:
    measured = measurement(runtime_s=15.0, workload_cpu_s=9.9)

    result = metrics.compute(measured, measurement(), slowdown=name)

    assert result["slowdown"] == result[name] != 0.0


def test_slowdown_cannot_name_itself() -> None:
    with pytest.raises(ValueError, match=r"^slowdown can't be 'slowdown': ") as error:
        metrics.compute(measurement(), measurement(), slowdown="slowdown")  # type: ignore[arg-type]

    assert str(error.value) == "slowdown can't be 'slowdown': it must be a formula of its own"


@pytest.mark.parametrize(
    ("overrides", "name", "message"),
    [
        (
            {"rss_mean_bytes": 0.0},
            "memory_saving",
            "the baseline's pss_mean_bytes + swap_pool_mean_bytes is 0: "
            "nothing can be compared with it",
        ),
        (
            {"rss_mean_bytes": 0.0, "swap_pool_mean_bytes": 1.0},
            "rss_saving",
            "the baseline's rss_mean_bytes is 0: nothing can be compared with it",
        ),
        (
            {"system_used_mean_bytes": -4096.0},
            "system_memory_saving",
            "the baseline's system_used_mean_bytes is -4096: nothing can be compared with it",
        ),
        (
            {"workload_cpu_s": 0.0},
            "slowdown",
            "the baseline's workload_cpu_s is 0: nothing can be compared with it",
        ),
        (
            {"work_done": 1.0},
            "wall_slowdown",
            "only one of measurement and baseline has work_done: they don't compare",
        ),
    ],
)
def test_a_metric_that_has_no_baseline_is_missing_with_its_reason(
    overrides: dict[str, float], name: str, message: str
) -> None:
    result = metrics.compute(measurement(), measurement(**overrides), slowdown="own_cpu_slowdown")

    assert result.missing[name] == message
    assert name not in result
    assert result.all_values()[name] is None
    assert list(result.all_values()) == list(metrics.METRICS)
    assert {*result} | {*result.missing} == {*metrics.METRICS}
    with pytest.raises(KeyError, match=f"{name} is unknown: "):
        result[name]


def test_a_missing_metric_leaves_the_others_as_they_are() -> None:
    measured = measurement(rss_mean_bytes=600.0, kdamond_cpu=0.02)
    before = measurement(rss_mean_bytes=1000.0, workload_cpu_s=0.0)

    result = metrics.compute(measured, before, slowdown="own_cpu_slowdown")

    assert result["memory_saving"] == 0.4
    assert result["cpu_use"] == 0.02
    assert {*metrics.notable(result.missing)} == {"slowdown", "own_cpu_slowdown"}


def test_metrics_with_one_reason_share_a_line() -> None:
    lines = metrics.sentences({"a": "no work", "b": "no memory", "c": "no work"})

    assert lines == ["a, c: unknown: no work", "b: unknown: no memory"]


def test_record_fields_are_the_numbers_of_a_measurement() -> None:
    fields = {field.name: getattr(measurement(), field.name) for field in _fields()}
    numbers = {name for name, value in fields.items() if isinstance(value, int | float)}

    assert numbers | {"work_done", "wss_mean_bytes"} == set(metrics.RECORD_FIELDS)
    assert not {*metrics.RECORD_FIELDS} & {*metrics.METRICS}


def test_the_slowest_request_is_told_in_seconds_and_against_the_baseline() -> None:
    measured, baseline = measurement(latency_max_s=0.75), measurement(latency_max_s=0.5)

    result = metrics.compute(measured, baseline, slowdown="wall_slowdown")

    assert result["latency_max_s"] == 0.75
    assert result["latency_slowdown"] == 0.5


def test_without_a_latency_no_run_can_seek_it_and_no_note_is_made() -> None:
    why = "the workload names no time of a request: let workload.latency match what prints it"

    missing = metrics.out_of_reach(measurement(), slowdown="wall_slowdown")

    assert missing["latency_max_s"] == missing["latency_slowdown"] == why
    assert missing["comeback_faults"] == "when faults came was not recorded: measure again"
    assert metrics.notable(missing) == {}


def test_values_leaves_out_what_was_not_measured() -> None:
    record = measurement(major_faults=7)

    values = metrics.values(record, {"cpu_use": 0.5})

    assert values["major_faults"] == 7.0
    assert values["cpu_use"] == 0.5
    assert "work_done" not in values


def _fields() -> tuple[dataclasses.Field[object], ...]:
    return dataclasses.fields(Measurement)


def test_a_baseline_that_hardly_used_a_cpu_gives_no_slowdown() -> None:
    baseline, measured = measurement(workload_cpu_s=0.02), measurement(workload_cpu_s=0.05)

    found = metrics.compute(measured, baseline, slowdown="own_cpu_slowdown")

    assert "own_cpu_slowdown" not in found.known
    assert found.missing["slowdown"] == (
        "the baseline used 0.020 s of CPU time, too little to compare: let it do more work, for "
        "0.1 s or longer, or go by wall_slowdown"
    )
    assert found.known["wall_slowdown"] == 0.0
