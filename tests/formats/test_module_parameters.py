from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import (
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.errors import InputError
from autotune.formats import module_parameters
from autotune.formats.module_parameters.parameters import LRU_SORT, RECLAIM
from autotune.formats.module_parameters.reader import Settings
from autotune.formats.scheme_files import load_scheme_file
from tests.strategies import DURATIONS_US, MONITORING, PERMILLE, watermarks

RECLAIM_ONE = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(120_000_000)
    ),
    quota=Quota(time_us=10_000, size_bytes=128 << 20, weights=Weights(age=1)),
    watermarks=Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.2),
)
HOT = Scheme(
    action=Action.LRU_PRIO,
    pattern=AccessPattern(size_bytes=Range(4096), access_rate=Range(0.5)),
    quota=Quota(time_us=5_000, weights=Weights(access_rate=1)),
    watermarks=Watermarks(interval_us=5_000_000, high=0.2, mid=0.15, low=0.05),
)
COLD = replace(HOT, action=Action.LRU_DEPRIO, pattern=RECLAIM_ONE.pattern)

MARKS = st.none() | watermarks(PERMILLE).filter(
    lambda marks: (marks.high, marks.mid, marks.low) != (1.0, 1.0, 0.0)
)
WHOLE_MS = st.integers(1, 10**7).map(lambda time_ms: time_ms * 1000)
PRESSURE = st.integers(1, 10**6).map(
    lambda value: QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=value)
)
FEEDBACK = st.integers(1, 10**6).map(
    lambda value: QuotaGoal(metric=GoalMetric.USER_INPUT, target_value=10_000, current_value=value)
)
GOALS = st.tuples(st.none() | PRESSURE, st.none() | FEEDBACK).map(
    lambda both: tuple(goal for goal in both if goal is not None)
)


@st.composite
def reclaim_quotas(draw: st.DrawFn) -> Quota | None:
    time_us, goals = draw(st.none() | WHOLE_MS), draw(GOALS)
    size_bytes = draw(st.none() | st.integers(1, 2**40))
    if time_us is None and size_bytes is None and not goals:
        return None
    return Quota(
        time_us=time_us,
        size_bytes=size_bytes,
        reset_interval_us=draw(WHOLE_MS),
        weights=Weights(age=1),
        goals=goals,
    )


RECLAIM_SCHEMES = st.builds(
    lambda age_us, quota, marks, skip_anon: replace(
        RECLAIM_ONE,
        pattern=replace(RECLAIM_ONE.pattern, age_us=Range(age_us)),
        quota=quota,
        watermarks=marks,
        filters=(Filter(type=FilterType.ANON),) if skip_anon else (),
    ),
    DURATIONS_US,
    reclaim_quotas(),
    MARKS,
    st.booleans(),
)
LRU_SCHEMES = st.builds(
    lambda rate, age_us, quota, marks: (
        replace(
            HOT,
            pattern=AccessPattern(size_bytes=Range(4096), access_rate=Range(rate)),
            quota=quota,
            watermarks=marks,
        ),
        replace(
            COLD,
            pattern=replace(COLD.pattern, age_us=Range(age_us)),
            quota=quota,
            watermarks=marks,
        ),
    ),
    PERMILLE,
    DURATIONS_US,
    st.none()
    | st.builds(
        Quota,
        time_us=WHOLE_MS,
        reset_interval_us=WHOLE_MS,
        weights=st.just(Weights(access_rate=1)),
    ),
    MARKS,
)


def with_default_update(monitoring: Monitoring) -> Monitoring:
    """The modules have no update interval."""
    intervals = replace(monitoring.intervals, update_us=Intervals().update_us)
    return replace(monitoring, intervals=intervals)


@given(RECLAIM_SCHEMES.map(lambda scheme: (scheme,)) | LRU_SCHEMES, MONITORING)
def test_what_is_written_reads_the_same(
    schemes: tuple[Scheme, ...], monitoring: Monitoring
) -> None:
    text = module_parameters.dumps(schemes, monitoring)

    assert module_parameters.loads(text, "x") == Settings(
        schemes=schemes, monitoring=with_default_update(monitoring)
    )


def values(text: str) -> dict[str, str]:
    rows = [row for row in text.splitlines() if not row.startswith("#")]
    return dict(row.split("=") for row in rows)


