from __future__ import annotations

import itertools
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.monitoring import Intervals
from autotune.damon.recording import MappedArea, RecordedProcess, RecordedRegion, Recording
from autotune.damon.references import ReferencedArea, ReferencedWindow, shifted_window
from autotune.errors import InputError, RunError
from autotune.formats.damo_record.reader import load, parse
from autotune.formats.damo_record.writer import check_new, save, write
from tests.recordings import PAGE, area, recording, recordings
from tests.recordings import snapshot as pages

FILE = Path("folder/some.damon.data")
MS = 1_000_000
"""Nanoseconds."""


def region(start: str, end: str, samples: object, age: object = None) -> dict[str, Any]:
    """A region as damo writes it."""
    return {
        "start": start,
        "end": end,
        "nr_accesses": {"samples": samples, "percent": None},
        "age": {"usec": None, "aggr_intervals": age},
    }


def snapshot(start_ns: int, end_ns: int, *regions: dict[str, Any]) -> dict[str, Any]:
    return {"start_time": str(start_ns), "end_time": str(end_ns), "regions": list(regions)}


def record(*snapshots: dict[str, Any], **more: object) -> dict[str, Any]:
    """A record as damo writes it of a trace: no intervals, times of a clock that runs since boot."""
    return {
        "kdamond_idx": None,
        "context_idx": None,
        "intervals": None,
        "scheme_idx": None,
        "target_id": 18446623438842320000,
        "snapshots": list(snapshots),
        **more,
    }


OLD = record(
    snapshot(
        539_809 * MS,
        539_914 * MS,
        region("94,827,419,009,024", "94,827,423,150,080", 0),
        region("94,827,423,150,080", "94,827,427,291,136", 21),
    ),
    snapshot(
        539_914 * MS,
        540_018 * MS,
        region("94,827,419,009,024", "94,827,427,291,136", 7),
        region("140,271,710,769,152", "140,271,717,171,200", 3),
    ),
)
"""As of an old kernel: without ages, with commas, and a count above the number of samples."""

LOW, MIDDLE, HIGH = 94_827_419_009_024, 94_827_423_150_080, 94_827_427_291_136
FAR, END = 140_271_710_769_152, 140_271_717_171_200


def packed(*records: object) -> bytes:
    return zlib.compress(json.dumps(records).encode())


def read(*records: object) -> Recording:
    return parse(packed(*records), FILE)


def refusal(content: bytes) -> str:
    with pytest.raises(InputError) as error:
        parse(content, FILE)
    message = str(error.value)
    assert message.startswith(f"{FILE}: ")
    assert "\n" not in message
    return message.removeprefix(f"{FILE}: ")


@given(recordings())
def test_what_is_written_is_read(recorded: Recording) -> None:
    assert parse(write(recorded), FILE) == recorded


def test_windows_of_references_stay_with_their_process() -> None:
    here = ReferencedWindow(begin_us=0, end_us=9, areas=(ReferencedArea(0, PAGE, PAGE, 0),))
    there = shifted_window(replace(here, begin_us=3), PROCESS_BYTES)
    both = recording(
        processes=tuple(RecordedProcess(name=n, from_us=0, until_us=200_000) for n in "ab"),
        references=(here, there),
    )

    assert parse(write(both), FILE).references == (here, there)


def test_a_window_that_can_not_be_is_named() -> None:
    (record_of,) = json.loads(zlib.decompress(write(recording())))
    record_of["autotune"]["references"] = [{"begin_us": 1, "end_us": 1, "areas": [[0, 1, 1, 1]]}]

    with pytest.raises(
        InputError, match=r"\[0\]\.autotune\.references\[0\]: a window .* is empty"
    ):
        parse(packed(record_of), FILE)


def test_what_damo_wrote_of_an_old_kernel_is_read() -> None:
    found = read(OLD)

    first, second = found.snapshots
    assert first.regions == (
        RecordedRegion(LOW, MIDDLE, 0, None),
        RecordedRegion(MIDDLE, HIGH, 20, None),
    )
    assert second.regions[1] == RecordedRegion(FAR, END, 3, None)
    assert [one.end_us for one in found.snapshots] == [105_000, 209_000]
    assert (found.duration_us, found.name) == (209_000, "some")
    assert (found.cpu_us, found.work_done, found.compressed_fraction) == (None, None, None)


def test_what_was_monitored_counts_as_mapped_and_resident_from_first_to_last_sight() -> None:
    gone = record(*OLD["snapshots"], snapshot(540_018 * MS, 540_118 * MS, region("1", "2", 0)))

    found = read(gone)

    assert found.areas == (
        _area(1, 2, 209_000, 309_000),
        _area(LOW, HIGH, 0, 209_000),
        _area(FAR, END, 105_000, 209_000),
    )


def _area(start: int, end: int, from_us: int, until_us: int) -> MappedArea:
    return MappedArea(
        start=start, end=end, from_us=from_us, until_us=until_us, resident=((start, end),)
    )


