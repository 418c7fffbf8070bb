"""Roots that hold an image's entries and nothing else, and programs run in them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from autotune.backends.vm.cpio import Entry


def lay_out(entries: Iterable[Entry], root: Path) -> None:
    """Make what *entries* say below *root*; devices, which only root can make, are left out."""
    for entry in sorted(entries, key=lambda entry: Path(entry.path).parts):
        place = Path(f"{root}{entry.path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISDIR(entry.mode):
            place.mkdir(exist_ok=True)
        elif stat.S_ISLNK(entry.mode):
            place.symlink_to(entry.read().decode())
        elif stat.S_ISREG(entry.mode):
            place.write_bytes(entry.read())
            place.chmod(stat.S_IMODE(entry.mode))


def run_in(
    root: Path, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *command* where nothing outside of *root* can be opened."""
    enter: tuple[str, ...] = ("/usr/sbin/chroot", str(root))
    if os.geteuid() != 0:
        enter = ("unshare", "--user", "--map-root-user", *enter)
        if subprocess.run(
            ("unshare", "--user", "--map-root-user", "true"), check=False
        ).returncode:
            pytest.skip("only root can change its root here: run the tests as root")
    return subprocess.run(
        (*enter, *command), env=environment or {}, capture_output=True, text=True, check=False
    )
