from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

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
    Watermarks,
    Weights,
)
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.errors import InputError
from autotune.formats import damo_json
from tests.strategies import MONITORING, schemes, targets

PRCL: dict[str, Any] = {
    "action": "pageout",
    "access_pattern": {
        "sz_bytes": {"min": 4096, "max": "max"},
        "nr_accesses": {"min": "0 %", "max": "0 %"},
        "age": {"min": "10 s", "max": "max"},
    },
    "quotas": {
        "time_ms": "10 ms",
        "sz_bytes": 134217728,
        "reset_interval_ms": "1 s",
        "weights": {"sz_permil": 0, "nr_accesses_permil": 300, "age_permil": 700},
    },
    "watermarks": {
        "metric": "free_mem_rate",
        "interval_us": "5 s",
        "high_permil": 500,
        "mid_permil": 400,
        "low_permil": 50,
    },
}
SCHEME = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(10_000_000)
    ),
    quota=Quota(
        time_us=10_000,
        size_bytes=134_217_728,
        reset_interval_us=1_000_000,
        weights=Weights(access_rate=300, age=700),
    ),
    watermarks=Watermarks(interval_us=5_000_000, high=0.5, mid=0.4, low=0.05),
)
PLAIN = AccessPattern()


def full(
    written: Sequence[object] = (), *, pid: object = 1234, ops: str = "vaddr"
) -> dict[str, Any]:
    context = {
        "ops": ops,
        "targets": [{"pid": pid, "regions": []}],
        "intervals": {"sample_us": 5000, "aggr_us": 100000, "ops_update_us": 1000000},
        "nr_regions": {"min": 10, "max": 1000},
        "schemes": list(written),
    }
    return {"kdamonds": [{"state": None, "pid": None, "contexts": [context]}]}


def read(written: object) -> damo_json.Parsed:
    return damo_json.loads(json.dumps(written), "x.json")


def changed(document: Any, path: str, value: object) -> Any:
    """A copy of *document* with another value at *path*, such as ``quotas.time_ms``."""
    copy = here = json.loads(json.dumps(document))
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in parents:
        here = here[key]
    here[last] = value
    return copy


def test_the_full_form_is_read_and_written_in_one_spelling() -> None:
    text = damo_json.dumps_kdamonds([SCHEME], Monitoring(), Target(pid=1234))

    assert json.loads(text) == full([PRCL])
    assert damo_json.loads(text, "x.json") == damo_json.Parsed(
        schemes=(SCHEME,), monitoring=Monitoring(), target=Target(pid=1234)
    )


def test_the_list_form_is_read_and_written_in_the_same_spelling() -> None:
    text = damo_json.dumps_schemes([SCHEME])

    assert json.loads(text) == [PRCL]
    assert damo_json.loads(text, "x.json") == damo_json.Parsed(schemes=(SCHEME,))


@given(st.lists(schemes(), max_size=3))
def test_a_list_that_is_written_reads_the_same(written: Sequence[Scheme]) -> None:
    parsed = damo_json.loads(damo_json.dumps_schemes(written), "x.json")

    assert parsed == damo_json.Parsed(schemes=tuple(written))


@given(st.lists(schemes(), max_size=2), MONITORING, targets())
def test_a_full_form_that_is_written_reads_the_same(
    written: Sequence[Scheme], monitoring: Monitoring, target: Target
) -> None:
    parsed = damo_json.loads(damo_json.dumps_kdamonds(written, monitoring, target), "x.json")

    assert parsed == damo_json.Parsed(schemes=tuple(written), monitoring=monitoring, target=target)


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (Target(pid=0), "0"),
        (Target(pid=7), 7),
        (Target(operations=OperationsSet.PADDR, pid=None), None),
    ],
)
def test_a_process_to_fill_in_is_text(target: Target, written: object) -> None:
    document = json.loads(damo_json.dumps_kdamonds([], Monitoring(), target))

    assert document["kdamonds"][0]["contexts"][0]["targets"][0]["pid"] == written


def test_an_unlimited_rate_is_written_as_200_percent() -> None:
    (written,) = json.loads(damo_json.dumps_schemes([Scheme(action=Action.STAT)]))

    assert written["access_pattern"]["nr_accesses"] == {"min": "0 %", "max": "200 %"}


