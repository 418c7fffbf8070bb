from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.recording import RecordedRegion
from autotune.errors import BackendUnavailableError, TrialError
from autotune.runner.trace_pages import TargetSnapshot, read_layout, read_snapshots

NUMBER = 517
FORMAT = f"""\
name: damon_aggregated
ID: {NUMBER}
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:unsigned long target_id;\toffset:8;\tsize:8;\tsigned:0;
\tfield:unsigned int nr_regions;\toffset:16;\tsize:4;\tsigned:0;
\tfield:unsigned long start;\toffset:24;\tsize:8;\tsigned:0;
\tfield:unsigned long end;\toffset:32;\tsize:8;\tsigned:0;
\tfield:unsigned int nr_accesses;\toffset:40;\tsize:4;\tsigned:0;
\tfield:unsigned int age;\toffset:44;\tsize:4;\tsigned:0;

print fmt: "target_id=%lu nr_regions=%u %lu-%lu: %u %u"
"""
"""As Linux 6.12 shows it."""

LAYOUT = read_layout(FORMAT)
LOST = 1 << 31


def event(regions: int, region: RecordedRegion, target: int = 0) -> bytes:
    """An event as the kernel writes it, without the head of its entry."""
    age = region.age or 0
    fields = (target, regions, region.start, region.end, region.accesses, age)
    return struct.pack("=HBBiQI4xQQII", NUMBER, 0, 0, 77, *fields)


def entry(delta_ns: int, content: bytes) -> bytes:
    """An entry of the ring buffer; a delta that is too long for it gets one of its own before."""
    assert len(content) % 4 == 0
    longer = b""
    if delta_ns >= 1 << 27:
        low, high = delta_ns & ((1 << 27) - 1), delta_ns >> 27
        longer, delta_ns = struct.pack("=II", 30 | low << 5, high), 0
    return longer + struct.pack("=I", len(content) // 4 | delta_ns << 5) + content


def page(time_ns: int, *entries: bytes, flags: int = 0) -> bytes:
    content = b"".join(entries)
    return struct.pack("=QQ", time_ns, len(content) | flags) + content


def read(*buffers: bytes, begin_ns: int = 0) -> list[TargetSnapshot]:
    return list(read_snapshots(LAYOUT, buffers, begin_ns=begin_ns))


LOW, HIGH = RecordedRegion(4096, 8192, 3, 1), RecordedRegion(8192, 16384, 0, 7)


@st.composite
def snapshots(draw: st.DrawFn) -> list[tuple[int, tuple[RecordedRegion, ...]]]:
    """Times in nanoseconds, and regions."""
    time_ns, found = 0, []
    for _ in range(draw(st.integers(1, 4))):
        time_ns += draw(st.integers(1_000, 1 << 30))
        bounds = draw(
            st.lists(st.integers(0, 2**47), min_size=2, max_size=5, unique=True).map(sorted)
        )
        regions = tuple(
            RecordedRegion(
                start, end, draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 2**32 - 1))
            )
            for start, end in itertools.pairwise(bounds)
        )
        found.append((time_ns, regions))
    return found


@given(snapshots(), st.data())
def test_what_the_kernel_wrote_is_read_whatever_page_and_cpu_it_is_on(
    written: list[tuple[int, tuple[RecordedRegion, ...]]], data: st.DataObject
) -> None:
    cpus = data.draw(st.integers(1, 3))
    buffers = [b""] * cpus
    for time_ns, regions in written:
        for number, region in enumerate(regions):
            cpu = data.draw(st.integers(0, cpus - 1))
            back_ns = data.draw(st.integers(0, time_ns))
            content = entry(back_ns + number, event(len(regions), region))
            buffers[cpu] += page(time_ns - back_ns, content)

    found = read(*buffers)

    assert [(one.time_us, one.regions) for one in found] == [
        (time_ns // 1000, regions) for time_ns, regions in written
    ]


def test_deltas_of_one_page_add_up() -> None:
    pages = page(
        1_000_000,
        entry(5_000, event(1, LOW)),
        entry((1 << 27) + 7_000, event(1, LOW)),
        entry(1_000, event(1, LOW)),
    )

    assert [one.time_us for one in read(pages)] == [
        (1_000_000 + 5_000) // 1000,
        (1_000_000 + 5_000 + (1 << 27) + 7_000) // 1000,
        (1_000_000 + 5_000 + (1 << 27) + 7_000 + 1_000) // 1000,
    ]


def test_an_absolute_time_replaces_the_sum() -> None:
    time_ns = 3 << 30
    stamp = struct.pack("=II", 31 | (time_ns & ((1 << 27) - 1)) << 5, time_ns >> 27)

    (found,) = read(page(1_000, entry(500, b"\0" * 48), stamp, entry(9_000, event(1, LOW))))

    assert found.time_us == (time_ns + 9_000) // 1000


def test_padding_and_foreign_events_are_skipped() -> None:
    discarded = struct.pack("=II", 29 | 4_000 << 5, 12) + b"\xff" * 8
    long_form = struct.pack("=II", 2_000 << 5, 52) + event(1, LOW)
    to_the_end = struct.pack("=I", 29) + b"\xff" * 40

    (found,) = read(page(0, entry(1_000, b"\0" * 48), discarded, long_form, to_the_end))

    assert found == TargetSnapshot(target=0, time_us=7, regions=(LOW,))


def test_times_count_from_the_beginning_of_the_measured_part() -> None:
    (found,) = read(page(5_000_000, entry(0, event(1, LOW))), begin_ns=2_000_000)

    assert found.time_us == 3_000


@pytest.mark.parametrize("cut", ["first", "last"])
def test_a_snapshot_that_is_cut_off_is_left_out(cut: str) -> None:
    whole = [entry(1_000, event(2, LOW)), entry(0, event(2, HIGH))]
    entries = [whole[1], *whole] if cut == "first" else [*whole, whole[0]]

    assert [one.regions for one in read(page(0, *entries))] == [(LOW, HIGH)]


def test_targets_are_kept_apart() -> None:
    pages = page(0, entry(1_000, event(1, LOW, 0)), entry(0, event(1, HIGH, 1)))

    assert [(one.target, one.regions) for one in read(pages)] == [(0, (LOW,)), (1, (HIGH,))]


def test_what_the_kernel_had_no_room_for_fails_the_recording() -> None:
    with pytest.raises(TrialError, match=r"^the kernel lost a part of the recording, .*: lower "):
        read(page(0, entry(0, event(1, LOW))), page(9, entry(0, event(1, LOW)), flags=LOST))


def test_a_kernel_that_tells_no_age_gives_none() -> None:
    text = "\n".join(line for line in FORMAT.splitlines() if "age;" not in line)

    (found,) = read_snapshots(
        read_layout(text), (page(0, entry(0, event(1, LOW))),), begin_ns=-1_000
    )

    assert found.regions == (RecordedRegion(4096, 8192, 3, None),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        FORMAT.replace(f"ID: {NUMBER}", ""),
        FORMAT.replace("nr_accesses", "samples"),
        FORMAT.replace("offset:24", "offset:90"),
    ],
)
def test_an_event_that_lies_otherwise_is_not_guessed_at(text: str) -> None:
    with pytest.raises(BackendUnavailableError, match=r"^the trace event damon_aggregated has "):
        read_layout(text)
