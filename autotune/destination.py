"""Where a run goes unless the user says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path


def default_folder(name: str, *, now: datetime, runs: Path = Path("runs")) -> Path:
    """Name a run folder by its workload and the time; by a number too where there is one already.

    >>> print(default_folder("stairs", now=datetime(2026, 1, 31, 12, 0)))
    runs/stairs-2026-01-31-120000
    """
    folder = runs / f"{name}-{now:%Y-%m-%d-%H%M%S}"
    number = 1
    while folder.exists():
        number += 1
        folder = runs / f"{name}-{now:%Y-%m-%d-%H%M%S}-{number}"
    return folder
