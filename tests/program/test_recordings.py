"""`record` and `show` as scripts see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotune.backends.vm.vm import Vm
from autotune.cli.main import run_command_line
from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import RecordedProcess, Recording
from autotune.experiment.experiment import Experiment
from autotune.formats.damo_record.reader import load
from autotune.formats.damo_record.writer import save
from tests.recordings import PAGE, area, recording, snapshot

PROGRAM = "workload:\n  command: [sleep, '1']\n"
FAR = 1 << 30


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sleeper.yaml").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The micro-VM records at once; gives the seeds that it was asked for."""
    seeds: list[int] = []

    def record(self: Vm, experiment: Experiment, *, seed: int) -> Recording:
        del self, experiment
        seeds.append(seed)
        return recording()

    monkeypatch.setattr(Vm, "check", lambda *_: None)
    monkeypatch.setattr(Vm, "record", record)
    return seeds


def test_a_recording_is_kept_and_told_in_two_lines(
    instant: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["record", "sleeper.yaml", "--seed", "3"]) == 0

    assert capsys.readouterr().out == (
        "sleeper: 0.2 s, 2 aggregations, 4 regions, working set 0.0 MiB\n"
        "kept in sleeper.damon.data; see it: autotune show sleeper.damon.data\n"
    )
    assert load(Path("sleeper.damon.data")).snapshots == recording().snapshots
    assert instant == [3]


def test_a_file_that_is_there_is_refused_before_anything_is_run(
    instant: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there").write_text("mine")

    assert run_command_line(["record", "sleeper.yaml", "--out", "there"]) == 2

    assert (
        capsys.readouterr().err == "error: there: is there already: name another file with --out\n"
    )
    assert instant == []


def shown(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run_command_line(["show", *arguments]) == 0
    return capsys.readouterr().out


def test_the_map_has_a_line_a_row_and_a_sign_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    save(recording(), Path("halves"))

    lines = shown("halves", capsys=capsys).splitlines()

    assert lines[0] == "halves: 0.2 s, 2 aggregations of 100ms, 20 samples each"
    rows = [line.split() for line in lines if line.startswith("1")]
    assert [int(address, 16) for address, _ in rows] == [page * PAGE for page in range(16, 32)]
    assert {signs for _, signs in rows[:8]} == {"@" * 33 + "." * 33}
    assert {signs for _, signs in rows[8:]} == {"." * 33 + "@" * 33}


def test_everything_fits_80_columns_and_is_plain_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends = range(100_000, 30_100_000, 100_000)
    save(
        recording(
            duration_us=ends[-1],
            snapshots=tuple(
                snapshot(end, (16, 17, 0), (17, 60, end // 100_000 % 21), (FAR, FAR + 8, 3))
                for end in ends
            ),
            areas=tuple(
                area(start, end, 0, ends[-1]) for start, end in ((16, 60), (FAR, FAR + 8))
            ),
        ),
        Path("wide"),
    )

    text = shown("wide", capsys=capsys)

    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    assert "..." in text.splitlines()


def test_terabytes_fit_too(capsys: pytest.CaptureFixture[str]) -> None:
    save(
        recording(snapshots=(snapshot(200_000, (0, FAR, 20)),), areas=(area(0, FAR),)), Path("4T")
    )

    lines = shown("4T", capsys=capsys).splitlines()

    assert max(len(line) for line in lines) <= 80
    assert " ".join(["4096.0"] * 7) in " ".join(" ".join(lines).split())


def test_the_distribution_is_in_mebibytes(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = (1, 1, 2, 8)
    save(
        recording(
            duration_us=400_000,
            snapshots=tuple(
                snapshot(number * 100_000, (0, size * 256, 1))
                for number, size in enumerate(sizes, start=1)
            ),
            areas=(area(0, 8 * 256),),
        ),
        Path("sizes"),
    )

    lines = shown("sizes", capsys=capsys).splitlines()

    head = next(number for number, line in enumerate(lines) if "working set, MiB" in line)
    assert lines[head].split()[3:] == ["min", "p25", "p50", "p75", "p90", "max", "mean"]
    assert lines[head + 2].split() == ["1.0", "1.0", "1.0", "2.0", "8.0", "8.0", "3.0"]


def test_json_has_figures_and_the_same_map(capsys: pytest.CaptureFixture[str]) -> None:
    save(recording(cpu_us=1_500, work_done=3.0, compressed_fraction=0.5), Path("halves"))

    found = json.loads(shown("halves", "--json", capsys=capsys))

    assert found["doubts"]["looks_per_page"] == 5.0
    assert found["doubts"]["reasons"] == ["it has 2 aggregations"]
    assert {key: found[key] for key in found.keys() - {"doubts", "wss", "heatmap"}} == {
        "name": "halves",
        "duration_s": 0.2,
        "intervals": {"sampling_us": 5_000, "aggregation_us": 100_000, "update_us": 1_000_000},
        "aggregations": 2,
        "cpu_s": 0.0015,
        "work_done": 3.0,
        "compressed_fraction": 0.5,
        "processes": [],
        "unwatched_share": None,
        "unwatched_names": [],
    }
    assert found["wss"]["mean_bytes"] == 8 * PAGE
    assert found["heatmap"]["time_s"] == [0.0, 0.1, 0.2]
    assert [row["rates"] for row in found["heatmap"]["rows"]] == [[1, 0]] * 8 + [[0, 1]] * 8
    assert sum(row["bytes"] for row in found["heatmap"]["rows"]) == 16 * PAGE


def test_what_is_no_recording_is_one_message_and_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command_line(["show", "sleeper.yaml"]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: sleeper.yaml: is a workload file, not a recording: autotune record WORKLOAD makes one\n"
    )


def test_several_processes_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    base = PROCESS_BYTES // PAGE
    several = recording(
        snapshots=(snapshot(100_000, (16, 32, 20), (base + 5, base + 9, 3)),),
        areas=(area(16, 32), area(base + 5, base + 9)),
        processes=(
            RecordedProcess(name="postgres", from_us=0, until_us=200_000),
            RecordedProcess(name="worker", from_us=100_000, until_us=200_000),
        ),
        unwatched_share=0.25,
        unwatched_names=("worker",),
    )
    save(several, Path("several"))

    lines = shown("several", capsys=capsys).splitlines()

    assert lines[1:3] == [
        "process 0: postgres, 0.1 MiB when first seen, watched from 0.0 to 0.2 s",
        "process 1: worker, 0.0 MiB when first seen, watched from 0.1 to 0.2 s",
    ]
    assert lines[3].startswith(
        "note: DAMON did not watch 25 % of the workload's memory, that of w"
    )
    assert next(line.split()[:2] for line in lines[5:] if ": " in line) == ["0:", "10000"]
    assert "1: 5000" in "".join(lines)
