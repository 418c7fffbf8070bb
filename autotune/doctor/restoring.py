"""What a killed run left changed on this machine: the check, and the putting back."""

from __future__ import annotations

from autotune.doctor.answer import Answer
from autotune.doctor.finding import State
from autotune.doctor.surroundings import Surroundings
from autotune.doctor.use import holder
from autotune.driver.journal import Journal
from autotune.driver.restoring import restore_after_kill
from autotune.driver.system_calls import SystemCalls
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError


def killed_run(here: Surroundings) -> Answer:
    """See whether a run was killed before it put back what it had changed."""
    pending = Journal(here.places.journal, here.places.procfs).pending()
    if not pending:
        return Answer(State.OK, "nothing to put back")
    if (running := holder(here)) is not None:
        return Answer(State.OK, f"none: process {running} goes on, and puts its changes back")
    return Answer(
        State.WARNING,
        f"it left changed: {', '.join(change.where for change in pending)}",
        "run sudo autotune doctor --restore",
        hinders=True,
    )


def put_back(here: Surroundings, system: SystemCalls) -> tuple[str, ...]:
    """Put back what a killed run changed on this machine.

    Returns:
        What was put back, one sentence a change.

    Raises:
        BackendUnavailableError: If this is not root, a run goes on, or something can't be put back.
    """
    if here.euid != 0:
        raise BackendUnavailableError(
            "doctor --restore: only root may put this machine's settings back: run sudo autotune "
            "doctor --restore"
        )
    places = here.places
    return restore_after_kill(
        DamonTree(places.sysfs),
        system=system,
        journal_path=places.journal,
        lock_path=places.lock,
        procfs=places.procfs,
    )
