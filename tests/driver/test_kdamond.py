from __future__ import annotations

import errno
from pathlib import Path

import pytest

from autotune.damon.damos import Action, Filter, FilterType, Scheme, SchemeStats, Watermarks
from autotune.damon.monitoring import Intervals, Monitoring, Target
from autotune.driver.kdamond import ANY_THREAD, Kdamond, KdamondEndedError, TakenOverError
from autotune.driver.setup import Setup
from autotune.driver.staged_files import UnsupportedSchemeError
from autotune.driver.sysfs_file import SysfsError
from autotune.errors import BackendUnavailableError, TrialError
from tests.driver.fake_kernel import THREAD, FakeKernel, make_procfs

PID = 42
STAT = Scheme(action=Action.STAT)
SETUP = Setup(monitoring=Monitoring(), targets=(Target(pid=PID),), schemes=(STAT, STAT))


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    return FakeKernel(tmp_path / "sys")


@pytest.fixture
def procfs(tmp_path: Path) -> Path:
    return make_procfs(tmp_path / "proc", processes={PID})


@pytest.fixture
def kdamond(kernel: FakeKernel, procfs: Path) -> Kdamond:
    return Kdamond(kernel, procfs)


def test_turning_on_stages_and_starts(kernel: FakeKernel, kdamond: Kdamond) -> None:
    thread = kdamond.turn_on(SETUP)

    assert thread == kdamond.pid() == THREAD
    assert kdamond.is_on()
    assert kernel.written[-1] == ("0/state", "on")


def test_before_it_is_turned_on_it_is_off(kernel: FakeKernel, kdamond: Kdamond) -> None:
    before = kernel.content()

    assert not kdamond.is_on()
    assert kdamond.pid() is None
    assert kdamond.cpu_time_ns() is None
    assert kernel.content() == before


def test_turning_off_leaves_the_tree_as_after_boot(kernel: FakeKernel, kdamond: Kdamond) -> None:
    before = kernel.content()
    kdamond.turn_on(SETUP)

    kdamond.turn_off()

    assert kernel.content() == before
    assert ("0/state", "off") in kernel.written


def test_turning_off_twice_is_fine(kernel: FakeKernel, kdamond: Kdamond) -> None:
    kdamond.turn_on(SETUP)
    kdamond.turn_off()
    before = kernel.written.copy()

    kdamond.turn_off()

    assert kernel.written == before


