from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.closed_form import ClosedForm, tune


def text(tmp_path: Path, keys: Mapping[str, object] | None = None, **backend: object) -> str:
    outcome = tune(tmp_path, keys, backend=ClosedForm(**backend))  # type: ignore[arg-type]
    return (outcome.out / "summary.md").read_text()


def section(summary: str, heading: str) -> str:
    return summary.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_the_front_is_a_table_of_what_is_sought_and_bounded(tmp_path: Path) -> None:
    keys = {"constraints": "[cpu_use <= 50%]", "confirmations": 1}

    found = section(text(tmp_path, keys), "Front").splitlines()

    assert found[3] == "| trial |   memory_saving |        slowdown |       cpu_use |"
    assert found[4] == "|------:|----------------:|----------------:|--------------:|"
    # 60 % times exp(-1/10), 50 % times exp(-1).
    assert found[5].split("|")[2:] == [
        " 54.29% (54.29%) ",
        " 18.39% (18.39%) ",
        " 1.00% (1.00%) ",
        "",
    ]


def test_best_and_knee_are_named_with_their_schemes(tmp_path: Path) -> None:
    found = section(text(tmp_path), "Front")

    assert ", best: `4K max 0 0 1s max pageout`" in found
    assert found.count(", knee: `4K max 0 0 ") == 1


def test_without_confirmations_it_says_that_nothing_is_confirmed(tmp_path: Path) -> None:
    assert "Not confirmed: every figure is that of one measurement" in section(
        text(tmp_path, {"confirmations": 0}), "Front"
    )


def test_the_baseline_has_units(tmp_path: Path) -> None:
    assert section(text(tmp_path), "Baseline").strip().splitlines() == [
        "Without DAMON:",
        "",
        "- run time: 10 s",
        "- CPU time of the workload: 9 s",
        "- resident memory: 100.0 MiB on average, 100.0 MiB at most",
        "- major faults: 0",
    ]


def test_failed_trials_have_their_reasons(tmp_path: Path) -> None:
    found = section(text(tmp_path, fail=lambda _: "it got lost"), "Failed trials")

    assert found.strip() == "- trials 0, 1, 2, 3, 4, 5, 6, 7: it got lost"


def test_published_schemes_are_shown_beside_the_front(tmp_path: Path) -> None:
    keys = {"search_space": "prcl", "sampler": "random"}

    found = section(text(tmp_path, keys), "Published schemes")

    assert "- trial 1, on the front: `4K max 0 0 5s max pageout`" in found
    assert "- trial 2: `4K max 0 0 10s max pageout`" in found


@pytest.mark.parametrize("trials", [19, 20])
def test_what_mattered_is_told_from_20_trials_on(tmp_path: Path, trials: int) -> None:
    keys = {
        "search_space": "prcl",
        "sampler": "random",
        "budget": f"{{trials: {trials}}}",
        "confirmations": 0,
    }

    summary = text(tmp_path, keys)

    assert ("Share of each parameter in what a model knows" in summary) == (trials == 20)
    if trials == 20:
        assert "- slowdown: pattern.min_age " in section(summary, "What mattered")


def test_the_neighbour_says_why_it_is_not_recommended(tmp_path: Path) -> None:
    found = section(text(tmp_path, {"constraints": "[slowdown <= 5%]"}), "What mattered")

    # Of ages of 1, 2, 5 and 10 s, the shortest that keeps the limit is 5 s.
    assert "- why trial " in found
    assert "slowdown 6.77% > 5%" in found


def test_an_empty_front_says_which_bound_stood_in_the_way(tmp_path: Path) -> None:
    summary = text(tmp_path, {"constraints": "[memory_saving >= 99%]"})

    assert "It is empty: no trial kept memory_saving >= 99%." in section(summary, "Front")


def test_each_bound_says_how_many_trials_broke_it(tmp_path: Path) -> None:
    summary = text(tmp_path, {"constraints": "[slowdown <= 5%, cpu_use <= 50%]"})

    # Of the ages of 1, 2, 5 and 10 s, with two sizes each, those of 1 and 2 s are too slow.
    assert "- within slowdown <= 5%: broken by 4 of 8 measured trials\n" in summary
    assert "- within cpu_use <= 50%: broken by 0 of 8 measured trials\n" in summary


def test_lines_are_readable_in_a_text_editor(tmp_path: Path) -> None:
    keys = {"search_space": "prcl-quota", "sampler": "random", "objectives": "memory"}

    for line in text(tmp_path, keys, amplitude=0.01).splitlines():
        assert len(line) <= 160