def test_without_limits_quota_and_watermarks_are_written_as_none() -> None:
    (written,) = json.loads(damo_json.dumps_schemes([Scheme(action=Action.STAT)]))

    assert written["quotas"] == {
        "time_ms": "0 ms",
        "sz_bytes": 0,
        "reset_interval_ms": "0 ms",
        "weights": {"sz_permil": 0, "nr_accesses_permil": 0, "age_permil": 0},
    }
    assert written["watermarks"]["metric"] == "none"
    assert not {"filters", "apply_interval_us", "target_nid"} & written.keys()


def test_an_aggregation_interval_that_damo_turns_no_limit_into_0_for_is_refused() -> None:
    monitoring = Monitoring(intervals=Intervals(aggregation_us=65_536))
    message = (
        "aggregation_us is 65536: with it, damo makes 0us of an age_us.max without limit; use whole "
        "milliseconds"
    )

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        damo_json.dumps_kdamonds([SCHEME], monitoring, Target())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("access_pattern.sz_bytes", {"min": "4 KiB", "max": "max"}),
        ("access_pattern.sz_bytes", {"min": "4,096", "max": 2**64 - 1}),
        ("access_pattern.nr_accesses", {"min": 0, "max": "min"}),
        ("access_pattern.nr_accesses", {"min": "0 samples", "max": "0 samples"}),
        ("access_pattern.age", {"min": 10000000, "max": "max"}),
        ("access_pattern.age", {"min": "9 s 1,000 ms", "max": "max"}),
        ("access_pattern.age", {"min": "100 aggr_intervals", "max": "max aggr_intervals"}),
        ("quotas.time_ms", 10),
        ("quotas.time_ms", "10000000 ns"),
        ("quotas.sz_bytes", "128.000 MiB"),
        ("quotas.reset_interval_ms", 1e3),
        ("quotas.weights", {"sz_permil": 0, "nr_accesses_permil": "30 %", "age_permil": "700"}),
        ("quotas.goal_tuner", "consist"),
        ("quotas.fail_charge_num", "0"),
        ("watermarks.mid_permil", "40 %"),
        ("dests", []),
        ("filters", []),
        ("apply_interval_us", "0 ns"),
        ("comments", ["anything"]),
        ("name", "0"),
        ("stats", {"nr_tried": "17"}),
        ("tried_regions", [{"start": 1}]),
    ],
)
def test_there_are_several_notations_for_one_scheme(path: str, value: object) -> None:
    assert read([changed(PRCL, path, value)]).schemes == (SCHEME,)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("refresh_ms", 0),
        ("refresh_ms", None),
        ("comments", "x"),
        ("state", "on"),
        ("contexts.0.addr_unit", "1 B"),
        ("contexts.0.pause", False),
        ("contexts.0.probes", []),
        ("contexts.0.intervals.intervals_goal", {"access_bp": "0 %", "aggrs": "0"}),
        ("contexts.0.intervals.sample_us", "5 ms"),
        ("contexts.0.nr_regions.max", "1,000"),
        ("contexts.0.targets.0.pid", "1234"),
        ("contexts.0.targets.0.obsolete", False),
    ],
)
def test_what_changes_nothing_in_a_kdamond_may_be_there(path: str, value: object) -> None:
    document = changed(full([PRCL]), f"kdamonds.0.{path}", value)

    assert read(document) == read(full([PRCL]))


def test_counts_are_meant_in_the_intervals_of_the_file() -> None:
    written = {
        "access_pattern": {
            "sz_bytes": {"min": "min", "max": "max"},
            "nr_accesses": {"min": "1 samples", "max": "3 samples"},
            "age": {"min": "2 aggr_intervals", "max": "4 aggr_intervals"},
        }
    }
    slow = changed(full([written]), "kdamonds.0.contexts.0.intervals.aggr_us", "50 ms")

    assert read(slow).schemes[0].pattern == AccessPattern(
        access_rate=Range(0.1, 0.3), age_us=Range(100_000, 200_000)
    )
    assert read([written]).schemes[0].pattern == AccessPattern(
        access_rate=Range(0.05, 0.15), age_us=Range(200_000, 400_000)
    )


def test_every_key_of_a_scheme_has_a_default() -> None:
    assert read([{}]).schemes == (Scheme(action=Action.STAT, pattern=PLAIN),)


