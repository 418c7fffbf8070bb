"""This machine: what each backend finds here, what it lacks, and how to get what it lacks.

`examine` changes nothing. It only reads files that exist, and asks two programs for their version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from autotune.doctor.damon import features, interface, operations, root
from autotune.doctor.finding import Answer, Finding, Health, State, what_and_remedy
from autotune.doctor.memory import huge_pages, pressure, swap
from autotune.doctor.micro_vm import compiler, disk, kvm, processor, qemu, vm_kernel, vm_memory
from autotune.doctor.restoring import killed_run, put_back, users
from autotune.doctor.surroundings import Surroundings
from autotune.errors import AutotuneError

__all__ = ["Finding", "Health", "State", "Surroundings", "examine", "put_back"]

_CHECKS: Final[tuple[tuple[str, Callable[[Surroundings], Answer], tuple[str, ...]], ...]] = (
    ("DAMON", interface, ("host",)),
    ("DAMON operations", operations, ("host",)),
    ("DAMON schemes", features, ()),
    ("DAMON users", users, ("host",)),
    ("killed run", killed_run, ("host",)),
    ("root", root, ("host",)),
    ("swap", swap, ()),
    ("huge pages", huge_pages, ()),
    ("memory pressure", pressure, ()),
    ("processor", processor, ("vm",)),
    ("QEMU", qemu, ("vm",)),
    ("KVM", kvm, ()),
    ("C compiler", compiler, ("vm",)),
    ("VM kernel", vm_kernel, ("vm",)),
    ("VM memory", vm_memory, ("vm",)),
    ("disk space", disk, ("vm",)),
)
"""Each check's name, the check, and the backends that can't be used if the check fails."""


def examine(here: Surroundings) -> Health:
    """Look at everything, and change nothing. Facts that only root may know are told as unknown."""
    return Health(tuple(_finding(here, *check) for check in _CHECKS))


def _finding(
    here: Surroundings,
    name: str,
    check: Callable[[Surroundings], Answer],
    needed_by: tuple[str, ...],
) -> Finding:
    try:
        answer = check(here)
    except (AutotuneError, PermissionError) as error:
        if isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError):
            fix = "run sudo autotune doctor" if here.euid else "run it outside of the container"
            answer = Answer(State.UNKNOWN, "needs root", fix, hinders=True)
        else:
            answer = Answer(State.UNKNOWN, *what_and_remedy(str(error)), hinders=True)
    blocks = needed_by if answer.hinders or answer.state is State.MISSING else ()
    return Finding(
        name=name, state=answer.state, found=answer.found, fix=answer.fix, blocks=blocks
    )
