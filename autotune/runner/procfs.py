"""What the kernel says of processes: their trees, memory, CPU time and faults.

A process that ends while its files are read counts as a process without memory, time or children.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from autotune.damon.kernel_rules import three_ranges
from autotune.damon.references import ReferencedArea
from autotune.damon.spans import Span
from autotune.errors import BackendUnavailableError
from autotune.runner.pagemap import Pagemap

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CHUNK_BYTES = 1 << 16
_AREA = re.compile(
    rb"[0-9a-f]+-[0-9a-f]+ (?P<access>[-a-z]{4}) [0-9a-f]+ [0-9a-f:]+ [0-9]+ *(?P<path>.*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of processes, in bytes.

    Attributes:
        rss_bytes: Resident memory. What processes share counts once for each of them.
        swap_bytes: Swapped-out memory. What processes share counts once for each of them.
        processes: How many of the processes have memory.
    """

    rss_bytes: int
    swap_bytes: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionalMemory:
    """Memory of processes, in bytes, where each page counts as one part in so many as share it.

    Attributes:
        pss_bytes: Resident memory (PSS). What only these processes share counts once.
        swap_bytes: What the processes have in swap; shared pages of private mappings count once.
    """

    pss_bytes: int
    swap_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What processes used since they began.

    Attributes:
        cpu_s: CPU time, system time included.
        major_faults: Faults that waited for a page to be read, from swap or a file.
    """

    cpu_s: float
    major_faults: int


class UsageSeen:
    """What processes used since some moment, looked at again and again; it never falls.

    A process that ends is counted in clock ticks from then on, or no more if nobody in the tree waited
    for it: the sum over all processes can fall by that.

    Args:
        before: What they had used at that moment.
    """

    def __init__(self, before: Usage) -> None:
        self._last = before
        self._cpu_s = 0.0
        self._major_faults = 0

    def since_begin(self, now: Usage) -> Usage:
        """Give what was used up to *now*.

        >>> seen = UsageSeen(Usage(cpu_s=1.0, major_faults=0))
        >>> [seen.since_begin(Usage(cpu_s=cpu_s, major_faults=5)).cpu_s for cpu_s in (3.0, 2.5, 4.0)]
        [2.0, 2.0, 3.5]
        """
        self._cpu_s += max(0.0, now.cpu_s - self._last.cpu_s)
        self._major_faults += max(0, now.major_faults - self._last.major_faults)
        self._last = now
        return Usage(cpu_s=round(self._cpu_s, 6), major_faults=self._major_faults)


class Procfs:
    """Reads the files of processes below *root*."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = str(root)

    def read(self, name: str) -> bytes | None:
        """Give the content of a file; None if there is no such file, or its process has ended."""
        try:
            descriptor = os.open(f"{self._root}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            content = b""
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                content += chunk
            return content
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def link(self, name: str) -> str:
        """Give where a link points to; "" if there is no such link, or it may not be read."""
        try:
            return os.readlink(f"{self._root}/{name}")  # noqa: PTH115  # a socket is no path
        except OSError:
            return ""

    def open_files(self, pid: int) -> tuple[str, ...]:
        """Give where the links of a process's open files point to; none if it has ended."""
        try:
            numbers = os.listdir(f"{self._root}/{pid}/fd")  # noqa: PTH208  # numbers
        except OSError:
            return ()
        return tuple(self.link(f"{pid}/fd/{number}") for number in numbers)

    def children(self, pid: int) -> tuple[int, ...]:
        """Give the children of *pid*, alive or not reaped yet."""
        try:
            threads = sorted(os.listdir(f"{self._root}/{pid}/task"), key=int)  # noqa: PTH208  # numbers
        except OSError:
            return ()
        found = (self.read(f"{pid}/task/{thread}/children") or b"" for thread in threads)
        return tuple(int(child) for text in found for child in text.split())

    def tree(self, *roots: int) -> tuple[int, ...]:
        """Give the processes *roots* and all their descendants, parents before children."""
        found: dict[int, None] = {}
        waiting = list(roots)
        while waiting:
            pid = waiting.pop(0)
            if pid not in found:
                found[pid] = None
                waiting += self.children(pid)
        return tuple(found)

    def memory(self, pids: tuple[int, ...]) -> Memory:
        """Sum the memory of processes. Memory that processes share counts once for each of them."""
        rss = swap = processes = 0
        for pid in pids:
            status = self.read(f"{pid}/status") or b""
            own = _kib(status, b"\nVmRSS:")
            rss += own or 0
            swap += _kib(status, b"\nVmSwap:") or 0
            processes += own is not None
        return Memory(rss_bytes=rss << 10, swap_bytes=swap << 10, processes=processes)

    def proportional_memory(self, pids: tuple[int, ...]) -> ProportionalMemory:
        """Sum the memory of processes such that memory that they share counts once.

        The kernel walks all pages of each process: the cost grows with resident memory.
        Source: Documentation/filesystems/proc.rst, "smaps_rollup".

        Raises:
            BackendUnavailableError: If the kernel does not say it of a process that is there.
        """
        pss = swap = 0
        for pid in pids:
            text = self.read(f"{pid}/smaps_rollup")
            if text is None:
                if self.has_memory(pid):
                    raise BackendUnavailableError(
                        f"{self._root}/{pid}/smaps_rollup: can't be read, so that memory which "
                        "processes share is not known: use a kernel with CONFIG_PROC_PAGE_MONITOR"
                    )
                continue
            for line in text.splitlines():
                if line.startswith(b"Pss:"):
                    pss += int(line.split()[1])
                elif line.startswith(b"SwapPss:"):
                    swap += int(line.split()[1])
        return ProportionalMemory(pss_bytes=pss << 10, swap_bytes=swap << 10)

    def mapped_file_bytes(self, pids: tuple[int, ...]) -> int:
        """Give the memory of files that processes have mapped, and have not written to.

        These are mainly programs and libraries. What processes share counts as in
        `proportional_memory`. Memory that is shared to be written to is no file here.

        Source: Documentation/filesystems/proc.rst, "smaps".
        """
        found = 0
        for pid in pids:
            is_file, pss = False, 0
            for line in (self.read(f"{pid}/smaps") or b"").splitlines():
                if area := _AREA.match(line):
                    is_file = not (area["access"][1:2] == b"w" and area["access"][3:] == b"s")
                    is_file = is_file and area["path"].startswith(b"/")
                elif is_file and line.startswith(b"Pss:"):
                    pss = int(line.split()[1])
                elif is_file and line.startswith(b"Anonymous:"):
                    found += max(0, pss - int(line.split()[1]))
        return found << 10

    def usage(self, pids: tuple[int, ...]) -> Usage:
        """Sum what processes used, and what those of their children used that they have reaped.

        The CPU time of a process comes from its CPU clock, in nanoseconds, and covers all its threads,
        alive or ended. The CPU time of reaped children is counted in clock ticks.
        """
        cpu_s, faults = 0.0, 0
        for pid in pids:
            fields = self._stat(pid)
            if fields is None:
                continue
            cpu_s += _cpu_clock_s(pid) + (int(fields[13]) + int(fields[14])) / _TICKS_PER_S
            faults += int(fields[9]) + int(fields[10])
        return Usage(cpu_s=cpu_s, major_faults=faults)

    def has_memory(self, pid: int) -> bool:
        """Say whether a process has an address space: a zombie and a kernel thread have none."""
        return b"VmSize:" in (self.read(f"{pid}/status") or b"")

    def idle_s(self) -> float:
        """Give the idle time of all CPUs since the system began, summed.

        Source: Documentation/filesystems/proc.rst, "/proc/stat": idle and iowait, in clock ticks.
        """
        fields = (self.read("stat") or b"").partition(b"\n")[0].split()
        return sum(map(int, fields[4:6])) / _TICKS_PER_S

    def oom_kills(self) -> int:
        """Give how many processes the kernel has killed for want of memory since it began."""
        for line in (self.read("vmstat") or b"").splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
        return 0

    def name(self, pid: int) -> str:
        """Give the name of a process; "" if the process has ended."""
        return (self.read(f"{pid}/comm") or b"").decode(errors="replace").strip()

    def monitored_bytes(self, pids: tuple[int, ...]) -> int:
        """Give the size in bytes of the ranges that DAMON watches in processes, all of them together."""
        return sum(end - start for pid in pids for start, end in self.monitored_ranges(pid))

    def monitored_ranges(self, pid: int) -> tuple[Span, ...]:
        """Give the ranges that DAMON watches in a process; none if it has ended."""
        return three_ranges(self.mappings(pid)) or ()

    def resident_bytes(self, pid: int) -> int:
        """Give the resident memory of a process; 0 if it has none.

        Source: Documentation/filesystems/proc.rst, "statm".
        """
        fields = (self.read(f"{pid}/statm") or b"").split()
        return int(fields[1]) * PAGE_BYTES if fields else 0

    def mappings(self, pid: int) -> list[Span]:
        """Give the areas that a process has mapped, in order of address; none if it has ended."""
        lines = (self.read(f"{pid}/maps") or b"").splitlines()
        ends = (line.split(b" ", 1)[0].split(b"-") for line in lines if b"[vsyscall]" not in line)
        return [(int(start, 16), int(end, 16)) for start, end in ends]

    def clear_references(self, pid: int) -> bool:
        """Clear the Accessed bits of all pages of a process. Gives whether the process was there.

        Source: Documentation/filesystems/proc.rst, "clear_refs".
        """
        try:
            descriptor = os.open(f"{self._root}/{pid}/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            os.write(descriptor, b"1")
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def references(self, pid: int) -> tuple[ReferencedArea, ...]:
        """Give what a process has accessed of each area with memory since its bits were cleared.

        Source: Documentation/filesystems/proc.rst, "smaps".
        """
        text = self.read(f"{pid}/smaps") or b""
        found = []
        # A text of a kilobyte for each area: splitting it takes a fifth of the time of a pattern.
        for part in text.split(b"\nVmFlags:")[:-1]:
            resident = _kib(part, b"\nRss:")
            if resident:
                head = part if part[:1] != b" " else part[part.index(b"\n") + 1 :]
                start, end = head[: head.index(b" ")].split(b"-")
                referenced = _kib(part, b"\nReferenced:") or 0
                found.append(
                    ReferencedArea(int(start, 16), int(end, 16), resident << 10, referenced << 10)
                )
        return tuple(found)

    def pages(self, pid: int) -> Pagemap:
        """Give what the kernel says of each page of a process."""
        return Pagemap(f"{self._root}/{pid}/pagemap")

    def _stat(self, pid: int) -> list[bytes] | None:
        """Give the fields of the file ``stat`` behind the name: the state is number 0."""
        text = self.read(f"{pid}/stat")
        return None if text is None else text[text.rindex(b")") + 1 :].split()


def _kib(status: bytes, name: bytes) -> int | None:
    """Give a number of a file ``status``; None if it is not there. To look at each line costs more."""
    at = status.find(name)
    return None if at < 0 else int(status[at + len(name) :].split(None, 1)[0])


def _cpu_clock_s(pid: int) -> float:
    # The kernel's encoding of a process's CPU clock, as clock_getcpuclockid(3) gives it.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
