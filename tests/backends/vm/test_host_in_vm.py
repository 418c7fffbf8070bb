"""The host backend on a real kernel, in a machine that is made for it.

The machine is booted once and goes through all scenarios of tests/backends/host_in_guest; each test
looks at the facts of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import find_kernel
from autotune.damon.monitoring import Monitoring
from autotune.driver.journal import JOURNAL
from autotune.driver.tree import KDAMONDS
from tests.backends.host_in_guest.booting import run_scenarios
from tests.backends.host_in_guest.facts import Facts
from tests.backends.host_in_guest.scenarios import SCENARIOS, SWAP_BYTES, USER
from tests.backends.host_in_guest.traces import HUGE_PAGES

pytestmark = pytest.mark.vm

MIB = 1 << 20
ROOT = Path("/sys") / KDAMONDS
REMEDY = (
    ": let it end, or write 'off', '0' or 'N' to these files if it is not needed; nothing was "
    "changed"
)
RESTORE = "autotune doctor --restore"
ZRAM = "/sys/block/zram0"


@pytest.fixture(scope="module")
def told(vm_cache: Path) -> Callable[[str], Facts]:
    """Gives the facts of a scenario."""
    kernel = find_kernel(VmSettings(), vm_cache)
    facts, console = run_scenarios(kernel, vm_cache / "images")

    def give(name: str) -> Facts:
        assert facts.get(name, {}).keys() - {"processes"}, f"nothing of {name}:\n{console[-3000:]}"
        return facts[name]

    return give


@pytest.mark.parametrize("name", [scenario.__name__ for scenario in SCENARIOS])
def test_all_is_as_before(told: Callable[[str], Facts], name: str) -> None:
    facts = told(name)

    assert facts["changed"] == {}
    assert facts["processes"] == []
    assert not facts.get("journal")


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("foreign_kdamond_on", f"kdamond 0 runs as thread {{thread}} ({ROOT}/0/state)"),
        ("foreign_kdamond_off", f"kdamond 0 is set up, but off ({ROOT}/nr_kdamonds)"),
        (
            "lru_sort_on",
            "DAMON_LRU_SORT is on (/sys/module/damon_lru_sort/parameters/enabled)",
        ),
    ],
)
def test_who_uses_damon_already_is_named_and_left_alone(
    told: Callable[[str], Facts], name: str, user: str
) -> None:
    facts = told(name)

    message = f"DAMON is in use: {user.format_map(facts)}{REMEDY}"
    refused = ["BackendUnavailableError", message]
    assert facts["refused"] == {"check": refused, "run": refused}
    assert facts["put_back"] == []
    # What was compared holds the other's settings: every file below the tree.
    assert any(file.startswith(str(ROOT)) for file in facts["files"])
    assert (f"{ROOT}/0/state" in facts["files"]) == name.startswith("foreign_kdamond")


def test_a_foreign_kdamond_goes_on(told: Callable[[str], Facts]) -> None:
    facts = told("foreign_kdamond_on")

    assert facts["worked_ns"] > 0
    assert facts["files"][f"{ROOT}/0/state"] == "on\n"
    assert facts["files"][f"{ROOT}/0/contexts/0/schemes/1/access_pattern/age/max"] == "77\n"


def test_a_module_of_damons_goes_on(told: Callable[[str], Facts]) -> None:
    assert told("lru_sort_on")["enabled"] == "Y"


@pytest.mark.parametrize("name", ["baseline", "pageout", "two_processes"])
def test_what_is_set_holds_while_it_measures(told: Callable[[str], Facts], name: str) -> None:
    facts = told(name)

    assert facts["before"][str(HUGE_PAGES)] == "always [madvise] never\n"
    assert facts["before"][f"{ZRAM}/disksize"] == "0\n"
    assert facts["look"]["huge_pages"] == "always madvise [never]"
    assert facts["look"]["swaps"] == ["/dev/zram0"]


def test_the_workload_is_run_by_who_typed_sudo(told: Callable[[str], Facts]) -> None:
    assert told("two_processes")["look"]["users"] == [USER]


def test_swap_is_added_beside_what_is_there(told: Callable[[str], Facts]) -> None:
    facts = told("beside_other_swap")

    assert facts["look"]["swaps"] == ["/dev/zram0", "/dev/zram1"]
    assert f"{ZRAM}/disksize" in facts["before"]
    assert f"{ZRAM[:-1]}1/disksize" not in facts["before"]


def test_a_baseline_is_measured_without_damon(told: Callable[[str], Facts]) -> None:
    facts = told("baseline")

    assert facts["look"]["targets"] == []
    assert facts["kdamond_cpu"] == 0.0
    assert facts["scheme_stats"] is None
    assert facts["runtime_s"] == pytest.approx(1.0, rel=0.05)


def test_monitoring_alone_moves_nothing(told: Callable[[str], Facts]) -> None:
    facts = told("beside_other_swap")

    assert facts["swap_out_bytes"] == 0
    assert facts["kdamond_cpu"] > 0.0
    assert facts["scheme_stats"]["tried_bytes"] == 0


def test_paging_out_cold_memory_saves_memory_and_the_hot_part_stays(
    told: Callable[[str], Facts],
) -> None:
    baseline, facts = told("baseline"), told("pageout")

    assert facts["rss_min_bytes"] < baseline["rss_min_bytes"] - 20 * MIB
    assert facts["rss_min_bytes"] >= 7 * MIB
    assert facts["swap_out_bytes"] >= 20 * MIB
    assert facts["scheme_stats"]["tried_bytes"] >= 20 * MIB
    assert 0 < facts["pool_max_bytes"] < SWAP_BYTES


def test_monitoring_finds_the_working_set(told: Callable[[str], Facts]) -> None:
    assert told("pageout")["wss_mean_bytes"] == pytest.approx(8 * MIB, rel=0.5)


def test_damon_watches_every_process_of_the_workload(told: Callable[[str], Facts]) -> None:
    facts = told("two_processes")

    assert facts["look"]["targets"] == facts["look"]["workload"]
    assert len(facts["look"]["targets"]) == 2
    # Each has 16 MiB that it does not use.
    assert facts["rss_max_bytes"] - facts["rss_min_bytes"] >= 28 * MIB


def test_a_workload_that_fails_while_damon_runs_fails_its_trial(
    told: Callable[[str], Facts],
) -> None:
    kind, message = told("crash")["error"]

    assert kind == "WorkloadError"
    assert message.endswith(
        "failed with exit status 1: ready | no luck: mend the command; if it is "
        "meant to end so, list 1 under accept_exit"
    )


def test_a_kill_leaves_things_behind(told: Callable[[str], Facts]) -> None:
    left = told("killed")["left"]

    assert left[f"{ROOT}/nr_kdamonds"] == ["0\n", "1\n"]
    assert left[f"{ROOT}/0/state"] == [None, "on\n"]
    assert left[f"{ZRAM}/disksize"] == ["0\n", f"{SWAP_BYTES}\n"]
    assert left[str(HUGE_PAGES)] == ["always [madvise] never\n", "always madvise [never]\n"]
    assert left["swap /dev/zram0"][0] is None


def test_after_a_kill_it_measures_no_more_and_says_what_to_do(
    told: Callable[[str], Facts],
) -> None:
    facts = told("killed")

    assert facts["refused"] == [
        "BackendUnavailableError",
        f"{JOURNAL}: a run was killed, and what it changed is not put back: run: {RESTORE}",
    ]
    assert facts["check"][1].endswith(f"put back what it changed: run: {RESTORE}")
    assert facts["still"] == facts["left"]


def test_restoring_puts_back_what_the_killed_run_changed(told: Callable[[str], Facts]) -> None:
    facts = told("killed")

    damon, buffer, *others = facts["put_back"]
    assert damon == f"{ROOT}: DAMON is off, and nothing is set up"
    assert re.fullmatch(r"/\S+/instances/autotune-\d+: no trace buffer any more", buffer)
    assert others == [
        "/dev/zram0: no swap any more",
        f"{ZRAM}: empty, or gone, as before",
        f"{HUGE_PAGES}: 'madvise' again",
    ]
    assert facts["again"] == []


def test_after_restoring_it_measures_again(told: Callable[[str], Facts]) -> None:
    measured = told("killed")["next"]

    assert measured["kdamond_cpu"] > 0.0
    assert measured["changed"] == {}


def test_the_largest_process_of_a_workload_is_recorded(told: Callable[[str], Facts]) -> None:
    facts = told("recorded")

    assert facts["name"].startswith("python")
    assert facts["duration_us"] == pytest.approx(3_000_000, rel=0.1)
    # A tick takes somewhat longer than it should, and the first snapshot begins with DAMON.
    assert 20 <= facts["snapshots"] <= 30
    assert min(facts["regions"]) >= 3
    assert facts["cpu_us"] > 0
    mapped, resident = facts["largest"]
    assert 16 * MIB <= resident <= mapped


def test_nothing_is_paged_out_on_a_host_to_see_how_it_compresses(
    told: Callable[[str], Facts],
) -> None:
    assert told("recorded")["compressed_fraction"] is None


def test_the_buffer_of_a_killed_recording_is_taken_away_by_restoring(
    told: Callable[[str], Facts],
) -> None:
    facts = told("killed_recording")

    assert facts["left"][facts["instance"]] == [None, "1\n"]
    assert f"{facts['instance']}: no trace buffer any more" in facts["put_back"]


def test_damon_ends_with_its_target_when_that_is_reaped_and_not_before(
    told: Callable[[str], Facts],
) -> None:
    facts = told("target_ends")

    ended = [
        "KdamondEndedError",
        f"process {facts['child']}: the process to watch has ended: let the workload outlive the "
        "measurement",
    ]
    assert (facts["over_zombie"], facts["over_nothing"]) == (True, False)
    assert facts["poll"] == facts["turn_on"] == ended


def test_a_commit_that_fails_is_seen_although_the_kernel_says_that_it_did_not(
    told: Callable[[str], Facts],
) -> None:
    facts = told("failing_commit")

    assert (facts["good"], facts["bad"], facts["again"]) == (True, False, True)
    assert facts["error"] == (
        f"process {facts['gone']}: the process to watch has ended: let the workload outlive the "
        "measurement"
    )


def test_intervals_are_those_that_were_asked_for(told: Callable[[str], Facts]) -> None:
    left, intervals = told("killed")["left"], Monitoring().intervals

    folder = f"{ROOT}/0/contexts/0/monitoring_attrs/intervals"
    assert left[f"{folder}/sample_us"][1] == f"{intervals.sampling_us}\n"
    assert left[f"{folder}/aggr_us"][1] == f"{intervals.aggregation_us}\n"
    assert left[f"{folder}/update_us"][1] == f"{intervals.update_us}\n"
