from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotune.damon.damos import Scheme
from autotune.errors import InputError
from autotune.formats.forms import Form
from autotune.formats.scheme_export import SUFFIXES
from autotune.formats.scheme_files import load_schemes
from autotune.run_folder.export import export, export_all, export_text
from autotune.run_folder.reader import Run, load_run, pick
from tests.closed_form import tune


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(tune(tmp_path_factory.mktemp("run")).out)


def schemes(run: Run, name: str) -> tuple[Scheme, ...]:
    return run.schemes(name)


@pytest.mark.parametrize("form", [Form.DAMOS, Form.SCHEMES, Form.KDAMONDS, Form.MODULE])
def test_what_is_exported_reads_as_the_scheme_that_was_measured(
    run: Run, form: Form, tmp_path: Path
) -> None:
    names = pick(run, "all")

    files = export_all(run, names, form, tmp_path / "files")

    assert [file.name for file in files] == [f"{name}{SUFFIXES[form]}" for name in names]
    assert [pattern_of(load_schemes(file)) for file in files] == [
        pattern_of(schemes(run, name)) for name in names
    ]


def pattern_of(found: tuple[Scheme, ...]) -> list[object]:
    """Without what a module adds of its own: a quota and watermarks that change nothing."""
    return [(scheme.action, scheme.pattern) for scheme in found]


def test_a_process_is_filled_in_where_the_form_has_one(run: Run) -> None:
    name = pick(run, "best")[0]

    kdamonds = json.loads(export(run, name, Form.KDAMONDS, pid=7))
    line = export(run, name, Form.ARGS, pid=7)

    assert kdamonds["kdamonds"][0]["contexts"][0]["targets"][0]["pid"] == 7
    assert line.startswith("damo start 7 ")


def test_an_impossible_process_is_refused(run: Run) -> None:
    with pytest.raises(InputError) as error:
        export(run, pick(run, "best")[0], Form.ARGS, pid=0)

    assert str(error.value).endswith(
        " as args: process 0 is impossible: give the number of a running one"
    )


def test_several_lines_of_text_stand_below_their_names(run: Run) -> None:
    names = pick(run, "all")

    text = export_text(run, names, Form.ARGS)

    assert [line for line in text.splitlines() if line.startswith("#")] == [
        f"# {name}" for name in names
    ]
    assert text.count("damo start") == len(names)


def test_several_json_documents_are_not_one(run: Run) -> None:
    names = pick(run, "all")

    with pytest.raises(InputError) as error:
        export_text(run, names, Form.SCHEMES)

    assert str(error.value) == (
        f"{run.path}: {len(names)} schemes as schemes are as many files: give --out DIR"
    )


def test_nothing_is_written_if_one_cannot_be(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        export_all(run, pick(run, "all"), Form.ARGS, tmp_path / "files", pid=-1)

    assert not (tmp_path / "files").exists()


def test_a_folder_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError) as error:
        export_all(run, pick(run, "best"), Form.DAMOS, tmp_path / "file" / "folder")

    assert str(error.value) == (
        f"{tmp_path / 'file' / 'folder'}: can't make this folder: Not a directory: name another place"
    )
