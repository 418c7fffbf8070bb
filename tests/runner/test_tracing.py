from __future__ import annotations

from pathlib import Path

import pytest

from autotune.driver.journal import Journal
from autotune.errors import BackendUnavailableError
from autotune.runner.tracing import TraceBuffer
from tests.driver.fake_kernel import make_procfs
from tests.runner.test_trace_pages import FORMAT

# What a real kernel does with it is tested in a virtual machine: tests/backends.


class Machine:
    def __init__(self, folder: Path) -> None:
        self.tracefs = folder / "tracing"
        self.instances = self.tracefs / "instances"
        self.journal = Journal(folder / "journal", make_procfs(folder / "proc"))
        self.instances.mkdir(parents=True)
        self.event = self.tracefs / "events/damon/damon_aggregated"
        self.event.mkdir(parents=True)
        (self.event / "format").write_text(FORMAT)

    def refusal(self) -> str:
        with pytest.raises(BackendUnavailableError) as error:
            TraceBuffer(self.tracefs, self.journal)
        return str(error.value)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_tracefs_it_is_said_how_to_mount_it(machine: Machine) -> None:
    machine.instances.rmdir()

    assert machine.refusal() == (
        f"{machine.tracefs}: is no tracefs: mount it: mount -t tracefs tracefs {machine.tracefs}"
    )


def test_a_kernel_without_the_event_is_refused_before_anything_is_made(machine: Machine) -> None:
    (machine.event / "format").unlink()

    assert machine.refusal() == (
        f"{machine.event}: this kernel has no such event: use one that was built with CONFIG_DAMON "
        "and CONFIG_FTRACE"
    )
    assert list(machine.instances.iterdir()) == []
    assert not machine.journal.path.exists()


def test_a_buffer_that_can_not_be_set_up_is_gone_again(machine: Machine) -> None:
    # An ordinary folder gets none of the files that the kernel makes.
    assert "trace_clock: can't write 'mono': No such file" in machine.refusal()
    assert list(machine.instances.iterdir()) == []
    assert not machine.journal.path.exists()
