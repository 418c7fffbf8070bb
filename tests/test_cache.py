from __future__ import annotations

from pathlib import Path

import pytest

from autotune.cache import cache_folder


def test_a_set_folder_for_caches_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_folder() == tmp_path / "damos-autotune"


@pytest.mark.parametrize("base", ["", "relative/folder"])
def test_without_a_valid_place_for_caches_the_home_folder_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", base)

    assert cache_folder() == tmp_path / ".cache" / "damos-autotune"
