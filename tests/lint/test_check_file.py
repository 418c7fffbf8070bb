from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from autotune.damon.damos import Scheme
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.errors import InputError
from autotune.formats import damo_json, damo_record
from autotune.lint.check_file import check_file
from autotune.testing import prcl
from tests.recordings import recording

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("examples/stairs.yaml", "workload 'stairs': pattern of 100 MB in 10 regions, 60 s"),
        ("examples/zigzag.cfg", "pattern of 200 MB in 2 regions, 70 s in 13 phases"),
        ("search_spaces/ethp.yaml", "search space of 2 parameters"),
        ("objectives/memory.yaml", "objectives memory_saving, slowdown, cpu_use"),
        ("autotune/catalog/machines/server.yaml", "machine profile 'server'"),
        ("autotune/catalog/reference_schemes/prcl-talk.damos", "4K max 0 0 10s max pageout"),
    ],
)
def test_a_right_file_is_described(name: str, begins: str) -> None:
    checked = check_file(ROOT / name)

    assert checked.summary.startswith(begins)
    assert checked.warnings == ()


def test_every_pattern_among_the_examples_is_right() -> None:
    # Those that take a micro-VM and programs are in tests/program/test_examples.py.
    for path in (ROOT / "examples").glob("*.cfg"):
        assert check_file(path).warnings == ()
        assert check_file(path.with_suffix(".yaml")).warnings == ()


def test_every_reference_scheme_is_right() -> None:
    for path in (ROOT / "autotune" / "catalog" / "reference_schemes").glob("*.damos"):
        assert check_file(path).warnings == ()


def test_a_scheme_that_the_kernel_narrows_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "fine.damos"
    file.write_text("4097B max 0 12 1050ms max pageout\n")

    checked = check_file(file)

    assert checked.summary == "8K max 0 10 1100ms max pageout"
    assert checked.warnings == (
        f"{file}: scheme 1: min size 4097B is no whole number of pages, as regions are: write 8K, "
        "which is the same",
        f"{file}: scheme 1: max access rate 12% is no whole number of 20 samples: write 10%, which "
        "is the same",
        f"{file}: scheme 1: min age 1050ms is no whole number of aggregation intervals of 100ms, in "
        "which the kernel counts: write 1100ms, which is the same, or aggregate more often",
    )


def test_a_quota_of_less_than_a_page_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "small.damos"
    file.write_text("4K max 0 0 5s max pageout 4095B 1s 0 0 1\n")

    with pytest.raises(InputError, match=r"small\.damos: scheme 1: quota size_bytes is 4095"):
        check_file(file)


def test_schemes_that_stand_in_each_others_way_are_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "two.damos"
    file.write_text("4K max 0 0 5s max pageout\n4K max 0 0 9s max cold\n")

    assert check_file(file).warnings == (
        f"{file}: scheme 2: never fires: scheme 1 acts on the same memory from age 5s on, which sets "
        "the age back to 0: give scheme 1 the higher min age, or keep their sizes or access rates "
        "apart",
    )


def kdamonds(monitoring: Monitoring, target: Target, scheme: Scheme) -> str:
    return damo_json.dumps_kdamonds([scheme], monitoring, target)


