from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune.damon.damos import SchemeStats, Watermarks
from autotune.damon.monitoring import Monitoring
from autotune.damon.recording import RecordedRegion
from autotune.experiment.experiment import Experiment
from autotune.runner.circumstances import Circumstances
from autotune.runner.procfs import Procfs
from autotune.runner.snapshots import Seen
from autotune.testing import pattern, prcl

MIB = 1 << 20
STATUS = (
    "Name:\ta\nVmLck:\t    2048 kB\nRssAnon:\t 9000 kB\nRssFile:\t 1024 kB\nRssShmem:\t 512 kB\n"
)


class Machine:
    def __init__(self, folder: Path) -> None:
        self.procfs, self.sysfs = folder / "proc", folder / "sys"
        for pid in (7, 8):
            (self.procfs / str(pid)).mkdir(parents=True)
            (self.procfs / f"{pid}/status").write_text(STATUS)
        self.set(free=600, swap_free=100)

    def set(self, *, free: int, swap_free: int, swap: int = 100) -> None:
        """Sizes in MiB, of a machine with 1000 MiB."""
        rows = {"MemTotal": 1000, "MemFree": free, "SwapTotal": swap, "SwapFree": swap_free}
        text = "".join(f"{name}:  {size << 10} kB\n" for name, size in rows.items())
        (self.procfs / "meminfo").write_text(text)

    def circumstances(self, experiment: Experiment) -> Circumstances:
        return Circumstances(experiment, Procfs(self.procfs), self.sysfs)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


GATED = replace(prcl(), watermarks=Watermarks(interval_us=0, high=0.5, mid=0.4, low=0.2))
MONITORED = Experiment(
    workload=pattern(), monitoring=Monitoring(), schemes=(prcl(), GATED), start_after_us=500_000
)


def test_free_memory_swap_and_memory_that_stays_are_those_of_the_kernels_files(
    machine: Machine,
) -> None:
    seen = machine.circumstances(MONITORED)
    stats = (SchemeStats(tried_regions=3), SchemeStats())
    seen.look(0.0, (7, 8))
    machine.set(free=700, swap_free=0)
    seen.look(1.0, (7,), stats)

    found = seen.conditions(2.0, 20.4)

    assert (found.monitored_s, found.aggregations) == (2.0, 20)
    assert (found.free_low, found.free_high) == (0.6, 0.7)
    assert (found.swap_total_bytes, found.swap_full_from_s) == (100 * MIB, 1.5)
    assert (found.locked_bytes, found.shared_bytes, found.file_bytes) == (4 * MIB, MIB, 2 * MIB)
    assert [one.stats for one in found.schemes] == list(stats)
    assert [one.active_share for one in found.schemes] == [1.0, 0.0]
    assert [one.matched for one in found.schemes] == [True, None]
    assert found.free_period_s == 1.0
    assert found.oldest_age_us is found.highest_access_rate is found.looked_at is None


def test_what_the_machine_does_not_say_is_not_known(machine: Machine) -> None:
    (machine.procfs / "meminfo").unlink()
    seen = machine.circumstances(MONITORED)
    seen.look(0.0, ())

    found = seen.conditions(1.0, 0)

    assert found.free_low is found.swap_total_bytes is found.swap_full_from_s is None


def test_effective_quotas_are_asked_for_ever_less_often(machine: Machine) -> None:
    limited = machine.circumstances(replace(MONITORED, schemes=(prcl(size_bytes=MIB),)))
    free = machine.circumstances(MONITORED)
    asked = []
    for look in range(1, 10):
        for seen in (limited, free):
            seen.look(float(look), ())
        assert not free.asks_for_quotas
        if limited.asks_for_quotas:
            asked.append(look)
            limited.note_quotas((0,) if look == 1 else (look * MIB,))

    [found] = limited.conditions(10.0, 100).schemes

    assert asked == [1, 2, 4, 8]
    assert (found.quota_low_bytes, found.quota_high_bytes) == (2 * MIB, 8 * MIB)
    assert (found.quota_windows, found.full_windows) == (10, 0)


@pytest.mark.parametrize(
    ("text", "expected"), [("always [madvise] never\n", "madvise"), (None, "never")]
)
def test_a_kernel_without_huge_pages_never_uses_them(
    machine: Machine, text: str | None, expected: str
) -> None:
    if text is not None:
        file = machine.sysfs / "kernel/mm/transparent_hugepage/enabled"
        file.parent.mkdir(parents=True)
        file.write_text(text)

    assert machine.circumstances(MONITORED).conditions(1.0, 0).huge_pages == expected


COLD, WARM = RecordedRegion(0, 4 * MIB, 0, 40), RecordedRegion(4 * MIB, 5 * MIB, 5, 70)


def test_regions_that_were_looked_at_say_what_schemes_could_have_matched(machine: Machine) -> None:
    schemes = (
        prcl(min_age_us=5_000_000),
        prcl(min_age_us=4_000_000, size_bytes=MIB),
        prcl(min_age_us=0),
    )
    seen = machine.circumstances(replace(MONITORED, schemes=schemes))
    after = RecordedRegion(0, 5 * MIB, 0, 41)

    found = seen.conditions(9.0, 90, seen=Seen(3, [COLD, WARM, after], [COLD, WARM]))

    assert found.looked_at == 3
    assert found.oldest_age_us == 7_000_000
    assert (found.highest_access_rate, found.mean_access_rate) == (0.25, 0.25)
    assert found.largest_region_bytes == 5 * MIB
    assert [one.oldest_age_us for one in found.schemes] == [4_100_000] * 3
    assert [one.matched for one in found.schemes] == [False, True, True]


def test_whether_a_scheme_matched_is_not_known_where_something_else_held_it_back(
    machine: Machine,
) -> None:
    limited = prcl(min_age_us=60_000_000, size_bytes=MIB)
    free = prcl(min_age_us=60_000_000)
    seldom = replace(free, apply_interval_us=60_000_000)
    seen = machine.circumstances(replace(MONITORED, schemes=(limited, free, seldom)))

    found = seen.conditions(9.0, 90, seen=Seen(1, [COLD], [COLD]))

    assert [one.matched for one in found.schemes] == [None, False, None]
    assert seen.conditions(9.0, 0).schemes[1].matched is None


def test_no_access_in_all_aggregations_is_known_without_a_look_at_regions(
    machine: Machine,
) -> None:
    seen = machine.circumstances(MONITORED)

    assert seen.conditions(9.0, 90, accessed=False).highest_access_rate == 0.0
    assert seen.conditions(9.0, 0, accessed=False).highest_access_rate is None
    assert seen.conditions(9.0, 90, seen=Seen(1, [COLD], [COLD])).highest_access_rate is None, (
        "what was accessed was accessed at another time"
    )
