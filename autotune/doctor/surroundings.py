"""Everything that is looked at: this machine as it is, or a tree of ordinary files in its place."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autotune.backends.host import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything that is looked at.

    Attributes:
        places: Where the kernel's files are, and where a run writes down what it changes.
        modules: The folder of installed kernel modules.
        environment: PATH, CC and XDG_CACHE_HOME count.
        euid: The user as whom this process acts.
        groups: The groups of the user.
        processor: The processor as `uname -m` names it.
        free_bytes: Gives the free room on the file system of a folder.
    """

    places: Places = field(default_factory=Places)
    modules: Path = Path("/lib/modules")
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    euid: int = field(default_factory=os.geteuid)
    groups: frozenset[int] = field(
        default_factory=lambda: frozenset((*os.getgroups(), os.getegid()))
    )
    processor: str = field(default_factory=platform.machine)
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