@pytest.mark.parametrize(
    ("schemes", "defaults"), [((RECLAIM_ONE,), RECLAIM), ((HOT, COLD), LRU_SORT)]
)
def test_a_modules_defaults_are_the_kernels(
    schemes: tuple[Scheme, ...], defaults: dict[str, int]
) -> None:
    written = values(module_parameters.dumps(schemes, Monitoring()))

    assert written == {
        name: "N" if name == "skip_anon" else str(value) for name, value in defaults.items()
    }


@pytest.mark.parametrize(
    ("text", "schemes"),
    [("min_age=120000000", (RECLAIM_ONE,)), ("cold_min_age = 120000000\n", (HOT, COLD))],
)
def test_missing_parameters_have_their_defaults(text: str, schemes: tuple[Scheme, ...]) -> None:
    assert module_parameters.loads(text, "x").schemes == schemes


def test_the_time_quota_of_lru_sort_is_for_both_schemes() -> None:
    assert values(module_parameters.dumps((COLD, HOT), Monitoring()))["quota_ms"] == "10"


def test_the_comment_names_the_folder_and_warns_of_linux_6_12() -> None:
    comment = [
        row
        for row in module_parameters.dumps([RECLAIM_ONE], Monitoring()).splitlines()
        if row.startswith("#")
    ]

    assert comment[0].startswith("# /sys/module/damon_reclaim/parameters/")
    assert "DAMON_RECLAIM of Linux 6.12 does nothing at all" in comment[-1]


def reclaim(**changes: object) -> tuple[Scheme, ...]:
    fields = AccessPattern.__dataclass_fields__
    pattern = {name: changes.pop(name) for name in list(changes) if name in fields}
    changed: Scheme = replace(RECLAIM_ONE, **changes)  # type: ignore[arg-type]
    return (replace(changed, pattern=replace(changed.pattern, **pattern)),)  # type: ignore[arg-type]


WEIGHTS = Weights(age=1)
GOAL = QuotaGoal(metric=GoalMetric.ACTIVE_MEM_BP, target_value=5000)
PSI = QuotaGoal(metric=GoalMetric.SOME_MEM_PSI_US, target_value=5000)