@pytest.mark.parametrize(
    ("length_ms", "most", "sampling_us", "samples"),
    [
        (104, 21, 5_000, 20),  # somewhat too long, and one too many
        (104, 3, 5_000, 20),  # nothing was hot
        (212, 40, 5_250, 40),
        (1_010, 101, 10_000, 100),
    ],
)
def test_intervals_that_a_file_does_not_tell_are_inferred(
    length_ms: int, most: int, sampling_us: int, samples: int
) -> None:
    ends = [number * length_ms * MS for number in range(4)]
    snapshots = [
        snapshot(start, end, region("0", "4,096", most)) for start, end in itertools.pairwise(ends)
    ]

    intervals = read(record(*snapshots)).intervals

    assert (intervals.sampling_us, intervals.samples) == (sampling_us, samples)


def test_numbers_may_have_units_and_counts_may_be_percentages() -> None:
    one = {
        "start": "4 KiB",
        "end": "1.5 MiB",
        "nr_accesses": {"samples": None, "percent": "45 %"},
        "age": {"usec": "3 s", "aggr_intervals": None},
    }
    intervals = {"sample_us": "5 ms", "aggr_us": "100,000", "ops_update_us": 1_000_000}

    found = read(record(snapshot(0, 100 * MS, one), intervals=intervals))

    assert found.intervals == Intervals()
    assert found.snapshots[0].regions == (RecordedRegion(4096, 1_572_864, 9, 30),)


def test_ages_are_read_as_text_and_as_numbers() -> None:
    found = read(
        record(snapshot(0, 100 * MS, region("0", "1", 0, "1,034"), region("1", "2", 0, 7)))
    )

    assert [one.age for one in found.snapshots[0].regions] == [1034, 7]


def test_a_snapshot_that_only_gives_another_one_an_end_is_dropped() -> None:
    filler = snapshot(200 * MS, 300 * MS, region("0", "0", "-1", "-1"))

    found = read(record(snapshot(100 * MS, 200 * MS, region("0", "4,096", 1, 0)), filler))

    assert [one.end_us for one in found.snapshots] == [100_000]


def test_several_targets_are_processes_of_one_recording() -> None:
    first = [snapshot(n * 100 * MS, (n + 1) * 100 * MS, region("0", "8,192", n)) for n in range(3)]
    late = snapshot(104 * MS, 204 * MS, region("4,096", "8,192", 5))

    found = read(record(*first), record(), record(late))

    base = PROCESS_BYTES
    assert len(found.processes) == 2
    assert [one.end_us for one in found.snapshots] == [100_000, 200_000, 300_000]
    assert [[one[:3] for one in snapshot.regions] for snapshot in found.snapshots] == [
        [(0, 8192, 0)],
        [(0, 8192, 1), (base + 4096, base + 8192, 5)],
        [(0, 8192, 2)],
    ]
    assert [(area.start, area.end) for area in found.areas] == [
        (0, 8192),
        (base + 4096, base + 8192),
    ]


def test_what_a_scheme_tried_is_no_process_of_its_own() -> None:
    of_target = record(snapshot(0, 100 * MS, region("0", "8,192", 5)))
    of_scheme = record(snapshot(0, 100 * MS, region("0", "4,096", 5)))

    assert read({**of_scheme, "scheme_idx": 0}, of_target) == read(of_target)


def test_a_first_snapshot_without_a_beginning_is_one_aggregation_long() -> None:
    intervals = {"sample_us": 5_000, "aggr_us": 100_000, "ops_update_us": 1_000_000}
    one = snapshot(900 * MS, 900 * MS, region("0", "1", 0))

    assert read(record(one, intervals=intervals)).duration_us == 100_000


def test_json_that_is_not_compressed_is_read_too() -> None:
    assert parse(b" " + json.dumps([OLD]).encode(), FILE) == read(OLD)


