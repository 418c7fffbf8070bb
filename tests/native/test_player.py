from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.workload.layout import lay_out
from autotune.damon.monitoring import OperationsSet
from autotune.experiment.pattern import BATCH_ACCESSES, TABLE_BYTES, AccessMode
from autotune.native.player_text import accesses_done, player_input
from tests.native.playing import (
    PAGE,
    Player,
    access,
    drawn,
    mapped_bytes,
    pattern,
    random_numbers,
    region,
    some_batches,
    swept,
)

MIB = 2**20
FILLER = 7
"""A byte that no access writes."""


@pytest.fixture
def filler(tmp_path: Path) -> Path:
    path = tmp_path / "filler of sevens"
    path.write_bytes(bytes([FILLER]))
    return path


def run(player: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [player], input=text, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("sizes", [(1,), (4080, 4081, 8192), (3 * MIB + 5, 100_000)])
def test_every_page_is_resident_when_the_player_is_ready(
    player: Path, sizes: tuple[int, ...]
) -> None:
    regions = [region(size, name=str(index)) for index, size in enumerate(sizes)]

    with Player(player, pattern(regions)) as ready:
        area = ready.regions_area()

    own = area.end - area.start - sum(map(mapped_bytes, regions))
    assert own == PAGE
    assert area.counters["Rss"] + area.counters.get("Swap", 0) == area.end - area.start


def test_the_table_is_resident_and_lies_low(player: Path) -> None:
    with Player(player, pattern([region(1)])) as ready:
        areas = ready.areas()

    (table,) = (area for area in areas if area.end - area.start >= TABLE_BYTES)
    assert table.end < 1 << 40
    assert table.counters["Rss"] + table.counters.get("Swap", 0) >= TABLE_BYTES
    assert table.end - table.start < TABLE_BYTES + 64 * 1024


def test_regions_lie_as_the_simulator_lays_them_out(player: Path, tmp_path: Path) -> None:
    sizes = (5000, 4080, 70_000)
    regions = []
    for index, size in enumerate(sizes):
        (tmp_path / str(index)).write_bytes(os.urandom(size))
        regions.append(region(size, tmp_path / str(index), str(index)))
    played = pattern(regions)
    machine = load_machine(catalog.find("server", "machines", Path()))
    layout = lay_out(played, machine, OperationsSet.VADDR)
    starts = layout.memory.areas.start[np.array(layout.region_area)]

    with Player(player, played) as ready:
        area = ready.regions_area()
        memory = Path(f"/proc/{ready.pid}/mem").open("rb")  # noqa: SIM115 - closed below
        with memory:
            memory.seek(area.start)
            everything = memory.read(area.end - area.start)

    lowest = int(starts.min())
    for item, start in zip(regions, starts.tolist(), strict=True):
        at = start - lowest + 16
        assert everything[at : at + item.size_bytes] == Path(str(item.data_file)).read_bytes()


def test_a_data_file_is_repeated_until_the_region_is_full(player: Path, tmp_path: Path) -> None:
    content = os.urandom(3000)
    (tmp_path / "data").write_bytes(content)

    with Player(player, pattern([region(10_001, tmp_path / "data")])) as ready:
        found = ready.content(0)

    assert found == (content * 4)[:10_001]


def test_a_page_without_data_is_almost_empty_and_not_all_alike(player: Path) -> None:
    with Player(player, pattern([region(2 * PAGE)])) as ready:
        found = ready.content(0)

    assert [len(found) - found.count(0)] == [2]


@pytest.mark.parametrize("mode", [AccessMode.WRITE, AccessMode.READ_WRITE])
@pytest.mark.parametrize(
    ("size_bytes", "stride_bytes"),
    [
        (MIB, 1),
        (MIB, 64),
        (MIB, PAGE),
        (50_000, 1),
        (5000, 4999),
        (5000, 5000),
        (5000, 9000),
        (1, 1),
    ],
)
def test_a_sweep_writes_each_stride_and_turns_back_at_the_end(
    player: Path, filler: Path, mode: AccessMode, size_bytes: int, stride_bytes: int
) -> None:
    sweep = access(stride_bytes=stride_bytes, mode=mode)

    with Player(player, pattern([region(size_bytes, filler)], (0, (sweep,)))) as ready:
        (played,) = ready.play(seed=1, phases=1)
        written = ready.written(0)

    assert played.batches == 1
    assert written == swept(size_bytes, stride_bytes, BATCH_ACCESSES)


def test_a_sweep_goes_on_where_its_last_batch_ended(player: Path, filler: Path) -> None:
    size_bytes = 64 * MIB

    with some_batches(
        player,
        [region(size_bytes, filler)],
        (access(),),
        seed=1,
        most=size_bytes // BATCH_ACCESSES - 1,
    ) as (ready, batches):
        content = ready.content(0)

    accesses = batches * BATCH_ACCESSES
    behind = size_bytes - accesses - 1
    assert content == b"\x07" + accesses * b"\x01" + behind * b"\x07"


def test_a_sweep_begins_again_in_each_phase(player: Path, filler: Path) -> None:
    phase = (0, (access(),))

    with Player(player, pattern([region(MIB, filler)], phase, phase)) as ready:
        ready.play(seed=1, phases=2)
        written = ready.written(0)

    assert written == set(range(1, BATCH_ACCESSES + 1))


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_seed_draws_batches_by_their_weights(player: Path, filler: Path, seed: int) -> None:
    weights = [2, 5, 0, 1]
    size_bytes = 24 * MIB
    regions = [region(size_bytes, filler, str(index)) for index in range(4)]
    accesses = tuple(access(index, weight=weight) for index, weight in enumerate(weights))

    with some_batches(player, regions, accesses, seed=seed, most=size_bytes // BATCH_ACCESSES) as (
        ready,
        batches,
    ):
        written = [ready.content(index).count(1) for index in range(4)]

    assert [count / BATCH_ACCESSES for count in written] == drawn(seed, weights, batches)


def test_two_accesses_to_one_region_have_an_offset_each(player: Path, filler: Path) -> None:
    accesses = (access(stride_bytes=2), access(stride_bytes=2))
    size_bytes = 64 * MIB

    with some_batches(
        player,
        [region(size_bytes, filler)],
        accesses,
        seed=5,
        most=size_bytes // 2 // BATCH_ACCESSES,
    ) as (ready, batches):
        written = ready.content(0).count(1)

    assert written == max(drawn(5, [1, 1], batches)) * BATCH_ACCESSES


def test_random_accesses_walk_through_the_table(player: Path, filler: Path) -> None:
    size_bytes = 3 * MIB + 1
    regions = [region(size_bytes, filler, name) for name in "ab"]
    phases = [(0, (access(index, random=True),)) for index in (0, 1)]
    numbers = list(islice(random_numbers(0), 2 * BATCH_ACCESSES))

    with Player(player, pattern(regions, *phases)) as ready:
        ready.play(seed=9, phases=2)
        written = [ready.written(0), ready.written(1)]

    assert written[0] == {number % size_bytes for number in numbers[:BATCH_ACCESSES]}
    assert written[1] == {number % size_bytes for number in numbers[BATCH_ACCESSES:]}


def test_the_table_is_used_again_from_its_start(player: Path, filler: Path) -> None:
    size_bytes = 40 * MIB
    phases = [(0, (access(random=True),))] * 16
    numbers = islice(random_numbers(0), TABLE_BYTES // 8)

    with Player(player, pattern([region(size_bytes, filler)], *phases)) as ready:
        ready.play(seed=9, phases=16)
        written = ready.written(0)

    assert written == {number % size_bytes for number in numbers}


@pytest.mark.parametrize("random", [False, True])
def test_reading_changes_nothing(player: Path, filler: Path, random: bool) -> None:
    read = access(random=random, mode=AccessMode.READ)

    with Player(player, pattern([region(MIB, filler)], (20_000, (read,)))) as ready:
        ready.play(seed=1, phases=1)
        content = ready.content(0)

    assert content == bytes([FILLER]) * MIB


@pytest.mark.parametrize(
    ("mode", "random"),
    [(mode, random) for mode in AccessMode for random in (False, True)],
)
def test_the_kernel_sees_each_kind_of_access(player: Path, mode: AccessMode, random: bool) -> None:
    # More pages than a TLB holds: an entry there hides an access from the kernel.
    regions = [region(64 * MIB)]
    sweep = access(stride_bytes=PAGE, random=random, mode=mode)

    with Player(player, pattern(regions, (100_000, (sweep,)))) as ready:
        Path(f"/proc/{ready.pid}/clear_refs").write_text("1")
        before = ready.regions_area().counters["Referenced"]
        ready.play(seed=1, phases=1)
        after = ready.regions_area().counters["Referenced"]

    assert before < 0.1 * regions[0].size_bytes
    assert after > 0.9 * regions[0].size_bytes


def test_without_weights_time_passes_and_nothing_is_accessed(player: Path, filler: Path) -> None:
    idle = (30_000, (access(weight=0), access(weight=0, random=True)))

    with Player(player, pattern([region(MIB, filler)], idle)) as ready:
        (played,) = ready.play(seed=1, phases=1)
        content = ready.content(0)

    assert played.accesses == 0
    assert played.elapsed_us >= 30_000
    assert content == bytes([FILLER]) * MIB


def test_a_phase_ends_at_the_first_look_at_the_clock_after_its_time(player: Path) -> None:
    text = player_input(pattern([region(MIB)], (20_000, (access(),)), stay=False))

    finished = run(player, f"{text}go 1\n")

    ready, phase, done = finished.stdout.splitlines()
    _, index, accesses, elapsed_us = phase.split()
    assert (ready, index, done, finished.returncode) == ("ready", "0", "done", 0)
    assert int(elapsed_us) >= 20_000
    assert int(accesses) % BATCH_ACCESSES == 0
    assert accesses_done(finished.stdout) == int(accesses)


def test_without_go_the_player_ends_quietly(player: Path) -> None:
    finished = run(player, player_input(pattern([region(1)])))

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "ready\n", "")


GOOD = "pattern 1 1 1\nregion 8192 -\nphase 5 1\naccess 0 0 1 1 wo\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: input ends too early"),
        ("regions 1\n", "line 1: 'pattern' expected"),
        ("pattern 1 1 1 1\n", "line 1: more than expected"),
        ("pattern 0 1 1\n", "line 1: a pattern has a region, a phase and an access"),
        ("pattern 1 1 1", "line 1: too long, or without its end"),
        (f"pattern {'1' * 9000}\n", "line 1: too long, or without its end"),
        ("pattern 1 1 1048577\n", "line 1: number too large"),
        ("pattern 1 1 -1\n", "line 1: number expected"),
        ("pattern 1 1 1\n", "line 2: input ends too early"),
        ("pattern 1 1 1\nregion 0 -\n", "line 2: a region has 1 byte or more"),
        ("pattern 1 1 1\nregion 4k -\n", "line 2: number expected"),
        ("pattern 1 1 1\nregion 5\n", "line 2: file expected"),
        ("pattern 1 1 1\nregion 9223372036854775808 -\n", "line 2: number too large"),
        ("pattern 1 1 1\nregion 5 -\nphase 1 2\n", "line 3: number too large"),
        (GOOD.replace("access 0", "access 1"), "line 4: no such region"),
        (GOOD.replace("0 0 1 1", "0 0 0 1"), "line 4: a stride is 1 byte or more"),
        (GOOD.replace("wo", "w"), "line 4: ro, wo or rw expected"),
        (GOOD.replace("0 0 1 1", "0 2 1 1"), "line 4: number too large"),
        (GOOD.replace("pattern 1 1 1", "pattern 1 1 2"), "line 4: fewer accesses than announced"),
        (f"{GOOD}stop\n", "line 5: 'go' expected"),
        (f"{GOOD}go\n", "line 5: number expected"),
        (f"{GOOD}go 18446744073709551616\n", "line 5: number too large"),
        (f"{GOOD}go 1 2\n", "line 5: more than expected"),
    ],
)
def test_malformed_input_is_refused_with_its_line(player: Path, text: str, message: str) -> None:
    finished = run(player, text)

    assert (finished.returncode, finished.stderr) == (2, f"player: {message}\n")
    assert "done" not in finished.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "can't be read: No such file or directory"),
        (".", "can't be read: Is a directory"),
        ("empty", "is empty: nothing to fill a region with"),
    ],
)
def test_a_data_file_that_can_not_fill_a_region_is_named(
    player: Path, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "empty").touch()
    path = f"{tmp_path}/{name}"

    finished = run(player, GOOD.replace("-", path))

    assert (finished.returncode, finished.stderr) == (3, f"player: {path}: {message}\n")


def test_more_memory_than_addresses_is_refused(player: Path) -> None:
    finished = run(player, GOOD.replace("8192", str(2**60)))

    assert finished.returncode == 4
    assert finished.stderr.startswith("player: can't map ")
    assert finished.stderr.endswith(" bytes: Cannot allocate memory\n")


@pytest.mark.parametrize("name", ["player", "ports", "frozen_clock"])
def test_the_sources_compile_without_a_warning(
    compiled: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    compiled(name)
    source = Path(__file__).parents[2] / "autotune" / "native" / f"{name}.c"

    finished = subprocess.run(
        [
            *("cc", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-c", "-fPIC"),
            *("-o", tmp_path / "made.o", source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (finished.returncode, finished.stderr) == (0, "")
