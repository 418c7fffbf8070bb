from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.regions import three_ranges
from autotune.backends.simulator.memory.pages import ABSENT, RESIDENT, Memory
from autotune.backends.simulator.workload.layout import Layout, lay_out, size_bytes
from autotune.damon import kernel_rules
from autotune.damon.kernel_rules import PAGE_BYTES as PAGE
from autotune.damon.monitoring import OperationsSet
from autotune.errors import InputError
from autotune.experiment.pattern import TABLE_BYTES, Access, Pattern, PatternRegion, Phase
from tests.backends.simulator.scene import COMPRESSED, MACHINE, at, memory_of

TABLE_PAGES = -(-TABLE_BYTES // PAGE)


def pattern_of(*sizes: int, data_file: str | None = None) -> Pattern:
    regions = tuple(
        PatternRegion(name=f"r{number}", size_bytes=size, data_file=data_file)
        for number, size in enumerate(sizes)
    )
    access = Access(region=0, random=False, stride_bytes=PAGE, weight=1)
    return Pattern(regions=regions, phases=(Phase(name="p", duration_us=1, accesses=(access,)),))


def layout_of(*sizes: int, operations: OperationsSet = OperationsSet.VADDR) -> Layout:
    return lay_out(pattern_of(*sizes), MACHINE, operations)


def ranges_of(memory: Memory) -> list[tuple[int, int]] | None:
    ranges = np.zeros((3, 2), dtype=np.int64)
    return [(int(a), int(b)) for a, b in ranges] if three_ranges(memory, ranges) else None


def ends(memory: Memory) -> list[int]:
    return [int(area.start + area.pages * PAGE) for area in memory.areas]


def test_later_regions_lie_below_earlier_ones_without_a_gap() -> None:
    layout = layout_of(10 * PAGE, 20 * PAGE)

    first, second = (layout.memory.areas[area] for area in layout.region_area)

    assert second.start + second.pages * PAGE == first.start
    assert (first.pages, second.pages) == (11, 21)  # malloc keeps 16 bytes of its own


def test_what_was_written_once_is_resident_and_program_and_stack_are_absent() -> None:
    memory = layout_of(10 * PAGE).memory

    states = [int(memory.state[area.first]) for area in memory.areas]

    assert states == [ABSENT, RESIDENT, RESIDENT, ABSENT]
    assert memory.counters[0].resident == TABLE_PAGES + 11


def test_in_physical_addresses_all_lies_in_a_row_at_the_upper_end() -> None:
    layout = layout_of(10 * PAGE, 20 * PAGE, operations=OperationsSet.PADDR)

    areas = layout.memory.areas
    assert ends(layout.memory)[-1] == MACHINE.memory_bytes
    assert ends(layout.memory)[:-1] == areas.start[1:].tolist()
    assert areas.pages.tolist() == [TABLE_PAGES, 21, 11]
    assert (layout.table_area, layout.region_area) == (0, (2, 1))


def test_the_ranges_of_a_pattern_leave_out_the_two_largest_gaps() -> None:
    memory = layout_of(10 * PAGE, 20 * PAGE).memory
    start, end = memory.areas.start.tolist(), ends(memory)

    assert ranges_of(memory) == [(start[0], end[1]), (start[2], end[3]), (start[4], end[4])]


def test_only_the_two_largest_gaps_are_left_out() -> None:
    memory = memory_of((0, 1), (3, 4), (14, 15), (20, 21), (100, 101), (101, 102))

    assert ranges_of(memory) == [(at(0), at(4)), (at(14), at(21)), (at(100), at(102))]


def test_of_equal_gaps_the_first_two_count() -> None:
    memory = memory_of((0, 1), (2, 3), (4, 5), (6, 7))

    assert ranges_of(memory) == [(at(0), at(1)), (at(2), at(3)), (at(4), at(7))]


@pytest.mark.parametrize("spans", [((0, 5),), ((0, 5), (5, 9)), ((0, 5), (7, 9))])
def test_with_fewer_than_two_gaps_there_is_nothing_to_watch(
    spans: tuple[tuple[int, int], ...],
) -> None:
    assert ranges_of(memory_of(*spans)) is None


def test_what_is_not_mapped_is_a_gap() -> None:
    memory = memory_of((0, 1), (1, 50), (50, 51), (60, 61), mapped=[True, False, True, True])

    assert ranges_of(memory) == [(at(0), at(1)), (at(50), at(51)), (at(60), at(61))]


@given(st.lists(st.integers(0, 300), min_size=2, max_size=16, unique=True), st.data())
def test_ranges_are_those_of_the_plain_rule(bounds: list[int], data: st.DataObject) -> None:
    bounds = sorted(bounds)[: len(bounds) // 2 * 2]
    spans = list(zip(bounds[::2], bounds[1::2], strict=True))
    mapped = data.draw(st.lists(st.booleans(), min_size=len(spans), max_size=len(spans)))

    found = ranges_of(memory_of(*spans, mapped=mapped))

    there = [
        (at(low), at(high))
        for (low, high), is_there in zip(spans, mapped, strict=True)
        if is_there
    ]
    expected = kernel_rules.three_ranges(there)
    assert found == (None if expected is None else [*expected])


def test_the_size_of_a_pattern_is_that_of_its_regions_and_its_table() -> None:
    assert size_bytes(pattern_of(10, 20)) == TABLE_BYTES + 30


@pytest.mark.parametrize(
    ("content", "low", "high"),
    [
        (b"\0" * 40_000, 0.0, 0.02),
        (np.random.default_rng(0).bytes(40_000), 1.0, 1.0),
        (np.random.default_rng(0).bytes(20_000) + b"\0" * 20_000, 0.45, 0.6),
    ],
    ids=["zeros", "noise", "half"],
)
def test_what_a_data_file_holds_says_how_far_pages_are_compressed(
    tmp_path: Path, content: bytes, low: float, high: float
) -> None:
    (tmp_path / "data").write_bytes(content)
    pattern = pattern_of(10 * PAGE, data_file=str(tmp_path / "data"))

    layout = lay_out(pattern, MACHINE, OperationsSet.VADDR)

    assert low <= layout.memory.areas[layout.region_area[0]].compressed <= high


def test_a_data_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    pattern = pattern_of(10 * PAGE, data_file=str(tmp_path / "none"))

    with pytest.raises(InputError, match=r"none: can't be read: No such file .*: check the path"):
        lay_out(pattern, MACHINE, OperationsSet.VADDR)


def test_the_table_is_not_compressible_and_what_nobody_wrote_to_is_as_the_machine_says() -> None:
    layout = layout_of(10 * PAGE)

    compressed = layout.memory.areas.compressed.tolist()

    assert compressed[layout.table_area] == 1.0
    assert compressed[layout.region_area[0]] == COMPRESSED
