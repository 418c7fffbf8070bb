from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune import catalog
from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet, Target
from autotune.errors import InputError
from autotune.formats import damo_json, damos_text, module_parameters
from autotune.formats.scheme_files import SchemeFile, load_scheme_file, load_schemes, resolve

FINE = Monitoring(intervals=Intervals(aggregation_us=50_000), max_regions=500)
PHYSICAL = Target(operations=OperationsSet.PADDR, pid=None, regions=((4096, 8192),))
PRCL = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(10_000_000)
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        damos_text.dumps([PRCL]),
        damo_json.dumps_schemes([PRCL]),
        damo_json.dumps_kdamonds([PRCL], Monitoring(), Target()),
        module_parameters.dumps([PRCL], Monitoring()),
        "\ufeff\n " + damo_json.dumps_schemes([PRCL]),
        json.dumps(json.loads(damo_json.dumps_kdamonds([PRCL], FINE, Target()))["kdamonds"]),
        "sudo damo start 1234 --damos_sz_region 4K max --damos_access_rate 0 0 --damos_age 10s max "
        "--damos_action pageout\n",
        "# the usual\nkdamonds:\n- contexts:\n  - ops: vaddr\n    targets: [{pid: 0, regions: []}]\n"
        "    schemes:\n    - action: pageout\n      access_pattern:\n"
        "        sz_bytes: {min: 4 KiB, max: max}\n        nr_accesses: {min: 0 %, max: 0 %}\n"
        "        age: {min: 10 s, max: max}\n",
        "4096 18446744073709551615 0 0 100 4294967295 2\n",
        "4K null 0 0 10s null pageout\n",
    ],
)
def test_the_content_tells_the_format(text: str, tmp_path: Path) -> None:
    file = tmp_path / "anything"
    file.write_text(text)

    assert load_schemes(file) == (PRCL,)


@pytest.mark.parametrize(
    ("text", "also"),
    [
        (damos_text.dumps([PRCL]), {}),
        (damo_json.dumps_schemes([PRCL]), {}),
        (
            damo_json.dumps_kdamonds([PRCL], FINE, PHYSICAL),
            {"monitoring": FINE, "target": PHYSICAL},
        ),
        (
            module_parameters.dumps([PRCL], FINE),
            {
                "monitoring": FINE,
                "target": Target(operations=OperationsSet.PADDR, pid=None),
                "of_module": True,
            },
        ),
    ],
    ids=["text", "schemes", "kdamonds", "module"],
)
def test_a_file_says_what_is_monitored_and_how_if_its_format_does(
    text: str, also: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "anything"
    file.write_text(text)

    assert load_scheme_file(file) == SchemeFile(schemes=(PRCL,), **also)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "[]", '{"kdamonds": []}'])
def test_a_file_without_schemes_is_an_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.write_text(text)

    with pytest.raises(InputError, match=r"empty: (there is no scheme in it|kdamonds: has 0)"):
        load_schemes(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.damos"
    binary.write_bytes(b"\xff\xfe4K")

    for file, reason in (
        (tmp_path / "none.damos", "no such file: check the path"),
        (tmp_path, "is a folder: name a file in it"),
        (binary, "byte 0xff is not UTF-8: save the file as UTF-8"),
    ):
        with pytest.raises(InputError) as caught:
            load_schemes(file)
        place = f"{file}:1" if file == binary else file
        assert str(caught.value) == f"{place}: {reason}"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("prcl-talk", "4K max 0 0 10s max pageout"),
        ("prcl-5s", "4K max 0 0 5s max pageout"),
        ("prcl-3s", "4K max 0 0 3s max pageout"),
    ],
)
def test_a_reference_scheme_has_a_name(name: str, line: str, tmp_path: Path) -> None:
    (scheme,) = load_schemes(resolve(name, tmp_path))

    assert damos_text.line(scheme) == line


def test_every_reference_scheme_is_loaded_above() -> None:
    assert catalog.names("reference_schemes") == ["prcl-3s", "prcl-5s", "prcl-talk"]


def test_a_path_is_relative_to_the_folder_given(tmp_path: Path) -> None:
    (tmp_path / "mine.damos").write_text("4K max 0 0 1s max pageout")

    assert resolve("mine.damos", tmp_path) == tmp_path / "mine.damos"


def test_a_name_that_is_nothing_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        resolve("prcl-tlak", tmp_path)

    assert str(caught.value) == "no reference scheme 'prcl-tlak': did you mean 'prcl-talk'?"


def test_a_scheme_in_the_place_of_its_file_is_told_to_go_into_one(tmp_path: Path) -> None:
    text = "4K max 0 0 1.5s max pageout"

    with pytest.raises(InputError) as caught:
        resolve(text, tmp_path)

    assert str(caught.value) == (
        f"no file '{text}' in {tmp_path}: a scheme itself goes into a file, such as mine.damos: "
        "name that"
    )
    (tmp_path / text).write_text(text)
    assert resolve(text, tmp_path) == tmp_path / text


@given(content=st.binary(max_size=80))
def test_any_other_content_is_an_input_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(b"#" + content.replace(b"\n", b""))

    with pytest.raises(InputError):
        load_schemes(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# cd /sys/kernel/mm/damon/admin\n# echo 1 > kdamonds/nr_kdamonds\n",
            "writes DAMON's files in sysfs: run it, then damo report damon --json prints what can be "
            "read",
        ),
        (
            "kdamond 0\n    state: on, pid: 1234\n",
            "is what damo prints for people: damo report damon --json prints what can be read",
        ),
        (
            "sudo damo reclaim --min_age 60s enable\n",
            "sets a module by damo: run it, then grep . /sys/module/damon_reclaim/parameters/* prints "
            "what can be read (of DAMON_LRU_SORT: damon_lru_sort)",
        ),
        (
            '# cd /sys/kernel/debug/damon\n# echo "0 9 0 0 5 9 2" > schemes\n',
            "writes DAMON's files in debugfs: keep only the numbers, a line for each scheme",
        ),
    ],
)
def test_a_form_that_is_not_read_is_named_with_what_is(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "any"
    file.write_text(text)

    with pytest.raises(InputError) as caught:
        load_schemes(file)

    assert str(caught.value) == f"{file}: {message}"


def test_a_comment_behind_a_scheme_is_named_whatever_it_makes_of_the_count(tmp_path: Path) -> None:
    file = tmp_path / "any"
    file.write_text("min max 0 0 5s max pageout # cold\n")

    with pytest.raises(InputError, match=r"and a comment has a line of its own$"):
        load_schemes(file)
