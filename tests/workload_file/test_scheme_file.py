"""Whose monitoring counts where a scheme file and a workload file meet, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotune.backends.factory import make_backend
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.errors import InputError
from autotune.formats import damo_json
from autotune.study.one_scheme import measure_scheme
from autotune.testing import prcl
from autotune.workload_file.scheme_file import with_scheme_file
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file

SLOW = Monitoring(
    intervals=Intervals(sampling_us=50_000, aggregation_us=500_000, update_us=2_000_000),
    max_regions=100,
)
SLOW_TEXT = "sampling 50ms, aggregation 500ms, update 2s, 10 to 100 regions"
SLOW_YAML = """\
monitoring:
  sampling_interval: 50ms
  aggregation_interval: 500ms
  update_interval: 2s
  max_regions: 100
"""
USUAL_TEXT = "sampling 5ms, aggregation 100ms, update 1s, 10 to 1000 regions"
PATTERN = (
    "a, 8388608\nb, 8388608\n\n"
    "both\n500\na, 0, 4096, 1\nb, 0, 4096, 1\n\n"
    "one\n5500\na, 0, 4096, 1\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tiny.cfg").write_text(PATTERN)
    return tmp_path


def workload(more: str = "") -> WorkloadFile:
    path = Path("my.yaml")
    path.write_text("workload: {pattern: tiny.cfg}\n" + more)
    return load_workload_file(path)


def kdamonds(monitoring: Monitoring = SLOW, target: Target | None = None) -> dict[str, Any]:
    text = damo_json.dumps_kdamonds([prcl(min_age_us=1_200_000)], monitoring, target or Target())
    document: dict[str, Any] = json.loads(text)
    return document


def meet(file: WorkloadFile, scheme_file: object) -> tuple[WorkloadFile, list[str]]:
    text = scheme_file if isinstance(scheme_file, str) else json.dumps(scheme_file)
    Path("s.json").write_text(text)
    warnings: list[str] = []
    return with_scheme_file(file, Path("s.json"), warn=warnings.append)[0], warnings


def test_the_scheme_files_monitoring_is_used_where_the_workload_file_has_none() -> None:
    file, warnings = meet(workload(), kdamonds())

    assert file.monitoring == SLOW
    assert warnings == [f"s.json: its monitoring is used: {SLOW_TEXT}"]


def test_the_figures_are_those_of_that_monitoring() -> None:
    def saving(file: WorkloadFile) -> float:
        found = measure_scheme(file, (prcl(min_age_us=1_200_000),), make_backend(file.backend))
        return found.metrics["memory_saving"]

    by_scheme_file = saving(meet(workload(), kdamonds())[0])

    assert by_scheme_file == saving(workload(SLOW_YAML)) != saving(workload())


def test_the_workload_files_own_monitoring_wins_and_both_are_named() -> None:
    file, warnings = meet(workload("monitoring: {max_regions: 1000}"), kdamonds())

    assert file.monitoring == Monitoring()
    assert warnings == [
        "my.yaml and s.json differ in their monitoring: the workload file's is used "
        f"({USUAL_TEXT}), not the scheme file's ({SLOW_TEXT})"
    ]


@pytest.mark.parametrize("more", ["", SLOW_YAML, "monitoring: {start_after: 1s}"])
def test_nothing_is_said_where_there_is_no_question(more: str) -> None:
    file = workload(more)

    assert meet(file, kdamonds(file.monitoring)) == (file, [])
    assert meet(file, "4K max 0 0 1s max pageout") == (file, [])


def test_a_file_without_intervals_leaves_them_to_the_workload_file() -> None:
    document = kdamonds()
    context = document["kdamonds"][0]["contexts"][0]
    del context["intervals"], context["nr_regions"]

    assert meet(workload(SLOW_YAML), document)[0].monitoring == SLOW


def test_a_module_has_no_update_interval_and_acts_elsewhere() -> None:
    file, warnings = meet(workload("monitoring: {update_interval: 3s}"), "min_age=1000000\n")

    assert file.monitoring.intervals.update_us == 3_000_000
    assert warnings == [
        "s.json: the module acts on all memory of a machine: what is measured is its scheme on the "
        "workload's memory alone"
    ]

    file, warnings = meet(workload(), "min_age=1000000\naggr_interval=200000\n")

    assert file.monitoring == Monitoring(intervals=Intervals(aggregation_us=200_000))
    assert warnings[1:] == [
        "s.json: its monitoring is used: sampling 5ms, aggregation 200ms, update 1s, 10 to 1000 "
        "regions"
    ]


HERE = "here DAMON watches all virtual addresses of the workload (vaddr)"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            Target(operations=OperationsSet.PADDR, pid=None, regions=((0, 4096),)),
            f"asks for the machine's physical addresses (paddr); {HERE}: write vaddr (in a damo "
            "command, --ops vaddr) and leave the regions empty",
        ),
        (
            Target(operations=OperationsSet.FVADDR),
            f"asks for fixed virtual addresses (fvaddr); {HERE}: write vaddr (in a damo "
            "command, --ops vaddr)",
        ),
        (
            Target(regions=((4096, 8192),)),
            f"asks for fixed ranges of addresses (regions); {HERE}: leave the regions empty",
        ),
    ],
)
def test_what_would_not_be_monitored_is_refused_and_the_remedy_helps(
    target: Target, message: str
) -> None:
    document = kdamonds(target=target)
    with pytest.raises(InputError) as caught:
        meet(workload(), document)

    assert str(caught.value) == f"s.json: {message}"
    context = document["kdamonds"][0]["contexts"][0]
    context["ops"] = "vaddr"
    context["targets"][0]["regions"] = []
    assert meet(workload(), document)[0].monitoring == SLOW


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "min_age=1000000\nmonitor_region_end=8589934592\n",
            "a range of physical addresses can't be measured here: leave out monitor_region_start "
            "and monitor_region_end",
        ),
        (
            "min_age=1000000\nskip_anon=Y\n",
            "skip_anon looks at pages, which DAMON does not do in a process's memory, and only that "
            "can be measured here: leave skip_anon out",
        ),
        (
            '[{"action": "migrate_cold", "target_nid": 1}]',
            "scheme 1: migrate_cold does nothing under vaddr, and only that can be measured here: "
            "take cold, hugepage, nohugepage, pageout, stat or willneed",
        ),
        (
            '[{"action": "pageout", "filters": [{"filter_type": "anon", "matching": true}]}]',
            "scheme 1: filter anon looks at pages, which DAMON does not do under vaddr, and only "
            "that can be measured here: leave the filter out",
        ),
    ],
)
def test_a_scheme_that_would_do_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        meet(workload(), text)

    assert str(caught.value) == f"s.json: {message}"
