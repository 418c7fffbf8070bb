"""What is staged: the same that damo 3.4.3 would stage, and what the kernel then has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
)
from autotune.damon.kernel_features import FEATURES
from autotune.damon.kernel_units import UINT_MAX, ULONG_MAX
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.driver.setup import Setup
from autotune.driver.staged_files import UnsupportedSchemeError, stage, staged_values
from autotune.errors import BackendUnavailableError
from autotune.formats import damo_json
from tests.driver.fake_kernel import FakeKernel
from tests.formats.test_damo_oracle import ORACLE, QUICK, Oracle
from tests.strategies import MONITORING, grid_schemes, targets

CONTEXT = "0/contexts/0"
SCHEME = f"{CONTEXT}/schemes/0"

OTHERS_OF_A_FILTER = frozenset(
    {"memcg_path", "addr_start", "addr_end", "damon_target_idx", "min", "max"}
)
"""What damo writes to every filter, whatever its type; the kernel looks at the type's own only."""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    running = Oracle(ORACLE, tmp_path_factory.mktemp("home"))
    yield running
    running.close()


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    monitoring = draw(MONITORING)
    schemes = draw(st.lists(grid_schemes(monitoring.intervals), max_size=4))
    return Setup(monitoring=monitoring, targets=(draw(targets()),), schemes=tuple(schemes))


def setup(*schemes: Scheme, target: Target | None = None) -> Setup:
    return Setup(monitoring=Monitoring(), targets=(target or Target(pid=42),), schemes=schemes)


def ages_without_bound(case: Setup) -> list[str]:
    return [
        f"schemes/{index}/access_pattern/age/max"
        for index, scheme in enumerate(case.schemes)
        if scheme.pattern.age_us.max == UNLIMITED
    ]


@QUICK
@given(setups())
def test_every_value_is_the_one_that_damo_stages(oracle: Oracle, case: Setup) -> None:
    text = damo_json.dumps_kdamonds(case.schemes, case.monitoring, case.targets[0])

    ours = dict(staged_values(case))
    theirs = oracle("stage_kdamonds", text=text)

    assert ours.pop("nr_kdamonds") == ours.pop("0/contexts/nr_contexts") == "1"
    ours = {path.removeprefix(f"{CONTEXT}/"): value for path, value in ours.items()}
    for path in ages_without_bound(case):
        # The largest number of microseconds, divided; the kernel keeps 32 bits of either.
        assert ours[path] == str(UINT_MAX)
        assert theirs[path] == str(int(ULONG_MAX / case.monitoring.intervals.aggregation_us))
        theirs[path] = ours[path]
    assert {path: theirs.get(path) for path in ours} == ours
    for more in map(PurePosixPath, theirs.keys() - ours.keys()):
        assert more.parts[2] == "filters"
        assert more.name in OTHERS_OF_A_FILTER


@QUICK
@given(case=setups())
def test_once_staged_a_new_kernel_has_every_value(
    tmp_path_factory: pytest.TempPathFactory, case: Setup
) -> None:
    kernel = FakeKernel(tmp_path_factory.mktemp("sys"), new=True)

    stage(kernel, case)

    expected = dict(staged_values(case, split_filters=True))
    assert {path: kernel.read(path) for path in expected} == expected


@QUICK
@given(setups())
def test_every_count_is_written_once_and_before_what_it_makes(case: Setup) -> None:
    paths = [path for path, _ in staged_values(case)]

    assert len(paths) == len(set(paths))
    for position, path in enumerate(paths):
        for folder in PurePosixPath(path).parents:
            if folder.name.isdigit():
                counts = [p for p in paths if PurePosixPath(p).parent == folder.parent]
                made = next(p for p in counts if PurePosixPath(p).name.startswith("nr_"))
                assert paths.index(made) < position


def test_a_setup_of_the_talk_is_staged_whole_on_the_kernel_of_6_12(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path)
    scheme = Scheme(
        action=Action.PAGEOUT,
        pattern=AccessPattern(
            size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(3_000_000)
        ),
        quota=Quota(size_bytes=1 << 20, reset_interval_us=UNLIMITED),
    )

    stage(kernel, setup(scheme))

    expected = dict(staged_values(setup(scheme)))
    assert {path: kernel.read(path) for path in expected} == expected
    assert [
        kernel.read(f"{SCHEME}/access_pattern/{name}/{end}")
        for name in ("sz", "nr_accesses", "age")
        for end in ("min", "max")
    ] == ["4096", str(2**64 - 1), "0", "0", "30", str(2**32 - 1)]
    assert kernel.read(f"{SCHEME}/quotas/reset_interval_ms") == str(2**64 - 1)