@pytest.mark.parametrize(
    ("schemes", "message"),
    [
        (
            reclaim(access_rate=Range(0.0, 0.05)),
            "pattern.access_rate is 0% to 5%: DAMON_RECLAIM takes 0% only",
        ),
        (
            reclaim(size_bytes=Range(4096, 8192)),
            "pattern.size_bytes is 4K to 8K: DAMON_RECLAIM takes 4K to max only",
        ),
        (
            reclaim(size_bytes=Range(2 << 20)),
            "pattern.size_bytes is 2M to max: DAMON_RECLAIM takes 4K to max only",
        ),
        (
            reclaim(age_us=Range(0, 1_000_000)),
            "pattern.age_us.max is 1s: DAMON_RECLAIM takes max only",
        ),
        (
            reclaim(apply_interval_us=1000),
            "apply_interval_us is 1ms: DAMON_RECLAIM takes 0 only",
        ),
        (
            reclaim(filters=(Filter(type=FilterType.YOUNG),)),
            "filters: DAMON_RECLAIM takes none, or one that rejects anon",
        ),
        (
            reclaim(quota=Quota(size_bytes=1, weights=Weights(access_rate=3, age=7))),
            "quota.weights is 0 3 7: DAMON_RECLAIM takes 0 0 1 only",
        ),
        (
            reclaim(quota=Quota(time_us=1500, weights=WEIGHTS)),
            "quota.time_us is 1500us: a module takes whole milliseconds",
        ),
        (
            reclaim(quota=Quota(size_bytes=1, reset_interval_us=float("inf"), weights=WEIGHTS)),
            "quota.reset_interval_us is max: a module takes whole milliseconds",
        ),
        (
            reclaim(quota=Quota(goals=(GOAL,), weights=WEIGHTS)),
            "quota.goals: DAMON_RECLAIM takes some_mem_psi_us, and user_input with a target of 10000; "
            "not active_mem_bp 5000",
        ),
        (
            reclaim(quota=Quota(goals=(PSI, PSI), weights=WEIGHTS)),
            "quota.goals: DAMON_RECLAIM takes one some_mem_psi_us with a value above 0",
        ),
        (
            reclaim(watermarks=Watermarks(interval_us=1, high=0.5, mid=0.4005, low=0.2)),
            "watermarks.mid is 40.05%: a module takes whole permille",
        ),
        (
            (HOT,),
            "action is lru_prio: modules do pageout alone (DAMON_RECLAIM), or lru_prio with "
            "lru_deprio (DAMON_LRU_SORT)",
        ),
        (
            (),
            "action is missing: modules do pageout alone (DAMON_RECLAIM), or lru_prio with "
            "lru_deprio (DAMON_LRU_SORT)",
        ),
        (
            (HOT, replace(COLD, quota=None)),
            "quota: DAMON_LRU_SORT has one for lru_prio and lru_deprio, these differ",
        ),
        (
            (replace(HOT, pattern=COLD.pattern), COLD),
            "pattern.access_rate.max is 0%: DAMON_LRU_SORT takes max only",
        ),
    ],
)
def test_what_no_module_does_is_named(schemes: tuple[Scheme, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        module_parameters.dumps(schemes, Monitoring())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min_age=1\nmax_age=2", "x:2: no parameter 'max_age': did you mean 'min_age'?"),
        (
            "min_age=1s",
            "x:1: min_age: '1s' is not a number: write 1000000, since the module counts in microseconds",
        ),
        (
            "quota_ms=1s",
            "x:1: quota_ms: '1s' is not a number: write 1000, since the module counts in milliseconds",
        ),
        (
            "quota_sz=1M",
            "x:1: quota_sz: '1M' is not a number: write 1048576, since the module counts in bytes",
        ),
        ("min_age=soon", "x:1: min_age: 'soon' is not a number: write digits only"),
        ("min_age=1\n\nmin_age=1", "x:3: min_age stands twice: keep one of them"),
        ("skip_anon=2", "x:1: skip_anon: '2' is neither Y nor N: write one of these"),
        ("min_age 1", "x:1: 'min_age 1' is no parameter: write name=value"),
        (
            "cold_min_age=1\nskip_anon=Y",
            "x:2: skip_anon is no parameter of DAMON_LRU_SORT: leave it out",
        ),
        ("min_nr_regions=2", "x: min_regions is 2: DAMON wants 3 or more"),
        (
            "wmarks_mid=100",
            "x: watermarks high 0.5, mid 0.1, low 0.2: they must be 1 >= high >= mid >= low >= 0",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        module_parameters.loads(text, "x")

    assert str(caught.value) == message


def test_the_commands_of_a_module_are_no_parameters() -> None:
    text = "enabled=Y\nmin_age=120000000\ncommit_inputs=N\n"

    assert module_parameters.loads(text, "x").schemes == (RECLAIM_ONE,)


MINUTE = (replace(RECLAIM_ONE, pattern=replace(RECLAIM_ONE.pattern, age_us=Range(60_000_000))),)
FOLDER = "/sys/module/damon_reclaim/parameters"


@pytest.mark.parametrize(
    "text",
    [
        "min_age = 60000000  # a minute\n",
        "quiet damon_reclaim.min_age=60000000 damon_reclaim.enabled=Y root=/dev/vda",
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet damon-reclaim.min-age=60000000 damon_reclaim.enabled"\n',
        'boot.kernelParams = [\n  "damon_stat.enabled=N"\n  "damon_reclaim.min_age=60000000" # 1 m\n];',
        "title a\noptions root=UUID=1 damon_reclaim.min_age=60000000\n",
        "options damon_reclaim enabled=Y \\\n  min_age=60000000\n",
        "sudo modprobe damon_reclaim min_age=60000000\n",
        f"# cold\nw- {FOLDER}/min_age - - - - 60000000\nw {FOLDER}/enabled - - - - Y\n",
        f"#!/bin/sh\n# echo 5 > {FOLDER}/quota_ms\necho 60000000 > {FOLDER}/min_age\n",
        f'P={FOLDER}\nAGE=60000000\necho 1 > $P/min_age\necho "$AGE" | sudo tee ${{P}}/min_age\n',
        f"$ cd {FOLDER}\n$ echo $((60 * 1000 * 1000)) > min_age\n$ echo Y > enabled\n",
        f"# cd {FOLDER}\n# echo 60000000 > min_age\n# echo Y > enabled\n",
        f"[Service]\nExecStart=/bin/sh -c 'echo 60000000 > {FOLDER}/min_age && \\\n echo Y'\n",
        f"{FOLDER}/min_age:60000000\n{FOLDER}/nr_reclaimed_regions:7\n",
        "module/damon_reclaim/parameters/min_age = 60000000\n",
        "damon_reclaim.min_age=0x3938700 damon_lru_sort.enabled=N",
        f"[ -w {FOLDER}/enabled ] && cat {FOLDER}/min_age\necho 60000000 > {FOLDER}/min_age",
    ],
)
def test_whatever_sets_a_modules_parameters_is_read(text: str, tmp_path: Path) -> None:
    file = tmp_path / "any.conf"
    file.write_text(text)

    found = load_scheme_file(file)

    assert found.of_module
    assert found.schemes == MINUTE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"echo 5 > {FOLDER}/limit",
            "x:1: no parameter 'limit': known are ",
        ),
        (
            f"\necho $AGE > {FOLDER}/min_age",
            "x:2: min_age: '$AGE' is not a number: write digits only",
        ),
        (
            f"date >> {FOLDER}/min_age",
            "x:1: what is written here can't be told: write echo NUMBER > PATH OF THE PARAMETER",
        ),
        ("damon_stat.enabled=N quiet", "x: DAMON_STAT has no scheme: name a file that has one"),
        (
            "damon_reclaim.min_age=5 damon_lru_sort.cold_min_age=5",
            "x: sets DAMON_RECLAIM and DAMON_LRU_SORT, and only one of them can run: keep one",
        ),
        (
            "damon_lru_sort.active_mem_bp=5000",
            "x: active_mem_bp asks for a goal for active memory, which can't be held here: leave it "
            "out",
        ),
        (
            f"w {FOLDER}/min_age - - - - 5\nw {FOLDER}/min_age - - - - 6",
            "x:2: min_age stands twice: keep one of them",
        ),
        (
            "monitor_region_start=9\nmonitor_region_end=5",
            "x: monitor_region_start (9) is not below monitor_region_end (5)",
        ),
        ("min_age=18446744073709551616", "x:1: min_age: '18446744073709551616' is too large: "),
    ],
)
def test_what_sets_no_parameter_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        module_parameters.loads(text, "x")

    assert str(caught.value).startswith(message)


