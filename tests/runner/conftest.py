from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotune.errors import BackendUnavailableError
from autotune.native.building import build
from autotune.runner.identity import Identity
from autotune.runner.processes import Processes, adopt_orphans
from autotune.runner.procfs import Procfs
from tests.runner.programs import named_as_kdamond

_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Of a workload on this machine; whatever a test starts with it is ended."""
    environment = {"PATH": os.environ["PATH"], "GO": str(tmp_path / "go")}
    identity = Identity(environment=environment)
    adopt_orphans()
    try:
        with Processes(Procfs(), identity, "/") as processes:
            yield processes
    finally:
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            return build("player")
        except BackendUnavailableError as error:
            pytest.skip(f"NOT TESTED: {error}")


@pytest.fixture
def thread(tmp_path: Path) -> Iterator[int]:
    """A process that looks like DAMON's thread. Ask for it before `processes`: it is none of them."""
    with named_as_kdamond(tmp_path) as pid:
        yield pid
