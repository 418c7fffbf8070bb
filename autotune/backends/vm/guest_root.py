"""Mounts what programs expect in a guest's root, beside the files of its image."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from autotune.driver.system_calls import LinuxCalls

HOST_NAME: Final = "localhost"
"""The guest's name, which its /etc/hosts knows."""

_FILE_SYSTEMS: Final = (("proc", "/proc", ""), ("sysfs", "/sys", ""), ("devtmpfs", "/dev", ""))
_SHARED_MEMORY: Final = ("tmpfs", "/dev/shm", "mode=1777")  # noqa: S108  # mounted, not written to
_IN_DEV: Final = (_SHARED_MEMORY, ("devpts", "/dev/pts", "ptmxmode=0666"))
_LINKS: Final = (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2"))
"""Names in /dev, and what they are in /proc/self/fd. Source: fd(4)."""


def mount_all(calls: LinuxCalls) -> None:
    """Mount /proc, /sys and /dev, with shared memory, terminals and a process's open files in it.

    Raises:
        SystemCallError: If the kernel lacks one of them.
    """
    for kind, target, options in _FILE_SYSTEMS:
        calls.mount(kind, Path(target), options)
    for kind, target, options in _IN_DEV:
        Path(target).mkdir(exist_ok=True)
        calls.mount(kind, Path(target), options)
    for name, number in _LINKS:
        if not (link := Path("/dev", name)).is_symlink():
            link.symlink_to(f"/proc/self/fd{number}")
    Path("/proc/sys/kernel/hostname").write_text(HOST_NAME)
