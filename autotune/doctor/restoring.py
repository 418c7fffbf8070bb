"""Who uses DAMON now; what a killed run left changed on this machine, and putting it back."""

from __future__ import annotations

from autotune.doctor.finding import Answer, State
from autotune.doctor.surroundings import Surroundings
from autotune.driver.journal import Journal
from autotune.driver.ownership import foreign_users
from autotune.driver.restoring import restore_after_kill
from autotune.driver.system_calls import SystemCalls
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError
from autotune.runner.procfs import Procfs


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
        BackendUnavailableError: If this user is not root, a run goes on, or something can't be put back.
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


def users(here: Surroundings) -> Answer:
    """See whether anyone uses DAMON."""
    if (running := holder(here)) is not None:
        return Answer(
            State.WARNING,
            f"an autotune measures on this machine (process {running})",
            "wait until it is done",
            hinders=True,
        )
    if others := foreign_users(here.places.sysfs):
        return Answer(
            State.WARNING,
            "; ".join(others),
            "wait until it ends; write 'off', '0' or 'N' to these files only if it is your own",
            hinders=True,
        )
    return Answer(State.OK, "nobody uses it")


def holder(here: Surroundings) -> str | None:
    """Give the process that measures here now.

    The holder of the lock is read from a file. Taking the lock to find out could fail a run that starts.
    """
    try:
        number = here.places.lock.read_bytes().strip()
    except FileNotFoundError:
        return None
    # Source: proc_locks(5). A killed run leaves its process number behind, but holds no lock.
    lines = (Procfs(here.places.procfs).read("locks") or b"").splitlines()
    held = any(b"FLOCK" in line and number in line.split() for line in lines)
    return number.decode(errors="replace") if number and held else None