def test_the_old_name_of_allow_is_read() -> None:
    written = {"filters": [{"filter_type": "anon", "matching": "y", "filter_pass": True}]}

    assert read([written]).schemes[0].filters == (Filter(type=FilterType.ANON, allow=True),)


@pytest.mark.parametrize(
    ("metric", "text", "value"),
    [
        (GoalMetric.ACTIVE_MEM_BP, "50.1%", 5010),
        (GoalMetric.SOME_MEM_PSI_US, "5 ms", 5000),
        (GoalMetric.USER_INPUT, "10,000", 10_000),
    ],
)
def test_goals_are_read_in_their_metrics_unit(metric: GoalMetric, text: str, value: int) -> None:
    goal = {"metric": metric.value, "target_value": text, "current_value": 0, "nid": None}
    quotas = {**PRCL["quotas"], "time_ms": 0, "sz_bytes": "0 B", "goals": [goal]}

    quota = read([{"quotas": quotas}]).schemes[0].quota

    assert quota is not None
    assert quota.goals == (QuotaGoal(metric=metric, target_value=value),)


def test_a_quota_without_limit_and_goal_is_none() -> None:
    quotas = {**PRCL["quotas"], "time_ms": "0 ns", "sz_bytes": "max"}

    assert read([{"quotas": quotas}]).schemes[0].quota is None


def test_watermarks_of_no_metric_are_none() -> None:
    assert read([changed(PRCL, "watermarks.metric", "none")]).schemes[0].watermarks is None


@pytest.mark.parametrize("rate", ["100 %", "200 %", "max", 100, 1e20, "20 samples"])
def test_an_upper_rate_of_100_percent_or_more_is_none(rate: object) -> None:
    low = "0 samples" if rate == "20 samples" else 0
    written = changed(PRCL, "access_pattern.nr_accesses", {"min": low, "max": rate})

    assert read([written]).schemes[0].pattern.access_rate.max == UNLIMITED


