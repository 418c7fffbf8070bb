"""Recordings of the real kernel, checked against what the pattern does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from autotune.backends.vm.vm import Vm
from autotune.damon.monitoring import Monitoring
from autotune.damon.recording import MappedArea, Recording, Snapshot
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import TABLE_BYTES
from autotune.experiment.program import Program, Ready
from autotune.runner.raw_recording import RawRecording
from tests.backends.vm.workloads import SMALL, STAIRS, STAIRS_MONITORED, STEP_BYTES, STEPS
from tests.runner.test_raw_recording import raw
from tests.runner.test_trace_pages import LOW, entry, event, page

pytestmark = pytest.mark.vm

TOTAL = STEPS * STEP_BYTES
PAGE = 4096


@pytest.fixture(scope="module")
def recorded(micro_vm: Vm) -> Recording:
    return micro_vm.record(STAIRS_MONITORED, seed=1)


@pytest.fixture(scope="module")
def steps(recorded: Recording) -> MappedArea:
    """The area of the pattern's regions: each is mapped beside the one before."""
    return next(area for area in recorded.areas if area.end - area.start >= TOTAL)


def at(recorded: Recording, time_us: int) -> Snapshot:
    return next(one for one in recorded.snapshots if one.end_us >= time_us)


def test_it_lasts_as_long_as_the_pattern(recorded: Recording) -> None:
    assert recorded.duration_us == pytest.approx(sum(_durations_us()), rel=0.02)
    assert recorded.work_done is not None
    assert 0 < (recorded.cpu_us or 0) <= recorded.duration_us


def _durations_us() -> list[int]:
    workload = STAIRS.workload
    return [phase.duration_us for phase in getattr(workload, "phases", ())]


def test_every_aggregation_has_its_snapshot(recorded: Recording) -> None:
    ends = [0, *(one.end_us for one in recorded.snapshots)]
    intervals = [end - begin for begin, end in pairwise(ends[1:])]

    # No tick is shorter than it should be, and this slow CPU needs some time beside.
    assert min(intervals) >= recorded.intervals.aggregation_us
    assert max(intervals) < 2 * recorded.intervals.aggregation_us
    assert recorded.duration_us - ends[-1] < 2 * recorded.intervals.aggregation_us


def test_every_page_of_the_pattern_is_resident_from_the_beginning(
    recorded: Recording, steps: MappedArea
) -> None:
    resident = sum(high - low for low, high in steps.resident)

    assert steps.from_us == 0
    assert steps.until_us == recorded.duration_us
    assert TOTAL <= resident <= TOTAL + 64 * PAGE


def test_each_step_is_hot_when_it_is_the_only_one(recorded: Recording, steps: MappedArea) -> None:
    hot_places = []
    for step in range(STEPS):
        one = at(recorded, (step + 1) * 1_000_000 + 900_000)
        hot = [r for r in one.regions if r.accesses > 10 and steps.start <= r.start < steps.end]

        assert sum(r.end - r.start for r in hot) == pytest.approx(STEP_BYTES, rel=0.25)
        middle = sum((r.start + r.end) / 2 * (r.end - r.start) for r in hot)
        hot_places.append(middle / sum(r.end - r.start for r in hot))

    gaps = [after - before for before, after in pairwise(hot_places)]
    assert all(abs(gap) == pytest.approx(STEP_BYTES, rel=0.25) for gap in gaps)


def test_what_stays_idle_grows_old(recorded: Recording, steps: MappedArea) -> None:
    oldest = max(
        region.age or 0
        for region in recorded.snapshots[-1].regions
        if steps.start <= region.start < steps.end
    )

    assert 15 <= oldest <= len(recorded.snapshots)


def test_its_memory_is_seen_to_compress_well_but_for_the_random_numbers(
    recorded: Recording,
) -> None:
    fraction = recorded.compressed_fraction

    assert fraction is not None
    # The random numbers are stored as they are, and idle all the time; the pages of the pattern are
    # almost empty, and a step is idle for three of five seconds.
    assert fraction > TABLE_BYTES / (TABLE_BYTES + TOTAL)
    assert fraction == pytest.approx(TABLE_BYTES / (TABLE_BYTES + 0.6 * TOTAL), abs=0.07)


def test_on_one_cpu_monitoring_holds_a_pattern_up(recorded: Recording) -> None:
    busy_us = (recorded.cpu_us or 0) + recorded.held_up_us

    assert recorded.held_up_us > 0.05 * recorded.duration_us
    assert busy_us == pytest.approx(recorded.duration_us, rel=0.02)


def test_a_program_that_ends_by_itself_is_paged_out_in_another_fork(vm_cache: Path) -> None:
    keeps = "for (n = 0; n < 60000; n++) kept[n] = n * 2654435761 % 4294967296"
    works = "for (n = 0; n < 4000000; n++) sum += n"
    program = Program(
        command=("awk", f'BEGIN {{ {keeps}; print "up"; fflush(); {works} }}'),
        ready=Ready(line="^up$"),
    )
    said: list[str] = []
    vm = Vm(SMALL, vm_cache, said.append)

    recorded = vm.record(Experiment(workload=program, monitoring=Monitoring()), seed=1)
    vm.stop()

    assert said[1:] == [
        "running it once more, to see how well its memory compresses",
        "running it without DAMON, to see how long monitoring held it up",
    ]
    # It never waits for anything but the CPU.
    busy_us = (recorded.cpu_us or 0) + recorded.held_up_us
    assert recorded.held_up_us > 0
    assert busy_us == pytest.approx(recorded.duration_us, rel=0.05)
    assert recorded.compressed_fraction is not None
    assert 0.1 < recorded.compressed_fraction < 0.9


class Once(Vm):
    """A machine that records once, a program that has ended then."""

    def _record(
        self, experiment: Experiment, seed: int, *, paged_out_at_us: int | None = None
    ) -> RawRecording:
        del experiment, seed
        if paged_out_at_us is not None:
            raise TrialError("it did not end: wait")
        return raw(page(1_000_000, entry(0, event(1, LOW))), paged_out=())


def test_where_the_second_run_fails_the_recording_is_kept(vm_cache: Path) -> None:
    said: list[str] = []

    recorded = Once(SMALL, vm_cache, said.append).record(STAIRS_MONITORED, seed=1)

    assert recorded.compressed_fraction is None
    assert said[-1] == "how well it compresses is not known: it did not end: wait"


def test_equal_seeds_give_equal_recordings(micro_vm: Vm, recorded: Recording) -> None:
    with ThreadPoolExecutor(2) as pool:
        again, other = pool.map(lambda seed: micro_vm.record(STAIRS_MONITORED, seed=seed), (1, 2))

    assert again == recorded
    assert other.snapshots != recorded.snapshots


def test_a_baseline_is_not_recorded(micro_vm: Vm) -> None:
    with pytest.raises(ValueError, match=r"^what is recorded is monitored"):
        micro_vm.record(STAIRS, seed=1)


def test_a_recording_that_takes_too_long_fails(micro_vm: Vm) -> None:
    with pytest.raises(TrialError, match=r"not at its end after 2s: .*raise workload.timeout"):
        micro_vm.record(replace(STAIRS_MONITORED, timeout_us=2_000_000), seed=1)
