from __future__ import annotations

from pathlib import Path

import pytest

from autotune.checking import check_file
from autotune.errors import InputError

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("examples/stairs.yaml", "workload 'stairs': pattern of 100 MB in 10 regions, 60 s"),
        ("examples/zigzag.cfg", "pattern of 200 MB in 2 regions, 70 s in 13 phases"),
        ("search_spaces/ethp.yaml", "search space of 2 parameters"),
        ("objectives/memory.yaml", "objectives memory_saving, slowdown, cpu_use"),
        ("autotune/machines/server.yaml", "machine profile 'server'"),
        ("autotune/reference_schemes/prcl-talk.damos", "4K max 0 0 10s max pageout"),
    ],
)
def test_a_right_file_is_described(name: str, begins: str) -> None:
    checked = check_file(ROOT / name)

    assert checked.summary.startswith(begins)
    assert checked.warnings == ()


def test_every_example_is_right() -> None:
    for path in (*(ROOT / "examples").glob("*.yaml"), *(ROOT / "examples").glob("*.cfg")):
        assert check_file(path).warnings == ()


def test_a_scheme_that_the_kernel_narrows_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "fine.damos"
    file.write_text("4097B max 0 12 1050ms max pageout\n")

    checked = check_file(file)

    assert checked.summary == "8K max 0 10 1100ms max pageout"
    assert checked.warnings == (
        f"{file}: scheme 1: the kernel's counts narrow it to: 8K max 0 10 1100ms max pageout",
    )


def test_a_scheme_of_which_the_kernel_leaves_nothing_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "none.damos"
    file.write_text("4K max 1 4 1s max pageout\n")

    with pytest.raises(InputError) as error:
        check_file(file)

    assert str(error.value) == (
        f"{file}: scheme 1: access_rate from 1% to 4% holds no whole number of samples at 20 "
        "samples an aggregation interval: widen it"
    )


def test_a_budget_of_time_alone_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text("a, 4096\n\np\n1000\na, 0, 4096, 1\n")
    file = tmp_path / "timed.yaml"
    file.write_text("workload: {pattern: a.cfg}\nbudget: {time: 5s}\n")

    assert check_file(file).warnings == (
        f"{file}: the budget is time alone: two runs will not be equal",
    )


@pytest.mark.parametrize("subject", ["pattern: a.cfg", "command: [sleep, '1']"])
def test_a_backend_that_this_version_lacks_is_warned_of(tmp_path: Path, subject: str) -> None:
    (tmp_path / "a.cfg").write_text("a, 4096\n\np\n1000\na, 0, 4096, 1\n")
    file = tmp_path / "guest.yaml"
    file.write_text(f"workload: {{{subject}}}\nbackend: vm\n")

    checked = check_file(file)

    assert checked.summary.startswith("workload 'guest': ")
    assert checked.warnings == (
        f"{file}: backend vm is not part of this version: use backend: simulator",
    )


def test_what_masim_would_refuse_in_a_workloads_pattern_is_warned_of(tmp_path: Path) -> None:
    pattern = tmp_path / "a.cfg"
    pattern.write_text("a, 4096\n\np\n1000\na, 0, 4096, 1")
    file = tmp_path / "mine.yaml"
    file.write_text("workload: {pattern: a.cfg}\n")

    warning = f"{pattern}:5: no line end: masim loses this line, add one"
    assert check_file(file).warnings == (warning,)
    assert check_file(pattern).warnings == (warning,)


def test_another_yaml_file_is_none_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("services: {}\n")

    with pytest.raises(InputError) as error:
        check_file(file)

    assert str(error.value) == (
        f"{file}: this is no workload, search space, objectives or machine profile: begin with "
        "key 'workload', 'schemes', 'objectives' or 'cpus'"
    )