def test_no_value_wraps_in_the_32_bits_that_the_kernel_keeps() -> None:
    intervals = Intervals(sampling_us=1, aggregation_us=86_400_000_000)
    scheme = Scheme(
        action=Action.STAT,
        quota=Quota(size_bytes=4096, reset_interval_us=(1 << 32) * 1000),
    )

    values = dict(
        staged_values(
            Setup(
                monitoring=Monitoring(intervals=intervals),
                targets=(Target(pid=42),),
                schemes=(scheme,),
            )
        )
    )

    assert values[f"{SCHEME}/access_pattern/nr_accesses/max"] == str(2**32 - 1)
    # 2^32 ms would be read as 0, which makes every pass a window.
    assert values[f"{SCHEME}/quotas/reset_interval_ms"] == str(2**64 - 1)


def test_a_running_kdamond_keeps_its_place_when_its_setup_is_replaced(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path)
    stage(kernel, setup())
    kernel.write("0/state", "on")

    stage(kernel, setup(Scheme(action=Action.STAT)), running=True)

    assert kernel.on
    assert kernel.read(f"{CONTEXT}/schemes/nr_schemes") == "1"


def test_filters_on_regions_and_on_pages_go_where_a_new_kernel_wants_them(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, new=True)
    scheme = Scheme(
        action=Action.PAGEOUT,
        filters=(
            Filter(type=FilterType.ANON),
            Filter(type=FilterType.ADDR, address_range=(0, 4096)),
            Filter(type=FilterType.YOUNG, allow=True),
            Filter(type=FilterType.TARGET, target_index=0),
        ),
    )

    stage(kernel, setup(scheme))

    def types(folder: str) -> list[str]:
        count = int(kernel.read(f"{SCHEME}/{folder}/nr_filters"))
        return [kernel.read(f"{SCHEME}/{folder}/{index}/type") for index in range(count)]

    assert types("core_filters") == ["addr", "target"]
    assert types("ops_filters") == ["anon", "young"]
    assert types("filters") == []
    assert kernel.read(f"{SCHEME}/ops_filters/1/allow") == "Y"


ALLOWING = Scheme(action=Action.STAT, filters=(Filter(type=FilterType.ANON, allow=True),))
WITH_GOAL = Scheme(
    action=Action.STAT,
    quota=Quota(goals=(QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=1),)),
)
NODE_GOAL, GROUP_GOAL = (
    Scheme(
        action=Action.STAT,
        quota=Quota(goals=(QuotaGoal(metric=metric, target_value=1, nid=1, memcg_path=path),)),
    )
    for metric, path in (
        (GoalMetric.NODE_MEM_USED_BP, None),
        (GoalMetric.NODE_MEMCG_USED_BP, "/service"),
    )
)
MIGRATION = Scheme(action=Action.MIGRATE_COLD, target_nid=1)


OLDER_KERNELS: dict[str, tuple[str, Scheme, str]] = {
    "apply intervals": (
        "apply_interval_us",
        Scheme(action=Action.STAT, apply_interval_us=1),
        "{scheme} has no apply_interval_us: this kernel is older than v6.7; "
        "leave apply_interval_us at 0",
    ),
    "a filter that allows": (
        "allow",
        ALLOWING,
        "{scheme}/filters/0 has no allow: this kernel is older than v6.14; "
        "use filters that reject",
    ),
    "filters": (
        "filters",
        ALLOWING,
        "{scheme}/filters has no nr_filters: this kernel is older than v6.3; "
        "leave the filters out",
    ),
    "quota goals": (
        "goals",
        WITH_GOAL,
        "{scheme}/quotas/goals has no nr_goals: this kernel is older than v6.8; "
        "leave the goals out",
    ),
    "metrics of goals": (
        "target_metric",
        WITH_GOAL,
        "{scheme}/quotas/goals/0 has no target_metric: this kernel is older than v6.9; "
        "use user_input",
    ),
    "target nodes": (
        "target_nid",
        MIGRATION,
        "{scheme} has no target_nid: this kernel is older than v6.11; use another action",
    ),
    "goals of nodes": (
        "nid",
        NODE_GOAL,
        "{scheme}/quotas/goals/0 has no nid: this kernel is older than v6.16; use another goal",
    ),
    "goals of control groups": (
        "path",
        GROUP_GOAL,
        "{scheme}/quotas/goals/0 has no path: this kernel is older than v6.19; use another goal",
    ),
}
"""For each feature that a file shows: the file or its folder, a scheme that asks for it, the answer."""


