"""`autotune measure`: its JSON, its tables, and what they follow from."""

from __future__ import annotations

import json
from pathlib import Path

from tests.program.commands import Runner


def test_measure_prints_the_promised_json(autotune: Runner, short: Path) -> None:
    result = autotune("measure", short, "--scheme", "prcl-3s", "--seed", 7, "--json")

    values = json.loads(result.out)
    assert result.status == 0
    assert list(values) == [
        "workload",
        "backend",
        "machine",
        "seed",
        "scheme",
        "monitoring",
        "record",
        "baseline",
        "seeds",
        "metrics",
        "metrics_low",
        "metrics_high",
        "more_than_noise",
        "missing",
        "reason",
        "doubts",
        "notes",
    ]
    assert (values["workload"], values["backend"], values["machine"]) == (
        "short",
        "simulator",
        "server",
    )
    assert (values["seed"], values["scheme"]) == (7, "4K max 0 0 3s max pageout")
    assert values["monitoring"] == {
        "intervals": {"sampling_us": 5_000, "aggregation_us": 100_000, "update_us": 1_000_000},
        "min_regions": 10,
        "max_regions": 1_000,
    }
    assert list(values["record"]["scheme_stats"]) == [
        "tried_regions",
        "tried_bytes",
        "applied_regions",
        "applied_bytes",
        "quota_exceeds",
    ]
    assert values["baseline"]["scheme_stats"] is None
    assert values["seeds"][0] == 7
    assert len(values["seeds"]) == 3


def test_measure_shows_means_and_ranges_or_that_the_noise_is_unknown(
    autotune: Runner, short: Path
) -> None:
    several = autotune("measure", short, "--scheme", "prcl-3s", "--seeds", 2)
    single = autotune("measure", short, "--scheme", "prcl-3s", "--seeds", 1)

    assert all(word in several.out for word in ("mean", "lowest", "highest", "\n2 seeds: 0, "))
    assert "seed 0 alone shows no noise" in single.out
    assert "try --seeds 3" in single.out
    assert several.err == single.err == ""
    for text in (several.out, single.out):
        assert [line for line in text.splitlines() if len(line) > 80] == []


def test_measure_shows_how_much_of_a_figure_is_luck(autotune: Runner, tmp_path: Path) -> None:
    # Each half is hot for 5 s; whether the other one gets 3 s old in time is chance.
    often, seldom = "{0}, 0, 64, 99\n{1}, 0, 64, 1\n", "{1}, 0, 64, 99\n{0}, 0, 64, 1\n"
    phases = "".join(
        f"\nphase {number}\n5000\n{accesses.format('a', 'b')}"
        for number, accesses in enumerate((often, seldom))
    )
    (tmp_path / "halves.cfg").write_text(f"a, 104857600\nb, 104857600\n{phases}")
    (tmp_path / "halves.yaml").write_text("workload: {pattern: halves.cfg}\n")

    result = autotune(
        "measure",
        "halves.yaml",
        "--scheme",
        "prcl-3s",
        "--machine",
        "micro-vm",
        "--seeds",
        "8",
        "--json",
    )

    values = json.loads(result.out)
    assert values["metrics_low"]["slowdown"] < 0.005
    assert values["metrics_high"]["slowdown"] > 0.04


def test_equal_measurements_print_equal_bytes(autotune: Runner, short: Path) -> None:
    arguments = ("measure", short, "--scheme", "prcl-3s", "--json")

    assert autotune(*arguments).out == autotune(*arguments).out


def test_without_a_scheme_measure_only_monitors(autotune: Runner, short: Path) -> None:
    values = json.loads(autotune("measure", short, "--json").out)

    assert values["scheme"] is None
    assert values["record"]["swap_out_bytes"] == 0
    assert values["metrics"]["memory_saving"] == 0.0


def test_another_machine_gives_other_figures(autotune: Runner, short: Path) -> None:
    measured = [
        json.loads(autotune("measure", short, "--machine", machine, "--json").out)["metrics"]
        for machine in ("server", "micro-vm")
    ]

    assert measured[1]["cpu_use"] > 4 * measured[0]["cpu_use"]


def test_what_was_exported_can_be_measured(autotune: Runner, short: Path) -> None:
    run = autotune("run", short, "--trials", 8, "--seed", 1, "--out", "run", "--json")
    best = json.loads(run.out)["front"][0]
    files = [
        autotune("export", "run", "--pick", "best", "--format", form, "--out", "files").out.strip()
        for form in ("damos", "schemes", "kdamonds")
    ]

    schemes = [
        json.loads(autotune("measure", short, "--scheme", file, "--json").out)["scheme"]
        for file in files
    ]

    assert schemes == [best["scheme"]] * 3


def test_a_scheme_that_no_line_of_text_holds_is_shown_as_json(
    autotune: Runner, short: Path, tmp_path: Path
) -> None:
    file = tmp_path / "slow.json"
    scheme = {"action": "stat", "apply_interval_us": "1 s"}
    file.write_text(json.dumps([scheme]))

    measured = autotune("measure", short, "--scheme", file)
    checked = autotune("check", file)

    assert (measured.status, checked.status) == (0, 0)
    for result in (measured, checked):
        assert '"apply_interval_us": 1000000' in " ".join(result.out.split())


def test_what_looks_like_markup_in_a_name_is_printed_as_it_is(
    autotune: Runner, short: Path
) -> None:
    short.write_text(short.read_text() + "name: a[bold]b\n")

    assert "a[bold]b on simulator" in autotune("measure", short).out
