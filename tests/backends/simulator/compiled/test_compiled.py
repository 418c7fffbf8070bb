from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotune.backends.simulator.compiled import compiled
from autotune.cache import cache_folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


def test_every_file_with_compiled_code_names_the_folder() -> None:
    simulator = Path(compiled.__file__).parents[1]

    users = {path for path in simulator.rglob("*.py") if "@compiled" in path.read_text()}

    assert len(users) > 10
    assert users <= {*compiled._SOURCES}


def test_compiled_code_is_kept_where_all_else_is() -> None:
    folder = compiled._cache_folder()

    assert folder is not None
    assert folder.parent == cache_folder()
    assert folder.is_dir()


def test_numbas_own_setting_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))

    folder = compiled._cache_folder()

    assert folder is not None
    assert folder.parent == tmp_path / "numba" / "damos-autotune"


def test_code_of_a_version_that_nobody_uses_is_removed_and_nothing_else() -> None:
    cache = cache_folder()
    old, new, other = (cache / name for name in ("compiled-old", "compiled-new", "kernels"))
    for folder in (old, new, other):
        folder.mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (0, 0))

    compiled._cache_folder()

    assert [folder.exists() for folder in (old, new, other)] == [False, True, True]


def test_where_nothing_can_be_kept_there_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert compiled._cache_folder() is None
