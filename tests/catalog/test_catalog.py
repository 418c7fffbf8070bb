from __future__ import annotations

from pathlib import Path

import pytest

from autotune import catalog
from autotune.errors import InputError, Where


@pytest.mark.parametrize("kind", list(catalog.SUFFIXES))
def test_every_shipped_name_is_found(kind: str, tmp_path: Path) -> None:
    for name in catalog.names(kind):
        path = catalog.find(name, kind, tmp_path)

        assert path.stem == name
        assert path.is_file()


def test_shipped_search_spaces_are_these() -> None:
    assert catalog.names("search_spaces") == ["ethp", "prcl", "prcl-quota"]


def test_a_path_is_relative_to_the_folder_given(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    mine = tmp_path / "spaces" / "mine.yaml"
    mine.touch()

    assert catalog.find("spaces/mine.yaml", "search_spaces", tmp_path) == mine
    assert catalog.find("mine.yaml", "search_spaces", tmp_path / "spaces") == mine
    assert catalog.find(str(mine), "search_spaces", Path("elsewhere")) == mine


def test_a_shipped_name_wins_over_a_file_and_a_slash_means_the_file(tmp_path: Path) -> None:
    (tmp_path / "prcl").touch()

    assert catalog.find("prcl", "search_spaces", tmp_path).parent != tmp_path
    assert catalog.find("./prcl", "search_spaces", tmp_path) == tmp_path / "prcl"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("prlc", "my.yaml:2:15: no search space 'prlc': did you mean 'prcl'?"),
        ("x", "my.yaml:2:15: no search space 'x': known are ethp, prcl, prcl-quota"),
        ("a/x", "my.yaml:2:15: no file 'a/x' in here: check the path"),
        ("/a/x", "my.yaml:2:15: no file '/a/x': check the path"),
        ("/", "my.yaml:2:15: no file '/': it is a folder, a pipe or a device: name a file"),
    ],
)
def test_what_names_nothing_is_an_error_at_its_place(name: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        catalog.find(name, "search_spaces", Path("here"), where=Where("my.yaml", 2, 15))

    assert str(error.value) == message
