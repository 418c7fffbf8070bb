from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from autotune.runner.mapped_files import MappedFiles
from autotune.runner.procfs import Procfs

AREA = "1000-9000 r--p 00000000 00:02 17   /usr/bin/node\nPss: {} kB\nAnonymous: 0 kB\n"


class Machine:
    """A process whose mapped files grow, and a count of the looks at it."""

    def __init__(self, folder: Path, cost_s: float = 0.0) -> None:
        self._smaps = folder / "7/smaps"
        self._smaps.parent.mkdir()
        self.looks = 0
        self.set(100)
        used_s = itertools.count(0.0, cost_s)
        self.files = MappedFiles(Procfs(folder), self.processes, lambda: next(used_s))

    def set(self, kib: int) -> None:
        self._smaps.write_text(AREA.format(kib))

    def processes(self) -> tuple[int, ...]:
        self.looks += 1
        return (7,)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_most_that_was_seen_counts(machine: Machine) -> None:
    machine.set(300)
    machine.files.look(60.0)
    machine.set(200)
    machine.files.look(600.0)

    assert (machine.files.at_first_bytes, machine.files.most_bytes) == (100 << 10, 300 << 10)


def test_looks_are_ever_farther_apart(machine: Machine) -> None:
    for tenths in range(600):
        machine.files.look(tenths / 10)

    assert 3 <= machine.looks <= 7


def test_a_look_that_is_dear_is_not_repeated_soon(tmp_path: Path) -> None:
    dear = Machine(tmp_path, cost_s=0.1)

    for second in range(100):
        dear.files.look(float(second))

    assert dear.looks == 1 + 1 + 1  # when made, after 0.1 s / SHARE = 40 s, and 40 s or more later