def test_every_feature_that_a_file_shows_and_a_scheme_asks_for_has_a_case() -> None:
    shown = {feature.name for feature in FEATURES if feature.word is None and feature.remedy}

    assert shown == OLDER_KERNELS.keys()


@pytest.mark.parametrize(
    ("missing", "scheme", "message"), OLDER_KERNELS.values(), ids=OLDER_KERNELS
)
def test_what_an_older_kernel_has_no_file_for_is_refused_unless_it_says_nothing(
    tmp_path: Path, missing: str, scheme: Scheme, message: str
) -> None:
    kernel = FakeKernel(tmp_path, new=missing in ("nid", "path"), missing={missing})
    plain = Scheme(action=Action.STAT)

    stage(kernel, setup(plain))
    with pytest.raises(UnsupportedSchemeError) as error:
        stage(kernel, setup(scheme))

    assert str(error.value) == message.format(scheme=kernel.root / SCHEME)


@pytest.mark.parametrize(
    ("missing", "scheme"),
    [
        ("allow", Scheme(action=Action.STAT, filters=(Filter(type=FilterType.ANON),))),
        (
            "target_metric",
            Scheme(
                action=Action.STAT,
                quota=Quota(goals=(QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=1),)),
            ),
        ),
    ],
)
def test_what_the_lack_of_a_file_amounts_to_is_taken(
    tmp_path: Path, missing: str, scheme: Scheme
) -> None:
    kernel = FakeKernel(tmp_path, missing={missing})

    stage(kernel, setup(scheme))

    assert missing not in {PurePosixPath(path).name for path, _ in kernel.written}


@pytest.mark.parametrize(
    ("scheme", "file", "word", "instead"),
    [
        (
            Scheme(action=Action.STAT, filters=(Filter(type=FilterType.ACTIVE),)),
            "filters/0/type",
            "active",
            "another filter",
        ),
        (
            Scheme(
                action=Action.STAT,
                quota=Quota(goals=(QuotaGoal(metric=GoalMetric.ACTIVE_MEM_BP, target_value=1),)),
            ),
            "quotas/goals/0/target_metric",
            "active_mem_bp",
            "another goal",
        ),
    ],
)
def test_a_word_that_this_kernel_does_not_know_is_refused(
    tmp_path: Path, scheme: Scheme, file: str, word: str, instead: str
) -> None:
    kernel = FakeKernel(tmp_path)

    with pytest.raises(UnsupportedSchemeError) as error:
        stage(kernel, setup(scheme))

    assert str(error.value) == (
        f"{kernel.root}/{SCHEME}/{file}: this kernel does not know '{word}': use a newer kernel, "
        f"or {instead}"
    )


def test_an_address_space_that_this_kernel_can_not_monitor_is_refused(tmp_path: Path) -> None:
    class WithoutPhysical(FakeKernel):
        def give(self, file: Path) -> str:
            return "vaddr\nfvaddr" if file.name == "avail_operations" else super().give(file)

    kernel = WithoutPhysical(tmp_path)
    physical = Target(operations=OperationsSet.PADDR, pid=None, regions=((0, 4096),))

    with pytest.raises(BackendUnavailableError) as error:
        stage(kernel, setup(target=physical))

    assert str(error.value) == (
        f"{kernel.root}/{CONTEXT}/avail_operations: this kernel does not monitor paddr, only vaddr, "
        "fvaddr: boot one with CONFIG_DAMON_VADDR and CONFIG_DAMON_PADDR, or use the vm backend"
    )


def test_several_targets_are_staged_in_order(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path)
    pids: Sequence[int] = (3, 5, 8)

    stage(
        kernel,
        Setup(monitoring=Monitoring(), targets=tuple(Target(pid=pid) for pid in pids)),
    )

    files = [f"{CONTEXT}/targets/{index}/pid_target" for index in range(3)]
    assert [kernel.read(file) for file in files] == ["3", "5", "8"]