def test_a_scheme_is_counted_in_the_intervals_of_its_own_file(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    fine = Monitoring(intervals=Intervals(aggregation_us=50_000))
    file.write_text(kdamonds(fine, Target(), prcl(min_age_us=1_050_000)))

    assert check_file(file).warnings == ()


def test_a_scheme_meets_the_address_space_of_its_own_file(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    target = Target(
        operations=OperationsSet.PADDR, pid=None, regions=((0, (40 << 30) + (10 << 12)),)
    )
    file.write_text(kdamonds(Monitoring(), target, prcl()))

    blind, late, refused = check_file(file).warnings

    assert blind.startswith(f"{file}: a region may hold ")
    assert late.startswith(f"{file}: scheme 1: page-out of physical addresses spares most pages")
    assert refused.startswith(
        f"{file}: can't be measured as it stands: asks for the machine's physical addresses (paddr)"
    )


def test_ranges_that_the_first_update_replaces_say_nothing_of_the_size(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    ranges = ((0, (40 << 30) + (10 << 12)),)
    found = {}
    for operations in (OperationsSet.VADDR, OperationsSet.FVADDR):
        target = Target(operations=operations, regions=ranges)
        file.write_text(kdamonds(Monitoring(), target, prcl()))
        found[operations] = sum(
            "a region may hold" in warning for warning in check_file(file).warnings
        )

    assert found == {OperationsSet.VADDR: 0, OperationsSet.FVADDR: 1}


def test_a_file_of_schemes_is_meant_for_where_all_of_them_do_something(tmp_path: Path) -> None:
    file = tmp_path / "sort.damos"
    file.write_text("4K max 50 max 0 max lru_prio\n4K max 0 0 9s max lru_deprio\n")

    assert check_file(file).warnings == (
        f"{file}: can't be measured as it stands: scheme 1: lru_prio does nothing under vaddr, and only "
        "that can be measured here: take cold, hugepage, nohugepage, pageout, stat or willneed",
    )


def test_an_action_that_does_nothing_beside_the_others_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "mixed.damos"
    file.write_text("4K max 5 max 0 max hugepage\n4K max 0 0 9s max lru_deprio\n")

    assert check_file(file).warnings[0] == (
        f"{file}: scheme 2: action lru_deprio does nothing under vaddr: use it with paddr"
    )


def test_parameters_of_damon_reclaim_are_said_to_do_nothing(tmp_path: Path) -> None:
    reclaim, sort = tmp_path / "reclaim.params", tmp_path / "sort.params"
    reclaim.write_text("min_age=5000000\n")
    sort.write_text("cold_min_age=5000000\n")

    assert (
        check_file(reclaim)
        .warnings[0]
        .startswith(f"{reclaim}: DAMON_RECLAIM of Linux 6.12 throws its scheme away")
    )
    assert not any("DAMON_RECLAIM" in warning for warning in check_file(sort).warnings)


def test_what_measure_refuses_of_a_module_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "guest.conf"
    file.write_text("console=ttyS0 damon_reclaim.min_age=5000000 damon_reclaim.skip_anon=Y\n")

    assert check_file(file).warnings[-1] == (
        f"{file}: can't be measured as it stands: skip_anon looks at pages, which DAMON does not do in "
        "a process's memory, and only that can be measured here: leave skip_anon out"
    )


def test_parameters_of_a_module_are_told_in_a_file_that_looks_like_another(tmp_path: Path) -> None:
    file = tmp_path / "play.yaml"
    file.write_text(
        "- name: tune\n  shell: echo 5000000 > /sys/module/damon_reclaim/parameters/min_age\n"
    )

    assert check_file(file).summary.startswith("4K max 0 0 5s max pageout 10ms 128M 1s")


def space_warnings(folder: Path, schemes: str, rest: str = "") -> list[str]:
    (folder / "a.cfg").write_text("a, 104857600\n\np\n60000\na, 0, 4096, 1\n")
    file = folder / "w.yaml"
    file.write_text(f"workload: {{pattern: a.cfg}}\n{rest}search_space:\n  schemes:\n{schemes}")
    return [warning.removeprefix(f"{file}: ") for warning in check_file(file).warnings]


RECLAMATION = """
    - action: pageout
      pattern.max_access_rate: 0%
      quota.weights.age: 1
"""


def test_what_every_proposal_of_a_search_space_has_is_warned_of(tmp_path: Path) -> None:
    always = """
      pattern.min_age: 1050ms
      parameters: {pattern.min_size: {low: 4K, high: 64M, scale: log}}
"""
    assert space_warnings(tmp_path, RECLAMATION.replace("quota.weights.age: 1", "") + always) == [
        "scheme 1: min age 1050ms is no whole number of aggregation intervals of 100ms, in which "
        "the kernel counts: write 1100ms, which is the same, or aggregate more often"
    ]


def test_what_only_some_proposals_have_is_not_warned_of(tmp_path: Path) -> None:
    sometimes = """
      quota.size: 64M
      parameters:
        pattern.min_age: {low: 50ms, high: 60s, scale: log}
        quota.reset_interval: {choices: [0s, 1s]}
"""
    assert space_warnings(tmp_path, RECLAMATION + sometimes) == []


def test_a_range_with_a_number_that_the_kernel_counts_is_not_warned_of(tmp_path: Path) -> None:
    uneven = """
      parameters:
        pattern.min_age: {low: 5050ms, high: 6050ms}
        pattern.min_size: {low: 5000B, high: 9000B}
        pattern.min_access_rate: {low: 1%, high: 9%}
"""
    counting = "\n    - action: stat\n"

    assert space_warnings(tmp_path, counting + uneven) == []


def test_a_parameter_that_a_proposal_lacks_is_not_warned_of(tmp_path: Path) -> None:
    conditional = """
      quota.size: 1G
      parameters:
        pace: {choices: [slow, fast]}
        apply_interval: {low: 5ms, high: 50ms, when: {pace: fast}}
"""
    assert space_warnings(tmp_path, RECLAMATION + conditional) == []


def test_a_quota_is_judged_by_the_proposals_that_have_one(tmp_path: Path) -> None:
    switched = """
      quota.reset_interval: 0s
      parameters:
        limit: {choices: [none, size]}
        quota.size: {low: 1M, high: 1G, scale: log, when: {limit: size}}
"""
    (found,) = space_warnings(tmp_path, RECLAMATION + switched)

    assert found.startswith("scheme 1: without a reset interval (0) the quota is for each pass")


def test_a_warning_that_differs_by_proposal_gives_an_example(tmp_path: Path) -> None:
    small = """
      parameters:
        pattern.min_age: {low: 100ms, high: 900ms}
        quota.size: {low: 4K, high: 1M, scale: log}
        quota.reset_interval: {choices: [1s, 2s]}
"""
    (found,) = space_warnings(tmp_path, RECLAMATION + small)

    assert found.startswith("scheme 1: with every proposal, such as: the first 1s have no quota")


def test_a_quota_that_lasts_for_the_workload_has_no_first_window_to_warn_of(
    tmp_path: Path,
) -> None:
    large = """
      parameters:
        pattern.min_age: {low: 100ms, high: 900ms}
        quota.size: {low: 4M, high: 1G, scale: log}
"""
    assert space_warnings(tmp_path, RECLAMATION + large) == []


def test_a_quota_has_to_last_only_for_the_time_that_is_monitored(tmp_path: Path) -> None:
    enough = """
      quota.size: 2M
      parameters: {pattern.min_age: {low: 100ms, high: 900ms}}
"""
    late = "monitoring: {start_after: 30s}\n"

    assert space_warnings(tmp_path, RECLAMATION + enough) == []
    (found,) = space_warnings(tmp_path, RECLAMATION + enough, late)
    assert "the first 1s have no quota" in found


def test_a_pattern_maps_nothing_that_an_update_could_miss(tmp_path: Path) -> None:
    plain = """
      parameters: {pattern.min_age: {low: 100ms, high: 900ms}}
"""
    slow = "monitoring: {update_interval: 60s}\n"
    reclamation = RECLAMATION.replace("quota.weights.age: 1", "")

    assert space_warnings(tmp_path, reclamation + plain, slow) == []


def test_huge_pages_of_the_micro_vm_are_looked_at_only_where_it_measures(tmp_path: Path) -> None:
    space = """
    - action: hugepage
      parameters: {pattern.min_access_rate: {low: 5%, high: 100%}}
"""
    plain = """
    - action: pageout
      pattern.max_access_rate: 0%
      parameters: {pattern.min_age: {low: 100ms, high: 900ms}}
"""
    always = "vm: {huge_pages: always}\n"

    *_, off = space_warnings(tmp_path, space, "backend: vm\n")
    *_, coarse = space_warnings(tmp_path, plain, f"backend: vm\n{always}")
    elsewhere = space_warnings(tmp_path, plain, always)

    assert off.startswith("scheme 1: hugepage does nothing where huge pages are off: set vm.")
    assert coarse.startswith("with huge pages always, one access makes 2M look accessed: set vm.")
    assert elsewhere == []


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
def test_a_backend_that_is_missing_here_is_warned_of(
    tmp_path: Path, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a.cfg").write_text("a, 4096\n\np\n1000\na, 0, 4096, 1\n")
    file = tmp_path / "guest.yaml"
    file.write_text(f"workload: {{{subject}}}\nbackend: vm\n")

    checked = check_file(file)

    assert checked.summary.startswith("workload 'guest': ")
    assert checked.warnings == (
        f"{file}: qemu-system-x86_64: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)",
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


@pytest.mark.parametrize("suffix", ["", ".txt", ".conf"])
@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (
            "a, 4096 # of old\n\np\n1000\na, 0, 4096, 1\n",
            "pattern of 0.004096 MB in 1 regions, 1 s",
        ),
        ("damon_reclaim.min_age=60000000 quiet\n", "4K max 0 0 1m max pageout 10ms"),
        ("damo start 1 --damos_action stat\n", "min max min max min max stat"),
        (
            "kdamonds:\n- contexts:\n  - ops: vaddr\n    targets: []\n    schemes:\n"
            "    - action: stat\n",
            "min max min max min max stat",
        ),
        (
            "schemes:\n- action: pageout\n  parameters:\n    pattern.min_age: {low: 1s, high: 9s}\n",
            "search space of 1 parameter",
        ),
    ],
    ids=["masim", "module", "command", "yaml", "space"],
)
def test_content_tells_what_a_file_is(
    text: str, summary: str, suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / f"mine{suffix}"
    file.write_text(text)

    assert check_file(file).summary.startswith(summary)


def test_a_module_in_a_file_named_as_a_pattern_is_no_pattern(tmp_path: Path) -> None:
    file = tmp_path / "grub.cfg"
    file.write_text("linux /vmlinuz damon_reclaim.min_age=60000000\n")

    assert check_file(file).summary.startswith("4K max 0 0 1m max pageout")


def test_a_recording_is_told_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    damo_record.save(recording(), file)

    assert check_file(file).summary.startswith("recording of ")


def test_a_pattern_whose_first_region_is_x_is_no_recording(tmp_path: Path) -> None:
    file = tmp_path / "p.cfg"
    file.write_text("x, 10000000\n\nwork\n2000\nx, 1, 4096, 1\n")

    assert check_file(file).summary == "pattern of 10 MB in 1 regions, 2 s in 1 phases"


@pytest.mark.parametrize("level", [0, 1, 2, 6, 9])
def test_a_recording_of_any_name_and_compression_is_known(tmp_path: Path, level: int) -> None:
    damo_record.save(recording(), tmp_path / "r.data")
    other = tmp_path / "r.bin"
    other.write_bytes(zlib.compress(zlib.decompress((tmp_path / "r.data").read_bytes()), level))

    assert check_file(other).summary == check_file(tmp_path / "r.data").summary