CONVERT = "write it with damo record --output_type json_compressed"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: copy it again, or record again"),
        (b'[{"snapshots": [{"start_time"', "is cut off: copy it again, or record again"),
        (b"PERFILE2 and more", f"is perf's own form, not JSON: {CONVERT}"),
        (b"\x89PNG", f"is no recording: it is not compressed JSON: {CONVERT}"),
        (packed(OLD)[:-9], "is cut off: copy it again, or record again"),
        (packed(OLD)[:30], "is cut off: copy it again, or record again"),
        (zlib.compress(b"{}"), "is no recording: it must be a list of records, in [ ]"),
        (zlib.compress(b"[1, 2"), "is cut off: copy it again, or record again"),
        (zlib.compress(b"[1 2]"), "is no recording: not JSON: Expecting "),
        (zlib.compress(b"\xff\xfe"), "is no recording: not JSON: "),
        (b"[" * 100_000, "is no recording: nested too deeply"),
        (b"[NaN]", "NaN is no number of JSON"),
        (packed(), "is no recording: it must be a list of records, in [ ]"),
        (packed(1), "[0]: is not as damo writes it: "),
        (packed({}), "[0]: is not as damo writes it: 'snapshots'"),
        (packed(record()), "holds no snapshot: record for longer"),
        (packed(record(snapshots={})), "[0].snapshots: must be a list, in [ ]"),
        (packed(record({})), "[0].snapshots[0]: is not as damo writes it: 'regions'"),
        (packed(record({"regions": 7})), "[0].snapshots[0].regions: must be a list, in [ ]"),
        (
            packed(record(snapshot(0, 1, region("0", "1", 0), {}))),
            "[0].snapshots[0].regions[1]: is not as damo writes it: 'start'",
        ),
        (
            packed(record(snapshot(0, 1, region("0", "x", 0)))),
            "[0].snapshots[0].regions[0]: 'x' is not a size: write bytes, or a number and one of ",
        ),
        (
            packed(record(snapshot(0, 1, region("0", "1", None)))),
            "[0].snapshots[0].regions[0].nr_accesses: has neither samples nor percent: ",
        ),
        (
            packed(record(snapshot(0, MS, region("5", "5", 0)))),
            "[0].snapshots[0]: region 5-5 is empty, or not behind the one before it",
        ),
        (
            packed(record(snapshot(0, MS, region("0", "5", "-1")))),
            "[0].snapshots[0].regions[0]: '-1' is not a number: write digits only",
        ),
        (
            packed(record(snapshot(0, 9 * MS), snapshot(0, 7 * MS))),
            "[0]: a snapshot at 9000 us is not behind the one before it, or behind the end",
        ),
        (
            packed(record(snapshot(0, MS), intervals={"sample_us": 1})),
            "[0].intervals: is not as damo writes it: 'aggr_us'",
        ),
        (
            packed(
                record(
                    snapshot(0, MS),
                    intervals={"sample_us": 9, "aggr_us": 5, "ops_update_us": 5},
                )
            ),
            "[0].intervals: sampling_us (9) is above aggregation_us (5): sample at least once an ",
        ),
        (
            packed(record(snapshot(0, MS), autotune={"name": "x"})),
            "[0].autotune: is not as damo writes it: 'cpu_us'",
        ),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(content: bytes, message: str) -> None:
    assert refusal(content).startswith(message)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: no such file: check the path$"):
        load(tmp_path / "none")


def test_a_recording_that_does_not_say_how_long_it_was_held_up_was_not() -> None:
    (written,) = json.loads(zlib.decompress(write(recording(held_up_us=50_000))))
    del written["autotune"]["held_up_us"]

    assert parse(packed(written), FILE) == recording(held_up_us=0)


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "halves.damon.data"

    save(recording(), path)

    assert load(path) == recording()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")

    with pytest.raises(InputError, match=r"mine: is there already: name another file with --out$"):
        save(recording(), path)

    assert path.read_text() == "mine"


def test_a_place_where_nothing_can_be_written_is_named_before_it_is_recorded(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match=r"no folder that can be written to: name another place"):
        check_new(tmp_path / "none" / "file")


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)

    with pytest.raises(
        RunError, match=r": can't be written: No space left on device: free some space$"
    ):
        save(recording(), tmp_path / "file")

    assert list(tmp_path.iterdir()) == []


def test_a_number_of_the_workload_is_a_number() -> None:
    (values,) = json.loads(zlib.decompress(write(replace(recording(), cpu_us=1))))
    values["autotune"]["cpu_us"] = "soon"

    assert refusal(packed(values)) == "[0].autotune.cpu_us: 'soon' is no number"


def test_the_second_half_of_a_page_table_is_an_address_too() -> None:
    top = 2**64 - PAGE

    found = read(record(snapshot(0, MS, region(f"{top:,}", f"{2**64 - 1:,}", 1))))

    assert found.areas[0].start == top


def test_each_process_has_a_record_and_all_are_read_again() -> None:
    base = PROCESS_BYTES // 4096
    shared = ((base + 1) * 4096, (base + 2) * 4096)
    late = replace(area(base + 1, base + 4, from_us=100_000), shared=(shared,), repeated=(shared,))
    several = recording(
        snapshots=(
            pages(100_000, (16, 32, 20)),
            pages(200_000, (16, 32, 0), (base + 1, base + 4, 3)),
        ),
        areas=(area(16, 32), late),
        processes=(
            RecordedProcess(name="parent", from_us=0, until_us=200_000),
            RecordedProcess(name="worker", from_us=100_000, until_us=200_000),
        ),
        unwatched_share=0.25,
        unwatched_names=("worker",),
    )

    content = write(several)

    records = json.loads(zlib.decompress(content))
    assert [one["target_id"] for one in records] == [0, 1]
    assert [len(one["snapshots"]) for one in records] == [2, 1]
    assert records[1]["snapshots"][0]["regions"][0]["start"] == 4096
    assert parse(content, FILE) == several
