"""What we write, damo 3.4.3 reads as meant; what it writes and wrote, we read as meant.

damo only ever runs in other processes, and those where it could look at this machine's DAMON have an
empty /sys of their own.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune.damon.damos import (
    UNLIMITED,
    AccessPattern,
    Action,
    Filter,
    FilterType,
    QuotaGoal,
    Range,
    Scheme,
)
from autotune.damon.kernel_units import ULONG_MAX, on_grid, to_kernel
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.errors import InputError
from autotune.formats import damo_args, damo_json, damos_text
from tests.strategies import MONITORING, ONE_LINE_SCHEMES, grid_schemes, schemes, targets

ISOLATED = (
    "unshare",
    "-rm",
    "sh",
    "-c",
    'mount -t tmpfs none /sys && mkdir /sys/module && exec "$@"',
    "sh",
)
ORACLE = (sys.executable, str(Path(__file__).with_name("damo_oracle.py")))
QUICK = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Oracle:
    """A running `damo_oracle.py`."""

    def __init__(self, command: Sequence[str], home: Path) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "HOME": str(home)},
            text=True,
        )

    def __call__(self, call: str, **arguments: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"call": call, **arguments}), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Calls that touch no system file; they need no isolation."""
    running = Oracle(ORACLE, tmp_path_factory.mktemp("home"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def isolation() -> tuple[str, ...]:
    try:
        tried = subprocess.run(
            [*ISOLATED, "true"], check=False, capture_output=True, text=True, timeout=30
        )
    except FileNotFoundError:
        pytest.skip("NOT TESTED: damo's command line needs unshare (package util-linux)")
    if tried.returncode:
        pytest.skip(
            "NOT TESTED: damo's command line needs an empty /sys, and user namespaces are not allowed "
            f"here ({tried.stderr.strip()}); run as root, or set kernel.unprivileged_userns_clone=1"
        )
    return ISOLATED


@pytest.fixture(scope="module")
def isolated_oracle(
    isolation: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Oracle]:
    running = Oracle([*isolation, *ORACLE], tmp_path_factory.mktemp("home"))
    yield running
    running.close()


def filter_files(item: Filter) -> dict[str, object]:
    files: dict[str, object] = {
        "type": item.type.value,
        "matching": "Y" if item.matching else "N",
        "allow": "Y" if item.allow else "N",
    }
    if item.memcg_path is not None:
        files["memcg_path"] = item.memcg_path
    if item.address_range is not None:
        files["addr_start"], files["addr_end"] = item.address_range
    if item.size_range is not None:
        files["min"], files["max"] = item.size_range
    if item.target_index is not None:
        files["damon_target_idx"] = item.target_index
    return files


def goal_files(goal: QuotaGoal) -> dict[str, object]:
    files: dict[str, object] = {
        "target_metric": goal.metric.value,
        "target_value": goal.target_value,
        "current_value": goal.current_value,
    }
    if goal.nid is not None:
        files["nid"] = goal.nid
    if goal.memcg_path is not None:
        files["path"] = goal.memcg_path
    return files


def scheme_files(scheme: Scheme, intervals: Intervals) -> dict[str, object]:
    """The kernel's files of a scheme, after our own conversion."""
    kernel, quota = to_kernel(scheme, intervals), scheme.quota
    interval, high, mid, low = kernel.watermarks or (0, 0, 0, 0)
    files: dict[str, object] = {
        "action": scheme.action.value,
        "apply_interval_us": scheme.apply_interval_us,
        "quotas/ms": kernel.quota_ms,
        "quotas/bytes": kernel.quota_bytes,
        "quotas/reset_interval_ms": kernel.reset_interval_ms,
        "quotas/weights/sz_permil": quota.weights.size if quota else 0,
        "quotas/weights/nr_accesses_permil": quota.weights.access_rate if quota else 0,
        "quotas/weights/age_permil": quota.weights.age if quota else 0,
        "watermarks/metric": "none" if kernel.watermarks is None else "free_mem_rate",
        "watermarks/interval_us": interval,
        "watermarks/high": high,
        "watermarks/mid": mid,
        "watermarks/low": low,
        "filters/nr_filters": len(scheme.filters),
        "quotas/goals/nr_goals": len(quota.goals) if quota else 0,
    }
    for name in ("sz", "nr_accesses", "age"):
        for end, value in zip(("min", "max"), getattr(kernel, name), strict=True):
            files[f"access_pattern/{name}/{end}"] = value
    if scheme.pattern.age_us.max == UNLIMITED:
        # Damo divides the largest number of microseconds; the kernel keeps 32 bits of either.
        files["access_pattern/age/max"] = int(ULONG_MAX / intervals.aggregation_us)
    if scheme.target_nid is not None:
        files["target_nid"] = scheme.target_nid
    for index, item in enumerate(scheme.filters):
        files |= {f"filters/{index}/{name}": v for name, v in filter_files(item).items()}
    for index, goal in enumerate(quota.goals if quota else ()):
        files |= {f"quotas/goals/{index}/{name}": v for name, v in goal_files(goal).items()}
    return files


def all_scheme_files(written: Sequence[Scheme], intervals: Intervals) -> dict[str, str]:
    files = {"schemes/nr_schemes": str(len(written))}
    for index, scheme in enumerate(written):
        for name, value in scheme_files(scheme, intervals).items():
            files[f"schemes/{index}/{name}"] = str(value)
    return files


def context_files(monitoring: Monitoring, target: Target) -> dict[str, str]:
    files: dict[str, object] = {
        "operations": target.operations.value,
        "monitoring_attrs/intervals/sample_us": monitoring.intervals.sampling_us,
        "monitoring_attrs/intervals/aggr_us": monitoring.intervals.aggregation_us,
        "monitoring_attrs/intervals/update_us": monitoring.intervals.update_us,
        "monitoring_attrs/nr_regions/min": monitoring.min_regions,
        "monitoring_attrs/nr_regions/max": monitoring.max_regions,
        "targets/nr_targets": 1,
        "targets/0/regions/nr_regions": len(target.regions),
    }
    if target.pid is not None:
        files["targets/0/pid_target"] = target.pid
    for index, (start, end) in enumerate(target.regions):
        files[f"targets/0/regions/{index}/start"] = start
        files[f"targets/0/regions/{index}/end"] = end
    return {path: str(value) for path, value in files.items()}


def part_of(staged: dict[str, str], expected: dict[str, str]) -> dict[str, str | None]:
    """The staged files that are expected; damo also writes empty ones of other filters."""
    return {path: staged.get(path) for path in expected}


@st.composite
def settings_on_grid(
    draw: st.DrawFn, max_filters: int = 3
) -> tuple[Monitoring, Target, list[Scheme]]:
    monitoring = draw(MONITORING)
    drawn = draw(st.lists(grid_schemes(monitoring.intervals, max_filters), max_size=5))
    return monitoring, draw(targets()), drawn


@QUICK
@given(settings_on_grid())
def test_damo_stages_our_numbers_from_the_full_form(
    oracle: Oracle, case: tuple[Monitoring, Target, list[Scheme]]
) -> None:
    monitoring, target, written = case

    staged = oracle("stage_kdamonds", text=damo_json.dumps_kdamonds(written, monitoring, target))

    expected = all_scheme_files(written, monitoring.intervals) | context_files(monitoring, target)
    assert part_of(staged, expected) == expected


@QUICK
@given(st.lists(grid_schemes(Intervals()), max_size=5))
def test_damo_stages_our_numbers_from_the_list_form(oracle: Oracle, written: list[Scheme]) -> None:
    staged = oracle("stage_schemes", text=damo_json.dumps_schemes(written))

    expected = all_scheme_files(written, Intervals())
    assert part_of(staged, expected) == expected


@pytest.mark.parametrize("samples", [1, 7, 14, 19, 20, 100])
def test_damo_stages_every_count_of_samples_on_the_grid(oracle: Oracle, samples: int) -> None:
    intervals = Intervals(sampling_us=1_000, aggregation_us=1_000 * samples + 500)
    written = [
        on_grid(
            Scheme(
                action=Action.STAT,
                pattern=AccessPattern(access_rate=Range(count / samples, count / samples)),
            ),
            intervals,
        )
        for count in range(samples)
    ]

    staged = oracle(
        "stage_kdamonds",
        text=damo_json.dumps_kdamonds(written, Monitoring(intervals=intervals), Target()),
    )

    paths = [f"schemes/{count}/access_pattern/nr_accesses" for count in range(samples)]
    assert [staged[f"{path}/min"] for path in paths] == [str(count) for count in range(samples)]
    assert [staged[f"{path}/max"] for path in paths] == [str(count) for count in range(samples)]


@QUICK
@given(settings_on_grid(max_filters=1))
def test_the_command_line_stages_what_the_full_form_stages(
    isolated_oracle: Oracle, case: tuple[Monitoring, Target, list[Scheme]]
) -> None:
    monitoring, target, written = case
    if target.operations is OperationsSet.FVADDR and not target.regions:
        target = replace(target, operations=OperationsSet.VADDR)
    line = damo_args.command_line(written, monitoring, target).replace('"$PID"', "0")

    staged = isolated_oracle("stage_words", words=shlex.split(line)[2:])

    expected = all_scheme_files(written, monitoring.intervals) | context_files(monitoring, target)
    for index, scheme in enumerate(written):
        if scheme.quota is None:  # nothing is limited, so the length of a window means nothing
            del expected[f"schemes/{index}/quotas/reset_interval_ms"]
    assert part_of(staged, expected) == expected


def test_damo_refuses_a_second_filter_on_its_command_line(isolated_oracle: Oracle) -> None:
    scheme = Scheme(action=Action.STAT, filters=(Filter(type=FilterType.ANON),))
    line = damo_args.command_line([scheme], Monitoring(), Target(pid=1))

    isolated_oracle("stage_words", words=shlex.split(line)[2:])
    with pytest.raises(AssertionError, match="RuntimeError"):
        isolated_oracle(
            "stage_words", words=shlex.split(f"{line} --damos_filter reject young")[2:]
        )


def as_damo_reads(scheme: Scheme) -> dict[str, Any]:
    """A scheme in the units of damo's reader of one-line text."""

    def limit(value: float, unlimited: float = ULONG_MAX) -> float:
        return unlimited if value == UNLIMITED else value

    pattern, quota, watermarks = scheme.pattern, scheme.quota, scheme.watermarks
    size, rate, age = pattern.size_bytes, pattern.access_rate, pattern.age_us
    read: dict[str, Any] = {
        "action": scheme.action.value,
        "size": [size.min, limit(size.max)],
        "percent": [rate.min * 100, limit(rate.max * 100)],
        "age_us": [age.min, limit(age.max)],
        "quota": [0, 0, ULONG_MAX],
        "weights": [0, 0, 0],
        "watermarks": ["none", 0, 0, 0, 0],
    }
    if quota is not None:
        reset = quota.reset_interval_us / 1000
        read["quota"] = [(quota.time_us or 0) / 1000, quota.size_bytes or 0, limit(reset)]
        read["weights"] = [quota.weights.size, quota.weights.access_rate, quota.weights.age]
    if watermarks is not None:
        shares = (watermarks.high, watermarks.mid, watermarks.low)
        read["watermarks"] = [
            "free_mem_rate",
            watermarks.interval_us,
            *(round(share * 1000) for share in shares),
        ]
    return read


def approximately(read: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str) or key == "watermarks" else pytest.approx(value)
        for key, value in read.items()
    }


@QUICK
@given(st.lists(ONE_LINE_SCHEMES, min_size=1, max_size=5))
def test_damos_kept_reader_reads_our_lines_as_meant(oracle: Oracle, written: list[Scheme]) -> None:
    read = oracle("read_lines", text=damos_text.dumps(written))

    assert read == [approximately(as_damo_reads(scheme)) for scheme in written]


SIZE = st.sampled_from(["min", "0", "4096", "4K", "1.5M", "4KiB", "2MB", "1,024", "3G", "0B"])
PERCENT = st.sampled_from(["min", "0", "5", "5%", "12.5", "80", "80%"])
TIME = st.sampled_from(["min", "0", "7", "10us", "1.5ms", "5s", "2m", "1h", "3d", "2000ns"])
WHOLE = st.integers(0, 1000).map(str)
MARKS = st.lists(st.integers(0, 1000), min_size=3, max_size=3).map(
    lambda marks: [str(mark) for mark in sorted(marks, reverse=True)]
)


@st.composite
def published_lines(draw: st.DrawFn) -> str:
    """Lines of every length and notation that damo took."""
    words = [draw(SIZE), "max", draw(PERCENT), "max", draw(TIME), "max"]
    words.append(draw(st.sampled_from(["pageout", "HUGEPAGE", "Stat", "lru_prio"])))
    length = draw(st.sampled_from(sorted(damos_text.LAYOUTS)))
    if length == 18:
        words.append(draw(TIME))
    if length >= 9:
        words += [draw(SIZE), draw(TIME | st.just("max"))]
    if length >= 12:
        words += [draw(WHOLE) for _ in range(3)]
    if length >= 17:
        metric = draw(st.sampled_from(["none", "free_mem_rate", "FREE_MEM_RATE"]))
        words += [metric, draw(TIME), *draw(MARKS)]
    return draw(st.sampled_from([" ", "\t", "  "])).join(words)


@QUICK
@given(st.lists(published_lines(), min_size=1, max_size=8))
def test_we_read_lines_as_damos_kept_reader_does(oracle: Oracle, rows: list[str]) -> None:
    text = "# a comment\n\n" + "\n".join(rows)

    ours = [as_damo_reads(scheme) for scheme in damos_text.loads(text, "x.damos")]

    theirs = oracle("read_lines", text=text)
    for our, their in zip(ours, theirs, strict=True):
        if their["quota"][:2] == [0, 0]:  # no limit: what else it says has no effect
            their["quota"], their["weights"] = our["quota"], our["weights"]
        if their["watermarks"][0] == "none":
            their["watermarks"] = our["watermarks"]
        assert their == approximately(our)


@pytest.mark.parametrize("count", [1, 6, 8, 10, 11, 13, 16, 19])
def test_other_numbers_of_fields_are_refused_by_both(oracle: Oracle, count: int) -> None:
    text = " ".join(["4K"] * count)

    with pytest.raises(InputError):
        damos_text.loads(text, "x.damos")
    with pytest.raises(AssertionError, match="RuntimeError"):
        oracle("read_lines", text=text)


COARSE = """\
4K max 0 0 10s max pageout
min max 5 max min max hugepage
2M max min min 7s max nohugepage
64K 1G 10 50 100ms 1h cold 10ms 128M 1s 0 300 700 free_mem_rate 5s 500 400 50
4K max 20 max min max lru_prio 20ms 0B 1s 0 3 7 none 0us 0 0 0
"""


def test_the_command_damo_accepts_our_files_and_we_read_what_it_prints(
    isolation: tuple[str, ...], tmp_path: Path
) -> None:
    written = damos_text.loads(COARSE, "coarse.damos")
    file = tmp_path / "tuned.json"
    file.write_text(damo_json.dumps_kdamonds(written, Monitoring(), Target(pid=0)))

    printed = run_damo(isolation, [file], tmp_path)[0]

    assert damo_json.loads(printed, "damo") == damo_json.Parsed(
        schemes=written, monitoring=Monitoring(), target=Target(pid=0)
    )


def run_damo(isolation: tuple[str, ...], files: Sequence[Path], home: Path) -> list[str]:
    """Let ``damo args damon`` read files; give what it prints for each."""
    script = """
        for file in "$@"; do
            damo args damon --kdamonds "$file" --format json; echo "exit $?"
        done
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*isolation, "sh", "-c", script, "sh", *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(home), "PATH": path},
    )
    printed = done.stdout.split("exit 0\n")
    assert len(printed) == len(files) + 1, done.stdout + done.stderr
    return printed[:-1]


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases=st.lists(st.tuples(MONITORING, targets(), schemes()), min_size=1, max_size=5))
def test_the_command_damo_accepts_every_file(
    isolation: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
    cases: list[tuple[Monitoring, Target, Scheme]],
) -> None:
    folder = tmp_path_factory.mktemp("files")
    files = []
    for index, (monitoring, target, scheme) in enumerate(cases):
        files.append(folder / f"{index}.json")
        files[-1].write_text(damo_json.dumps_kdamonds([scheme], monitoring, target))

    run_damo(isolation, files, folder)