def test_numbers_are_read_as_the_kernel_reads_them() -> None:
    text = "min_age=0x10\nquota_ms=010\nskip_anon=1\nenabled=on\n"

    (scheme,) = module_parameters.loads(text, "x").schemes

    assert scheme.pattern.age_us.min == 16
    assert scheme.quota is not None
    assert scheme.quota.time_us == 8_000
    assert scheme.filters


def test_results_and_a_module_that_is_off_are_said() -> None:
    warnings: list[str] = []
    text = "enabled=N\nkdamond_pid=-1\nbytes_reclaim_tried_regions=4096\nmin_age=60000000\n"

    found = module_parameters.loads(text, "x", warnings.append)

    assert found == Settings(schemes=MINUTE, monitoring=None)
    assert warnings == [
        "x: kdamond_pid, bytes_reclaim_tried_regions can only be read: left out",
        "x: enabled is N, and DAMON_RECLAIM does nothing then: read as if it were Y",
    ]


def test_parameters_of_later_kernels_without_effect_are_read() -> None:
    text = "min_age=60000000\naddr_unit=1\nautotune_monitoring_intervals=N\n"

    assert module_parameters.loads(text, "x").schemes == MINUTE


def test_the_range_of_a_module_is_kept() -> None:
    text = "monitor_region_start=0\nmonitor_region_end=8589934592\n"

    assert module_parameters.loads(text, "x").regions == ((0, 8589934592),)


@given(st.text(alphabet="damon_reclaim./-module/parameters=>$()*echo 1\n\"'#\\", max_size=80))
def test_any_text_is_read_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        module_parameters.loads(f"damon_reclaim.min_age=1\n{text}", "x")


@given(st.lists(st.tuples(st.sampled_from([*RECLAIM, *LRU_SORT]), st.integers(0, 10**6))))
def test_any_parameters_are_read_or_an_input_error(rows: list[tuple[str, int]]) -> None:
    with contextlib.suppress(InputError):
        module_parameters.loads("\n".join(f"{name}={value}" for name, value in rows), "x")
