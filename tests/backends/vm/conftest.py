from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.native.building import build
from tests.backends.vm.traces import traces
from tests.backends.vm.workloads import SMALL


@pytest.fixture(scope="session")
def micro_vm(vm_cache: Path) -> Iterator[Vm]:
    """One for all tests, so that each workload is booted once."""
    vm = Vm(VmSettings(), vm_cache, print)
    yield vm
    vm.stop()


@pytest.fixture(scope="session")
def small_vm(vm_cache: Path) -> Iterator[Vm]:
    """One for all small programs."""
    vm = Vm(SMALL, vm_cache, print)
    yield vm
    vm.stop()


@pytest.fixture
def nothing_is_left(
    vm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """See that a test leaves no process, no socket and no temporary file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in ("player", "ports", "frozen_clock"):
        build(name)  # a compiler that still warms up is none of ours
    before = traces(temporary, vm_cache / "images", vm_cache / "machines")

    yield

    assert traces(temporary, vm_cache / "images", vm_cache / "machines") <= before
