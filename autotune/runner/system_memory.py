"""What the kernel says of the whole system's memory: free memory, swap, the swap's pool, stalls."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from autotune.runner.procfs import PAGE_BYTES, Procfs

_FREE = re.compile(
    rb"^(?:MemFree|Active\(file\)|Inactive\(file\)|SReclaimable): +(\d+)", re.MULTILINE
)
_ZSWAP = re.compile(rb"^Zswap: +(\d+)", re.MULTILINE)
_KEPT_BY_CPU = re.compile(rb"^ +count: +(\d+)", re.MULTILINE)
_KEPT_FOR_S = 1.0
"""How long the pages that CPUs keep are taken for known: to read them costs much, and they are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCounters:
    """Counts since the system began.

    Attributes:
        swap_in_bytes: Bytes read from swap.
        swap_out_bytes: Bytes written to swap.
        pressure_some_s: Time in which some task waited for memory; 0.0 if the kernel doesn't say.
        oom_kills: How many processes were killed for want of memory.
    """

    swap_in_bytes: int
    swap_out_bytes: int
    pressure_some_s: float
    oom_kills: int


class SystemMemory:
    """Reads the files of the system below two roots."""

    def __init__(self, procfs: Path = Path("/proc"), sysfs: Path = Path("/sys")) -> None:
        self._procfs = Procfs(procfs)
        self._zrams = _zrams(sysfs)
        self._kept_bytes = 0
        self._kept_until_s = 0.0

    def free_bytes(self) -> int:
        """Give the memory that nothing uses, or only as a cache that the kernel can drop.

        Files count as a cache, except shared memory and files in memory. `MemFree` leaves out free pages
        that a CPU keeps for itself, which can be many MiB: so they are added.

        Source: Documentation/filesystems/proc.rst, "meminfo"; mm/vmstat.c of Linux 6.12
        (zoneinfo_show_print) for what CPUs keep.
        """
        return self._free(self._meminfo())

    def pool_bytes(self) -> int:
        """Give the memory in which all zram devices and zswap hold what was swapped out."""
        return self._pool(self._meminfo())

    def free_and_pool_bytes(self) -> tuple[int, int]:
        """Give `free_bytes` and `pool_bytes` from one reading, which is cheaper than two."""
        meminfo = self._meminfo()
        return self._free(meminfo), self._pool(meminfo)

    def _meminfo(self) -> bytes:
        return self._procfs.read("meminfo") or b""

    def _pool(self, meminfo: bytes) -> int:
        found = _ZSWAP.search(meminfo)
        return self._of_zrams(2) + (int(found[1]) << 10 if found else 0)

    def _free(self, meminfo: bytes) -> int:
        free_kib = sum(map(int, _FREE.findall(meminfo)))
        now_s = time.monotonic()
        if now_s >= self._kept_until_s:
            kept = _KEPT_BY_CPU.findall(self._procfs.read("zoneinfo") or b"")
            self._kept_bytes = sum(map(int, kept)) * PAGE_BYTES
            self._kept_until_s = now_s + _KEPT_FOR_S
        return (free_kib << 10) + self._kept_bytes

    def stored_bytes(self) -> int:
        """Give the size, before compression, of what all zram devices hold."""
        return self._of_zrams(0)

    def _of_zrams(self, column: int) -> int:
        """Sum a column of the devices' figures.

        Source of the columns: Documentation/admin-guide/blockdev/zram.rst, "mm_stat".
        """
        total = 0
        for file in self._zrams:
            try:
                total += int(file.read_bytes().split()[column])
            except (OSError, IndexError):  # a device without a size has no figures
                continue
        return total

    def swap_total_bytes(self) -> int:
        """Give the size of all swap, used or not."""
        return self._of_meminfo(b"SwapTotal:")

    def available_bytes(self) -> int:
        """Give the memory that new programs can have without swapping."""
        return self._of_meminfo(b"MemAvailable:")

    def counters(self) -> SystemCounters:
        """Give the counts."""
        vmstat = dict(line.split() for line in (self._procfs.read("vmstat") or b"").splitlines())
        pressure = self._procfs.read("pressure/memory") or b""
        some = next((line for line in pressure.splitlines() if line.startswith(b"some ")), b"")
        total_us = some.rpartition(b"total=")[2]
        return SystemCounters(
            swap_in_bytes=int(vmstat.get(b"pswpin", 0)) * PAGE_BYTES,
            swap_out_bytes=int(vmstat.get(b"pswpout", 0)) * PAGE_BYTES,
            pressure_some_s=int(total_us or 0) / 1e6,
            oom_kills=int(vmstat.get(b"oom_kill", 0)),
        )

    def _of_meminfo(self, name: bytes) -> int:
        for line in self._meminfo().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) << 10
        return 0


def _zrams(sysfs: Path) -> tuple[Path, ...]:
    try:
        devices = sorted(path for path in (sysfs / "block").iterdir() if path.match("zram*"))
    except OSError:
        return ()
    return tuple(device / "mm_stat" for device in devices)
