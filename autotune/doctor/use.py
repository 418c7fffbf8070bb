"""The check of who uses DAMON now: this program, or another."""

from __future__ import annotations

from autotune.doctor.answer import Answer
from autotune.doctor.finding import State
from autotune.doctor.surroundings import Surroundings
from autotune.driver.ownership import foreign_users
from autotune.runner.procfs import Procfs


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

    Who holds the lock is read, and not found out by taking it: that could fail a run that starts.
    """
    try:
        number = here.places.lock.read_bytes().strip()
    except FileNotFoundError:
        return None
    # Source: proc_locks(5); a run that was killed has left its number, and holds no lock.
    lines = (Procfs(here.places.procfs).read("locks") or b"").splitlines()
    held = any(b"FLOCK" in line and number in line.split() for line in lines)
    return number.decode(errors="replace") if number and held else None
