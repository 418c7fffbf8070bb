from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import MappedArea, RecordedRegion, Snapshot
from tests.recordings import PAGE, area, recording, snapshot


def region(
    start: int = 0, end: int = PAGE, accesses: int = 0, age: int | None = 0
) -> RecordedRegion:
    return RecordedRegion(start, end, accesses, age)


@pytest.mark.parametrize(
    "regions",
    [
        (region(PAGE, PAGE),),
        (region(-PAGE, PAGE),),
        (region(), region()),
        (region(PAGE, 2 * PAGE), region()),
        (region(accesses=-1),),
        (region(age=-1),),
    ],
)
def test_regions_are_in_order_and_count_from_0(regions: tuple[RecordedRegion, ...]) -> None:
    with pytest.raises(ValueError, match=r"^region -?[0-9]+-[0-9]+ "):
        Snapshot(end_us=1, regions=regions)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"end": 0}, "area 0-0 is empty"),
        ({"from_us": 3, "until_us": 2}, "area 0-4096 ends before it begins"),
        ({"from_us": -1}, "area 0-4096 ends before it begins"),
        ({"resident": ((0, PAGE + 1),)}, "resident 0-4097 does not lie in area 0-4096"),
        ({"resident": ((10, 20), (15, 30))}, "resident 15-30 does not lie in area 0-4096"),
    ],
)
def test_an_area_is_somewhere_for_a_while_and_holds_what_is_resident(
    fields: dict[str, object], message: str
) -> None:
    given_fields = {"start": 0, "end": PAGE, "from_us": 0, "until_us": 5, "resident": ()}

    with pytest.raises(ValueError, match=f"^{message}"):
        MappedArea(**{**given_fields, **fields})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"snapshots": ()}, "no aggregation ended while it was recorded: record for longer"),
        (
            {"snapshots": (snapshot(0),)},
            "a snapshot at 0 us is not behind the one before it, or behind the end",
        ),
        ({"snapshots": (snapshot(2), snapshot(2))}, "a snapshot at 2 us is not behind the one"),
        ({"duration_us": 199_999}, "a snapshot at 200000 us is not behind the one before it, or"),
        (
            {"snapshots": (snapshot(1, (0, 1, 21)),)},
            "region 0-4096 has 21 accesses, and an aggregation has 20 samples",
        ),
        ({"areas": (area(0, 1, 0, 200_001),)}, "area 0-4096 outlives the recording"),
        ({"held_up_us": -1}, "held_up_us is -1: it must be 0 or more, and below 200000"),
        ({"held_up_us": 200_000}, "held_up_us is 200000: it must be 0 or more, and below 200000"),
        ({"cpu_us": -1}, "cpu_us is -1: it must be 0 or more"),
        ({"work_done": float("nan")}, "work_done is nan: it must be 0 or more"),
    ],
)
def test_a_recording_that_contradicts_itself_is_none(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        recording(**fields)


def test_the_most_accesses_are_the_samples_of_an_aggregation() -> None:
    intervals = Intervals(sampling_us=50_000, aggregation_us=500_000)

    assert replace(recording(snapshots=(snapshot(1),)), intervals=intervals).max_accesses == 10
