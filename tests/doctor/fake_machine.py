"""Machines of ordinary files for the checks to look at, and what they are to say."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from autotune.backends.host import Places
from autotune.backends.vm.command_line import PROGRAM
from autotune.backends.vm.kernel_files import kernel_at
from autotune.backends.vm.kernel_package import keep_kernel
from autotune.doctor import Finding, Surroundings, examine
from autotune.doctor.micro_vm import VM_BYTES
from autotune.driver.journal import Change, Journal, Kind
from tests.backends.vm.fake_kernel import write_kernel, write_modules
from tests.driver.fake_kernel import FakeKernel, make_procfs

NOBODY = 65_534
COMPILES = 'while [ "$1" != -o ]; do shift; done; : > "$2"'
"""What a script does that is taken for a compiler."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a finding is to say.

    Attributes:
        state: Its whole state.
        found: A part of what is found.
        fix: A part of the fix.
        blocks: All backends that it blocks.
    """

    state: str
    found: str
    fix: str
    blocks: tuple[str, ...] = ()

    def as_seen_in(self, shown: Finding) -> Told:
        """What a finding says of this; all of its words where it does not say these."""
        return Told(
            state=shown.state.value,
            found=self.found if self.found in shown.found else shown.found,
            fix=self.fix if self.fix in shown.fix else shown.fix,
            blocks=shown.blocks,
        )


def write(file: Path, content: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def script(file: Path, text: str) -> Path:
    write(file, f"#!/bin/sh\n{text}\n").chmod(0o755)
    return file


class FakeMachine:
    """A machine of ordinary files that has everything, nothing of it in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sysfs, self.procfs, self.dev = folder / "sys", folder / "proc", folder / "dev"
        self.bin, self.cache = folder / "bin", folder / "cache"
        self.kernel = FakeKernel(self.sysfs)
        self.huge_pages = self.sysfs / "kernel/mm/transparent_hugepage/enabled"
        make_procfs(self.procfs)
        write(self.huge_pages, "always [madvise] never\n")
        (self.sysfs / "class/zram-control").mkdir(parents=True)
        self.memory(available_bytes=VM_BYTES, swap_bytes=3 << 29)
        write(self.procfs / "pressure/memory", "some avg10=0.00 total=0\n")
        write(self.procfs / "sys/kernel/osrelease", "6.12.1\n")
        write(self.procfs / "locks", "")
        self.dev.mkdir()
        # A socket can be looked at, and any attempt to open it fails.
        os.mknod(self.dev / "kvm", stat.S_IFSOCK | 0o660)
        script(self.bin / PROGRAM, "echo 'QEMU emulator version 7.2.22 (Debian 1:7.2)'")
        script(self.bin / "cc", "echo 'cc 12.2.0'")
        self.keep_kernel()

    @property
    def here(self) -> Surroundings:
        return Surroundings(
            places=Places(
                sysfs=self.sysfs,
                procfs=self.procfs,
                dev=self.dev,
                journal=self.folder / "journal",
                lock=self.folder / "lock",
            ),
            modules=self.folder / "modules",
            environment={"PATH": str(self.bin), "XDG_CACHE_HOME": str(self.cache)},
            euid=0,
            groups=frozenset({0}),
            processor="x86_64",
        )

    @property
    def journal(self) -> Journal:
        return Journal(self.here.places.journal, self.procfs)

    def memory(self, *, available_bytes: int = VM_BYTES, swap_bytes: int = 0) -> None:
        lines = f"MemAvailable: {available_bytes >> 10} kB\nSwapTotal: {swap_bytes >> 10} kB\n"
        write(self.procfs / "meminfo", lines)

    def keep_kernel(self) -> None:
        given = self.folder / "given"
        keep_kernel(
            kernel_at(write_kernel(given), write_modules(given / "modules")),
            self.cache / "damos-autotune",
        )

    def set_up_damon(self) -> None:
        """What another program does that uses DAMON."""
        self.kernel.write("nr_kdamonds", "1")
        self.kernel.write("0/contexts/nr_contexts", "1")
        self.kernel.write("0/contexts/0/schemes/nr_schemes", "1")

    def use_damon(self) -> None:
        """What another program does first."""
        self.kernel.write("nr_kdamonds", "1")

    def change_huge_pages(self) -> None:
        """What a run does before it is killed."""
        self.journal.write_down(
            Change(kind=Kind.SETTING, where=str(self.huge_pages), old="always")
        )

    def find(self, name: str, **changed: object) -> Finding:
        here = replace(self.here, **changed)  # type: ignore[arg-type]
        (found,) = (item for item in examine(here).findings if item.name == name)
        return found

    def content(self) -> dict[str, tuple[int, bytes]]:
        """Every path, with when it was changed and what it holds."""
        return {
            str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
        }

    def remove_qemu(self) -> None:
        (self.bin / PROGRAM).unlink()

    def forget_kernel(self) -> None:
        (self.cache / "damos-autotune/kernels/current").unlink()
