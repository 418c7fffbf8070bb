"""Compiled programs for the tests: in a cache of their own, so that none made before is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autotune.errors import BackendUnavailableError
from autotune.native.building import build


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")

        def give(name: str) -> Path:
            patch.setenv("XDG_CACHE_HOME", str(folder))
            try:
                return build(name)
            except BackendUnavailableError as error:
                pytest.skip(str(error))
            finally:
                patch.undo()

        yield give


@pytest.fixture(scope="session")
def player(compiled: Callable[[str], Path]) -> Path:
    return compiled("player")
