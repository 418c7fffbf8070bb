from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import Action, Scheme
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.damon.recording import RecordedRegion
from autotune.damon.references import ReferencedArea, ReferencedWindow
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program
from autotune.runner.compression import Chunk
from autotune.runner.raw_recording import RawRecording, check_recordable
from autotune.runner.recorded_processes import RawProcess
from autotune.testing import measurement, pattern
from tests.recordings import area
from tests.runner.test_trace_pages import FORMAT, LOST, LOW, entry, event, page

MONITORED = Experiment(workload=pattern(), monitoring=Monitoring())
MS = 1_000_000
"""Nanoseconds."""


def raw(*pages: bytes, **overrides: object) -> RawRecording:
    fields: dict[str, object] = {
        "layout": FORMAT,
        "pages": pages,
        "begin_ns": 0,
        "duration_us": 200_000,
        "areas": (area(1, 2),),
        "cpu_us": 150_000,
        "work_done": 7.5,
        "processes": (RawProcess("redis", 0, -9, 200_000),),
        "resident_peak_bytes": 8192,
        "paged_out": (Chunk(0, 4096, 4096, 1024),),
    }
    return RawRecording(**{**fields, **overrides})  # type: ignore[arg-type]


def test_what_was_recorded_is_what_damon_wrote_until_the_end() -> None:
    times_ms = (100, 200, 201)
    pages = b"".join(page(time * MS, entry(0, event(1, LOW))) for time in times_ms)

    recording = raw(pages).recording(MONITORED)

    assert [one.end_us for one in recording.snapshots] == [100_000, 200_000]
    assert recording.snapshots[0].regions == (LOW,)
    assert (recording.cpu_us, recording.work_done) == (150_000, 7.5)
    assert recording.resident_peak_bytes == 8192
    assert (recording.compressed_fraction, recording.areas) == (0.25, (area(1, 2),))
    assert recording.intervals == Intervals()


@pytest.mark.parametrize(
    ("workload", "name"),
    [
        (pattern(), "pattern"),
        (Program(command=("/usr/bin/redis-server", "--port", "1")), "redis-server"),
        (Program(command="sqlite3 x.db | cat"), "sqlite3"),
    ],
)
def test_it_is_named_after_what_ran(workload: object, name: str) -> None:
    taken = raw(page(MS, entry(0, event(1, LOW))))

    assert taken.recording(replace(MONITORED, workload=workload)).name == name  # type: ignore[arg-type]  # one of both kinds


def test_a_run_without_an_aggregation_is_no_recording() -> None:
    with pytest.raises(TrialError, match=r"^recording: no aggregation ended while "):
        raw(b"").recording(MONITORED)


def test_a_count_beyond_the_samples_is_no_recording() -> None:
    pages = page(MS, entry(0, event(1, RecordedRegion(0, 4096, 21, 0))))

    with pytest.raises(TrialError, match=r"^recording: region 0-4096 has 21 accesses, "):
        raw(pages).recording(MONITORED)


def test_lost_events_fail_it() -> None:
    with pytest.raises(TrialError, match=r"^the kernel lost a part of the recording"):
        raw(page(MS, flags=LOST)).recording(MONITORED)


@given(
    st.lists(st.binary(max_size=50), max_size=3),
    st.none() | st.floats(0, 1e9),
    st.integers(1, 2**40),
)
def test_it_travels_as_json(pages: list[bytes], work: float | None, end: int) -> None:
    windows = (ReferencedWindow(begin_us=0, end_us=end, areas=(ReferencedArea(0, end, end, 1),)),)
    areas = (area(0, end), area(end, end + 1))
    taken = raw(*pages, work_done=work, areas=areas, references=windows)

    assert RawRecording.from_dict(json.loads(json.dumps(taken.to_dict()))) == taken


def test_a_window_that_was_read_as_the_program_ended_ends_with_it() -> None:
    windows = tuple(
        ReferencedWindow(begin_us=begin_us, end_us=end_us, areas=(ReferencedArea(0, 9, 9, 1),))
        for begin_us, end_us in ((0, 100_000), (100_000, 200_500), (200_000, 200_500))
    )
    taken = raw(page(MS, entry(0, event(1, LOW))), references=windows)

    found = taken.recording(MONITORED).references

    assert [(one.begin_us, one.end_us) for one in found] == [(0, 100_000), (100_000, 200_000)]


@pytest.mark.parametrize("spoil", [{"pages": ["AAAA"]}, {"areas": [[1]]}, {"more": 1}])
def test_what_is_no_recording_is_not_read_as_one(spoil: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RawRecording.from_dict({**raw(b"").to_dict(), **spoil})


@pytest.mark.parametrize(
    ("alone_s", "work_done", "held_up_us"),
    [(2.0, None, 0), (1.75, None, 250_000), (2.5, None, 0), (2.0, 7.0, 900_000)],
)
def test_a_run_without_monitoring_shows_what_was_held_up_if_its_work_is_equal(
    alone_s: float, work_done: float | None, held_up_us: int
) -> None:
    """A kdamond that was busy for 0.9 s of 2, while the workload waited for a clock, or did not."""
    taken = replace(raw(), duration_us=2_000_000, held_up_us=900_000, work_done=None)

    beside = taken.beside(measurement(runtime_s=alone_s, work_done=work_done))

    assert beside == replace(taken, held_up_us=held_up_us)


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment(workload=pattern()),
        replace(MONITORED, schemes=(Scheme(action=Action.PAGEOUT),)),
        replace(MONITORED, operations=OperationsSet.PADDR),
    ],
)
def test_only_a_process_that_is_monitored_and_left_alone_is_recorded(
    experiment: Experiment,
) -> None:
    with pytest.raises(ValueError, match=r"^what is recorded is "):
        check_recordable(experiment)