def test_turning_off_what_has_ended_with_its_target_is_fine(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    before = kernel.content()
    kdamond.turn_on(SETUP)
    kernel.end_of_target()

    kdamond.turn_off()

    assert kernel.content() == before


def test_a_thread_that_ends_just_before_it_is_told_to_is_fine(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    before = kernel.content()
    kdamond.turn_on(SETUP)
    kernel.ends_before_off = True

    kdamond.turn_off()

    assert kernel.content() == before


def test_it_can_be_turned_on_again_with_another_setup(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    kdamond.turn_on(SETUP)
    kdamond.turn_off()

    thread = kdamond.turn_on(Setup(monitoring=Monitoring(), targets=SETUP.targets))

    assert thread == THREAD + 1
    assert kernel.read("0/contexts/0/schemes/nr_schemes") == "0"


@pytest.mark.parametrize("own", [None, THREAD - 1])
def test_a_thread_that_is_not_ours_is_left_on(
    kernel: FakeKernel, kdamond: Kdamond, own: int | None
) -> None:
    kdamond.turn_on(SETUP)
    before = kernel.content()

    with pytest.raises(TakenOverError) as error:
        Kdamond(kernel, thread=own).turn_off()

    assert kernel.content() == before
    assert str(error.value) == (
        f"{kernel.root}: another program has taken DAMON over (1 kdamonds, the first is thread "
        f"{THREAD}): let one use it at a time; it was left as it is"
    )


def test_kdamonds_that_others_added_are_left(kernel: FakeKernel, kdamond: Kdamond) -> None:
    kdamond.turn_on(SETUP)
    kernel.end_of_target()
    kernel.write("nr_kdamonds", "2")
    before = kernel.content()

    with pytest.raises(TakenOverError, match=r"2 kdamonds, the first off"):
        kdamond.turn_off()

    assert kernel.content() == before


@pytest.mark.parametrize("own", [ANY_THREAD, THREAD])
def test_a_thread_of_an_earlier_process_of_ours_is_turned_off(
    kernel: FakeKernel, kdamond: Kdamond, own: int
) -> None:
    kdamond.turn_on(SETUP)

    Kdamond(kernel, thread=own).turn_off()

    assert kernel.read("nr_kdamonds") == "0"


def test_a_process_that_is_gone_is_said_to_be(
    kernel: FakeKernel, kdamond: Kdamond, procfs: Path
) -> None:
    kernel.processes = set()
    (procfs / str(PID)).rmdir()

    with pytest.raises(KdamondEndedError) as error:
        kdamond.turn_on(SETUP)

    assert str(error.value) == (
        "process 42: the process to watch has ended: let the workload outlive the measurement"
    )


def test_a_thread_that_ends_at_once_is_said_to_have_ended(
    kernel: FakeKernel, procfs: Path
) -> None:
    class Ending(FakeKernel):
        def turn_on(self) -> None:
            super().turn_on()
            self.end_of_target()

    kdamond = Kdamond(Ending(kernel.sysfs.parent / "ending"), procfs)

    with pytest.raises(KdamondEndedError, match="DAMON has stopped by itself"):
        kdamond.turn_on(SETUP)


def test_a_setup_that_the_kernel_refuses_is_the_trials_fault(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    kernel.processes = set()  # of another namespace: there in procfs, and not for the kernel

    with pytest.raises(SysfsError) as error:
        kdamond.turn_on(SETUP)

    assert str(error.value) == (
        f"{kernel.root}/0/state: can't write 'on': Invalid argument (EINVAL): "
        "this kernel does not take it"
    )


def test_a_control_group_that_is_missing_is_named(kernel: FakeKernel, kdamond: Kdamond) -> None:
    scheme = Scheme(
        action=Action.STAT, filters=(Filter(type=FilterType.MEMCG, memcg_path="/missing"),)
    )

    with pytest.raises(TrialError) as error:
        kdamond.turn_on(
            Setup(monitoring=Monitoring(), targets=SETUP.targets, schemes=(scheme, STAT))
        )

    assert str(error.value) == (
        f"{kernel.root}/0/state: no control group /missing, or no memory: make it, or name another "
        "in the filter"
    )


def test_a_module_that_keeps_damon_to_itself_stops_the_study(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    kernel.module_is_on = True

    with pytest.raises(BackendUnavailableError) as error:
        kdamond.turn_on(SETUP)

    assert str(error.value) == (
        f"{kernel.root}/0/state: DAMON is kept busy by another user: turn DAMON_RECLAIM, "
        f"DAMON_LRU_SORT and DAMON_STAT off ({kernel.sysfs}/module/damon_*/parameters/enabled), or wait"
    )


def test_statistics_are_asked_for_and_come_in_the_order_of_the_schemes(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    kdamond.turn_on(SETUP)
    kernel.statistics = [(1, 2, 3, 4, 5), (6, 7, 8, 9, 10)]

    stats = kdamond.update_stats()

    assert stats == (
        SchemeStats(
            tried_regions=1, tried_bytes=2, applied_regions=3, applied_bytes=4, quota_exceeds=5
        ),
        SchemeStats(
            tried_regions=6, tried_bytes=7, applied_regions=8, applied_bytes=9, quota_exceeds=10
        ),
    )


def test_without_schemes_there_are_no_statistics(kdamond: Kdamond) -> None:
    kdamond.turn_on(Setup(monitoring=Monitoring(), targets=SETUP.targets))

    assert kdamond.update_stats() == ()


def test_effective_quotas_and_tried_bytes_are_those_of_the_schemes(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    kdamond.turn_on(SETUP)
    kernel.effective_bytes, kernel.total_bytes = [1, 2], [3, 4]

    assert kdamond.effective_quotas() == (1, 2)
    assert kdamond.tried_bytes() == (3, 4)


def test_statistics_of_a_thread_that_has_ended_can_not_be_had(
    kernel: FakeKernel, kdamond: Kdamond, procfs: Path
) -> None:
    kdamond.turn_on(SETUP)
    kernel.end_of_target()
    (procfs / str(PID)).rmdir()

    for ask in (kdamond.update_stats, kdamond.effective_quotas, kdamond.tried_bytes):
        with pytest.raises(KdamondEndedError, match="process 42: the process to watch has ended"):
            ask()


def test_a_command_that_reports_success_while_the_thread_ends_is_no_success(
    kernel: FakeKernel, procfs: Path
) -> None:
    class Ending(FakeKernel):
        def _update_statistics(self) -> None:
            self.end_of_target()

    kdamond = Kdamond(Ending(kernel.sysfs.parent / "ending"), procfs)
    kdamond.turn_on(SETUP)

    with pytest.raises(KdamondEndedError):
        kdamond.update_stats()


def test_another_refusal_of_a_command_is_shown_as_it_is(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    kdamond.turn_on(SETUP)
    kernel.busy = 1_000_000

    with pytest.raises(SysfsError) as error:
        kdamond.update_stats()

    assert error.value.errno == errno.EBUSY


def test_a_commit_replaces_the_setup_of_the_running_thread(
    kernel: FakeKernel, kdamond: Kdamond
) -> None:
    thread = kdamond.turn_on(SETUP)

    kdamond.commit(
        Setup(
            monitoring=Monitoring(intervals=Intervals(sampling_us=7_000)),
            targets=SETUP.targets,
            schemes=(STAT,),
        )
    )

    assert kdamond.pid() == thread
    assert kernel.written[-1] == ("0/state", "commit")
    assert kernel.read("0/contexts/0/monitoring_attrs/intervals/sample_us") == "7000"
    assert kernel.read("0/contexts/0/schemes/nr_schemes") == "1"


@pytest.mark.parametrize("late", [0, 1])
def test_a_commit_that_kills_the_thread_is_found_out_although_it_reports_success(
    kernel: FakeKernel, kdamond: Kdamond, late: int
) -> None:
    kdamond.turn_on(SETUP)
    kernel.commits_fail, kernel.dies_late = True, late

    with pytest.raises(KdamondEndedError) as error:
        kdamond.commit(SETUP)

    assert str(error.value) == (
        f"{kernel.root}/0/state: DAMON has stopped by itself: its target ended, or it could not "
        "take the setup; let the workload run longer than the measurement"
    )


def test_a_commit_needs_a_running_thread(kernel: FakeKernel, kdamond: Kdamond) -> None:
    before = kernel.content()

    with pytest.raises(KdamondEndedError):
        kdamond.commit(SETUP)

    assert kernel.content() == before


def test_a_commit_that_may_never_end_is_refused(kernel: FakeKernel, kdamond: Kdamond) -> None:
    gated = Scheme(
        action=Action.STAT, watermarks=Watermarks(interval_us=1, high=0.5, mid=0.4, low=0.2)
    )
    setup = Setup(monitoring=Monitoring(), targets=SETUP.targets, schemes=(gated,))
    kdamond.turn_on(setup)
    before = kernel.content()

    with pytest.raises(UnsupportedSchemeError, match=r"a commit may wait for ever"):
        kdamond.commit(SETUP)

    assert kernel.content() == before


def test_one_scheme_that_is_always_active_lets_a_commit_end(kdamond: Kdamond) -> None:
    gated = Scheme(
        action=Action.STAT, watermarks=Watermarks(interval_us=1, high=0.5, mid=0.4, low=0.2)
    )
    kdamond.turn_on(Setup(monitoring=Monitoring(), targets=SETUP.targets, schemes=(gated, STAT)))

    kdamond.commit(SETUP)

    assert kdamond.is_on()


def test_cpu_time_is_the_first_field_of_the_threads_schedstat(
    kdamond: Kdamond, procfs: Path
) -> None:
    kdamond.turn_on(SETUP)
    (procfs / str(THREAD)).mkdir()
    (procfs / str(THREAD) / "schedstat").write_text("123456789 5 7\n")

    assert kdamond.cpu_time_ns() == 123_456_789


def test_cpu_time_of_a_thread_that_has_ended_is_not_known(kdamond: Kdamond) -> None:
    kdamond.turn_on(SETUP)

    assert kdamond.cpu_time_ns() is None


def test_a_busy_kernel_disturbs_nothing(kernel: FakeKernel, kdamond: Kdamond) -> None:
    kernel.busy = 2

    kdamond.turn_on(SETUP)
    kernel.busy = 2
    kdamond.update_stats()
    kernel.busy = 2
    kdamond.turn_off()

    assert kernel.busy == 0
    assert kernel.read("nr_kdamonds") == "0"
