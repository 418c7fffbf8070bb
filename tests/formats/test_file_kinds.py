from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from autotune import catalog
from autotune.errors import InputError
from autotune.formats import damo_record
from autotune.formats.file_kinds import told_kind
from autotune.formats.scheme_files import load_scheme_file
from autotune.workload_file.workload_file import load_workload_file

EXAMPLES = Path(__file__).parents[2] / "examples"
RECORDING = EXAMPLES / "redis/redis.damon.data"
SEARCH_SPACE = catalog.find("prcl", "search_spaces", Path())
OBJECTIVES = catalog.find("memory", "objectives", Path())
MACHINE = catalog.find("server", "machines", Path())
SCHEME = catalog.find("prcl-3s", "reference_schemes", Path())
IN_A_FILE = "name it in a workload file, as in"


@pytest.mark.parametrize(
    ("path", "noun", "use"),
    [
        (RECORDING, "a recording", f"{IN_A_FILE} workload: {{recording: {RECORDING}}}"),
        (
            EXAMPLES / "stairs.cfg",
            "an access pattern",
            f"{IN_A_FILE} workload: {{pattern: {EXAMPLES}/stairs.cfg}}",
        ),
        (SEARCH_SPACE, "a search space", f"{IN_A_FILE} search_space: {SEARCH_SPACE}"),
        (OBJECTIVES, "a list of objectives", f"{IN_A_FILE} objectives: {OBJECTIVES}"),
        (MACHINE, "a machine profile", f"{IN_A_FILE} machine: {MACHINE}"),
    ],
)
def test_a_file_in_the_place_of_a_scheme_or_of_a_workload_file_is_told_where_it_belongs(
    path: Path, noun: str, use: str
) -> None:
    with pytest.raises(InputError) as as_scheme:
        load_scheme_file(path)
    with pytest.raises(InputError) as as_workload:
        load_workload_file(path)

    assert str(as_scheme.value) == f"{path}: is {noun}, not a scheme: {use}"
    assert str(as_workload.value) == f"{path}: is {noun}, not a workload file: {use}"


def test_a_scheme_and_a_workload_file_in_the_places_of_each_other() -> None:
    path = EXAMPLES / "stairs.yaml"

    with pytest.raises(InputError) as as_scheme:
        load_scheme_file(path)
    with pytest.raises(InputError) as as_workload:
        load_workload_file(SCHEME)

    assert str(as_scheme.value) == (
        f"{path}: is a workload file, not a scheme: "
        f"give it to autotune run {path}, or measure {path}"
    )
    assert str(as_workload.value) == (
        f"{SCHEME}: is a scheme, not a workload file: "
        f"give it to autotune measure WORKLOAD --scheme {SCHEME}"
    )


@pytest.mark.parametrize("path", [EXAMPLES / "stairs.yaml", EXAMPLES / "stairs.cfg", MACHINE])
def test_what_is_no_recording_is_told_what_it_is(path: Path) -> None:
    kind = told_kind(path.read_bytes())
    assert kind is not None

    with pytest.raises(InputError) as error:
        damo_record.load(path)

    assert str(error.value) == (
        f"{path}: is {kind.noun}, not a recording: autotune record WORKLOAD makes one"
    )


def test_a_recording_that_is_not_compressed_is_known() -> None:
    plain = zlib.decompress(RECORDING.read_bytes())

    kinds = [told_kind(content) for content in (plain, json.dumps(json.loads(plain)).encode())]

    assert kinds == [told_kind(RECORDING.read_bytes())] * 2


def test_text_for_people_is_no_kind_though_it_shows_one() -> None:
    readme = EXAMPLES.parent / "README.md"

    assert told_kind(readme.read_bytes()) is None
