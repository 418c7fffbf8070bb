"""One file a mistake: its first line is the message, with {file} and {folder} for the paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.errors import InputError
from autotune.objective.objective import load_objectives
from autotune.space.space import load_search_space
from autotune.workload_file.workload_file import load_workload_file

LOADERS: dict[str, Callable[[Path], object]] = {
    "workload": load_workload_file,
    "space": load_search_space,
    "objectives": load_objectives,
}
FILES = [
    path
    for path in sorted((Path(__file__).parent / "bad_files").glob("*.yaml"))
    if path.name.split("-")[0] in LOADERS
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_is_answered_with_its_place_and_a_remedy(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    bad = tmp_path / path.name
    bad.write_text(text)
    (tmp_path / "pattern.cfg").write_text("a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n")
    expected = text.splitlines()[0].removeprefix("# ")

    with pytest.raises(InputError) as error:
        LOADERS[path.name.split("-")[0]](bad)

    assert str(error.value) == expected.replace("{file}", str(bad)).replace(
        "{folder}", str(tmp_path)
    )


def test_there_are_bad_files_of_each_kind() -> None:
    assert {path.name.split("-")[0] for path in FILES} == set(LOADERS)
