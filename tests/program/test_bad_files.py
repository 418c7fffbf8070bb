"""One file a mistake: each is checked once, and all that is printed is the message it names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.cli.main import run_command_line
from autotune.errors import InputError
from autotune.objective.objective import load_objectives
from autotune.space.space import load_search_space
from autotune.workload_file.workload_file import load_workload_file

FOLDER = Path(__file__).parents[1] / "bad_files"
LOADERS: dict[str, Callable[[Path], object]] = {
    "objectives-missing.yaml": load_objectives,
    "space-schemes-missing.yaml": load_search_space,
    "workload-missing.yaml": load_workload_file,
}
"""What reads the files that lack the very key that tells what they are."""
FILES = sorted(
    path.name
    for path in FOLDER.iterdir()
    if path.suffix != ".message" and path.name not in LOADERS
)


def named_message(name: str) -> str:
    """The message that a file names: in a file beside it, in ``comments``, or in its first line.

    Paths are those of a file that was given by its bare name.
    """
    file = FOLDER / name
    if (beside := file.with_name(f"{name}.message")).exists():
        return beside.read_text().strip()
    text = file.read_bytes().decode()
    if file.suffix == ".json":
        document = json.loads(text)
        top = document[0] if isinstance(document, list) else document
        return str(top["comments"])
    line = text.splitlines()[0].removeprefix("# ")
    return line.replace("{file}", name).replace("{folder}/", "").replace("{folder}", ".")


def test_there_are_bad_files_of_each_kind() -> None:
    kinds = {Path(name).suffix for name in FILES}
    of_yaml = {name.split("-")[0] for name in FILES if name.endswith(".yaml")}

    assert kinds == {".cfg", ".damos", ".json", ".yaml"}
    assert of_yaml == {"workload", "space", "objectives"}


@pytest.mark.parametrize("name", FILES)
def test_a_mistake_is_one_message_with_its_place_and_a_remedy_on_one_line(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    shutil.copy(FOLDER / name, tmp_path)
    Path("pattern.cfg").write_text("a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n")

    status = run_command_line(["check", name])

    printed = capsys.readouterr()
    assert (status, printed.out) == (2, "")
    assert printed.err == f"error: {named_message(name)}\n"


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_that_lacks_what_tells_its_kind_is_told_what_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)

    with pytest.raises(InputError) as error:
        LOADERS[name](Path(name))

    assert str(error.value) == named_message(name)
