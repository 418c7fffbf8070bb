"""What we write of a recording damo 3.4.3 reads as meant, and the other way round.

damo's reader looks at nothing but the file; its command line gets an empty /sys of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune.damon.monitoring import Intervals
from autotune.damon.recording import RecordedRegion, Recording, Snapshot
from autotune.formats.damo_record.reader import load
from autotune.formats.damo_record.writer import save, write
from tests.formats.test_damo_oracle import ISOLATED, ORACLE, Oracle
from tests.recordings import recording, recordings, snapshot

FEW = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    running = Oracle(ORACLE, tmp_path_factory.mktemp("home"))
    yield running
    running.close()


@FEW
@given(recordings())
def test_damo_reads_every_region_as_it_was_written(
    oracle: Oracle, tmp_path: Path, recorded: Recording
) -> None:
    file = tmp_path / "ours"
    file.write_bytes(write(recorded))

    (found,) = oracle("read_record", file=str(file))

    intervals = recorded.intervals
    assert found["intervals_us"] == [intervals.sampling_us, intervals.aggregation_us]
    assert [one[1:] for one in found["snapshots"]] == [
        [one.end_us * 1000, [list(region) for region in one.regions]] for one in recorded.snapshots
    ]
    starts = [one[0] for one in found["snapshots"]]
    assert starts[1:] == [one.end_us * 1000 for one in recorded.snapshots[:-1]]


@FEW
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10**6)), min_size=1, max_size=4),
        min_size=2,
        max_size=5,
    ),
    st.booleans(),
)
def test_what_damo_makes_of_a_trace_is_read(
    oracle: Oracle, tmp_path: Path, counts: list[list[tuple[int, int]]], has_ages: bool
) -> None:
    file = tmp_path / "theirs"
    lines, expected = [], []
    for number, one in enumerate(counts, start=1):
        regions = [
            RecordedRegion(1 << 46 | index << 20, (1 << 46) + (index + 1 << 20), accesses, age)
            for index, (accesses, age) in enumerate(one)
        ]
        lines += [
            f"kdamond.0 77 [000] {100 + number / 10:.6f}: damon:damon_aggregated: target_id=0 "
            f"nr_regions={len(one)} {start}-{end}: {accesses}" + (f" {age}" if has_ages else "")
            for start, end, accesses, age in regions
        ]
        expected.append(
            Snapshot(
                end_us=number * 100_000,
                regions=tuple(r if has_ages else r._replace(age=None) for r in regions),
            )
        )

    oracle("write_record", trace="\n".join(lines), file=str(file), interval_us=100_000)

    found = load(file)
    assert found.snapshots == tuple(expected)
    assert found.intervals == Intervals()


def test_the_command_damo_validates_and_reports_our_file(tmp_path: Path) -> None:
    ends = range(100_000, 4_100_000, 100_000)
    snapshots = [snapshot(end, (16, 24, 20), (24, 32, 0), (32, 33, 1)) for end in ends]
    file = tmp_path / "damon.data"
    save(recording(snapshots=tuple(snapshots), duration_us=ends[-1]), file)

    assert _damo("validate", "--input", file, home=tmp_path) == ""
    sizes = _damo("report", "wss", "--input", file, home=tmp_path)

    # Eight pages and one, in each aggregation: their mean and five percentiles.
    assert sizes.count("36.000 KiB") == 6


def _damo(*words: object, home: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*ISOLATED, "damo", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(home), "PATH": path},
    )
    if "unshare" in done.stderr:
        pytest.skip(f"NOT TESTED: damo's command line needs an empty /sys ({done.stderr.strip()})")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
