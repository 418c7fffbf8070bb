"""Finds QEMU's version, and checks that it is new enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Final

from autotune.backends.vm.command_line import OLDEST_QEMU, PROGRAM
from autotune.errors import BackendUnavailableError

_ANSWER_S: Final = 30


def ask_version(environment: Mapping[str, str] = os.environ) -> str:
    """Give the first line that QEMU prints for `--version`; empty if QEMU fails.

    Args:
        environment: Environment variables; QEMU is looked for on PATH.

    Raises:
        BackendUnavailableError: If there is no QEMU.
    """
    program = shutil.which(PROGRAM, path=environment.get("PATH", os.defpath))
    if program is None:
        raise BackendUnavailableError(no_emulator())
    try:
        said = subprocess.run(  # noqa: S603  # found by the user's own PATH
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_S,
            env={**environment, "LC_ALL": "C"},
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(said.splitlines()), "").strip()


def check_version(said: str) -> str:
    """Give the version in the line that QEMU printed.

    Args:
        said: The line that `ask_version` gives.

    Raises:
        BackendUnavailableError: If the version is too old, or the line has no version.

    >>> check_version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)")
    'version 7.2.22'
    """
    match = re.search(r"version (\d+)\.(\d+)\S*", said)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_QEMU:
        oldest = ".".join(str(part) for part in OLDEST_QEMU)
        raise BackendUnavailableError(
            f"{PROGRAM}: '{said}' is too old: install QEMU {oldest} or later"
        )
    return match[0]


def no_emulator() -> str:
    """Say that there is no QEMU, and how to get it."""
    return (
        f"{PROGRAM}: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)"
    )