KDAMOND = "kdamonds[0].contexts[0]"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            [changed(PRCL, "access_pattern.age.min", "10 sec")],
            "schemes[0].access_pattern.age.min: '10 sec' is not a time: write a number and one of "
            "ns, us, ms, s, m, h, d, as in 100ms",
        ),
        (
            [PRCL, changed(PRCL, "action", "page_out")],
            "schemes[1].action: no action 'page_out': did you mean 'pageout'?",
        ),
        (
            [changed(PRCL, "quota", {})],
            "schemes[0]: no key 'quota': did you mean 'quotas'?",
        ),
        (
            [changed(PRCL, "access_pattern.sz_bytes.min", "4k")],
            "schemes[0].access_pattern.sz_bytes.min: '4k' is not a size: write bytes, or a number "
            "and one of K, M, G, T, as in 64M",
        ),
        (
            [changed(PRCL, "access_pattern.age", {"min": "max", "max": "max"})],
            "schemes[0].access_pattern.age.min: 'max' is for upper bounds and reset intervals: "
            "write a number",
        ),
        (
            [changed(PRCL, "access_pattern.nr_accesses", {"min": "1 samples", "max": "5 %"})],
            "schemes[0].access_pattern.nr_accesses: only one of min and max is in samples: write "
            "both in the same unit",
        ),
        (
            [changed(PRCL, "access_pattern.nr_accesses", {"min": 10, "max": "5 %"})],
            "schemes[0].access_pattern: access_rate.min (0.1) is above access_rate.max (0.05): "
            "nothing can match",
        ),
        (
            [{"quotas": {"time_ms": 1, "sz_bytes": 1, "reset_interval_ms": 1}}],
            "schemes[0].quotas: 'weights' is missing: add it, as in "
            '"weights": {"sz_permil": 0, "nr_accesses_permil": 0, "age_permil": 1}',
        ),
        (
            [{"dests": [{"id": 0, "weight": 7}]}],
            "schemes[0].dests: this feature of damo is not supported here: leave it out",
        ),
        (
            [changed(PRCL, "quotas.goal_tuner", "temporal")],
            "schemes[0].quotas.goal_tuner: this feature of damo is not supported here: leave it out",
        ),
        (
            changed(
                full(),
                "kdamonds.0.contexts.0.intervals.intervals_goal",
                {"access_bp": "4%", "aggrs": 3},
            ),
            f"{KDAMOND}.intervals.intervals_goal: this feature of damo is not supported here: leave "
            "it out",
        ),
        (
            changed(full(), "kdamonds.0.contexts.0.probes", [{"filters": []}]),
            f"{KDAMOND}.probes: this feature of damo is not supported here: leave it out",
        ),
        (
            changed(full(), "kdamonds.0.contexts.0.intervals.sample_us", "1 s"),
            f"{KDAMOND}.intervals: sampling_us (1000000) is above aggregation_us (100000): sample at "
            "least once an aggregation",
        ),
        (
            full(ops="padr"),
            f"{KDAMOND}.ops: no operations set 'padr': did you mean 'paddr'?",
        ),
        (
            full(pid=3, ops="paddr"),
            f"{KDAMOND}.targets[0]: pid belongs to virtual address spaces, and only to those",
        ),
        (
            {"kdamonds": full()["kdamonds"] * 2},
            "kdamonds: has 2 kdamonds: exactly one can be held",
        ),
        (
            {"schemes": []},
            "'schemes' is no form of damo: give its list alone, which begins with [",
        ),
        ({"scheme": []}, "no key 'scheme': known are kdamonds"),
        (
            [{"name": "tune", "shell": "echo Y > enabled"}],
            "schemes[0]: has no key of a scheme: write action and access_pattern",
        ),
        ([7], "schemes[0]: must be an object, in { }"),
        ([{"filters": {}}], "schemes[0].filters: must be a list, in [ ]"),
        (
            [{"filters": [{"filter_type": "anon", "matching": "maybe"}]}],
            "schemes[0].filters[0].matching: 'maybe' is neither true nor false: write one of these",
        ),
        (
            [{"filters": [{"filter_type": "memcg", "matching": True, "memcg_path": ""}]}],
            "schemes[0].filters[0]: filter memcg: memcg_path belongs to filters of type memcg, and "
            "to those always",
        ),
        (
            [changed(PRCL, "watermarks.metric", "free_mem")],
            "schemes[0].watermarks.metric: no metric 'free_mem': write none or free_mem_rate",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(document: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(document)

    assert str(caught.value) == f"x.json: {message}"


def test_what_damo_ignores_is_ignored_with_a_warning() -> None:
    document = changed(PRCL, "access_pattern.nr_accesses_unit", "percent")
    document["access_pattern"]["age_unit"] = "usec"
    document["rationale"] = "as in the talk"
    warnings: list[str] = []

    found = damo_json.loads(json.dumps([document]), "x.json", warnings.append)

    assert found == read([PRCL])
    assert sorted(warnings) == [
        f"x.json: schemes[0]{place}: '{key}' is ignored, as damo ignores it"
        for place, key in (
            (".access_pattern", "age_unit"),
            (".access_pattern", "nr_accesses_unit"),
            ("", "rationale"),
        )
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n  {"action": pageout}\n]', "x.json:2:14: not JSON: expecting value"),
        ("[{} {}]", "x.json:1:5: not JSON: expecting ',' delimiter"),
        (
            '[{"action": "stat", "action": "cold"}]',
            "x.json: 'action' stands twice in one object: keep one of them",
        ),
        ("[NaN]", "x.json: NaN is no number of JSON"),
        ("[" * 100_000, "x.json: nested too deeply to be schemes"),
    ],
)
def test_what_is_not_json_is_shown_where(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        damo_json.loads(text, "x.json")

    assert str(caught.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        *PRCL,
        *(f"access_pattern.{key}" for key in PRCL["access_pattern"]),
        *(f"access_pattern.{key}.max" for key in PRCL["access_pattern"]),
        *(f"quotas.{key}" for key in PRCL["quotas"]),
        *(f"watermarks.{key}" for key in PRCL["watermarks"]),
        "filters",
        "dests",
        "apply_interval_us",
        "quotas.goals",
        "quotas.fail_charge_num",
    ]
)


@given(PATHS, JSON)
def test_any_other_value_is_read_or_an_input_error(path: str, value: object) -> None:
    with contextlib.suppress(InputError):
        read([changed(PRCL, path, value)])


@pytest.mark.parametrize(
    "alone", [full()["kdamonds"][0], {"action": "hugepage"}], ids=["kdamond", "scheme"]
)
def test_a_kdamond_or_a_scheme_alone_is_read_as_one_in_a_list(alone: dict[str, Any]) -> None:
    assert damo_json.loads(json.dumps(alone), "f") == damo_json.loads(json.dumps([alone]), "f")
