from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.fake_machine import NOBODY, FakeMachine


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


@pytest.fixture
def seen_by_a_user() -> Iterator[FakeMachine]:
    """A machine whose files for root this process may not read."""
    before = os.geteuid()
    # Not in tmp_path, into which no other user can look.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = FakeMachine(Path(folder))
        made.set_up_damon()
        made.change_huge_pages()
        hidden = [path for path in made.kernel.root.rglob("*") if path.is_file()]
        for path in (*hidden, made.here.places.journal):
            path.chmod(0)
        if before == 0:
            os.seteuid(NOBODY)
        yield made
        os.seteuid(before)
