"""What a user can choose: the backend, the parts of the micro-VM, changes to this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

BACKENDS = ("simulator", "vm", "host")
"""The names of the backends, from the cheapest to the dearest."""


def check_order(names: Sequence[str]) -> None:
    """Check that a list names known backends, each at most once, from the cheapest to the dearest.

    Raises:
        ValueError: If it doesn't.

    >>> check_order(["vm", "simulator"])
    Traceback (most recent call last):
    ValueError: vm stands before simulator, and the cheapest comes first: write simulator, vm
    """
    if not names:
        raise ValueError(f"there is no backend: name one or more of {', '.join(BACKENDS)}")
    for name in names:
        if name not in BACKENDS:
            raise ValueError(f"no backend '{name}': known are {', '.join(BACKENDS)}")
        if names.count(name) > 1:
            raise ValueError(f"{name} is there twice: name each backend once")
    in_order = sorted(names, key=BACKENDS.index)
    for name, expected in zip(names, in_order, strict=True):
        if name != expected:
            raise ValueError(
                f"{name} stands before {expected}, and the cheapest comes first: write "
                f"{', '.join(in_order)}"
            )


def split_names(text: str) -> tuple[str, ...]:
    """Give the names in a list with commas between them, as the command line takes it.

    Raises:
        ValueError: As `check_order` does.

    >>> split_names("simulator,vm")
    ('simulator', 'vm')
    """
    names = tuple(name.strip() for name in text.split(","))
    check_order(names)
    return names


HugePages: TypeAlias = Literal["never", "madvise", "always"]
"""When memory comes in huge pages of 2 MiB: never, where a program or a scheme asks, or always."""

SPEEDS_MIPS = (1000, 500, 250, 125)
"""With these speeds, an instruction takes a power of two of nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSettings:
    """The parts of a micro-VM that a user can choose.

    Attributes:
        memory_bytes: Size of the memory; None takes a size that suits the workload.
        swap_bytes: Size of the zram device; None makes it as large as the memory.
        compression: zram's algorithm.
        huge_pages: Transparent huge pages.
        mips: Millions of instructions a second of virtual time, in the deterministic mode.
        realtime: Runs in real time on KVM, with figures that differ from run to run.
        cpus: Number of CPUs; more than 1 only in realtime.
        kernel: A kernel image to use instead of the image that this program finds.
        modules: The folder of the modules of `kernel`.

    Raises:
        ValueError: If there is no such speed, or the deterministic mode is to have several CPUs.
    """

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    compression: str = "lz4"
    huge_pages: HugePages = "never"
    mips: int = 250
    realtime: bool = False
    cpus: int = 1
    kernel: Path | None = None
    modules: Path | None = None

    def __post_init__(self) -> None:
        """Check the CPU."""
        if self.mips not in SPEEDS_MIPS:
            known = ", ".join(str(mips) for mips in SPEEDS_MIPS)
            raise ValueError(f"mips is {self.mips}: it must be one of {known}")
        if self.cpus < 1 or (self.cpus > 1 and not self.realtime):
            raise ValueError(
                f"cpus is {self.cpus}: a deterministic machine has 1; more take mode: realtime"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What is changed on this machine while it measures, and put back afterwards.

    Attributes:
        swap_bytes: Size of a zram device that is made for the measurement and used before other swap;
            None uses the swap that is there.
        compression: The algorithm of the zram device.
        huge_pages: Transparent huge pages; None leaves them as they are.
    """

    swap_bytes: int | None = None
    compression: str = "lz4"
    huge_pages: HugePages | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """Where a workload is measured, and what that place is made of.

    Attributes:
        name: One of `BACKENDS`: its figures count.
        earlier: Cheaper backends, which choose what is tried first where the figures count.
        machine: The simulator's machine profile, a file.
        vm: The micro-VM's parts.
        host: What is changed on this machine while it measures.
    """

    name: str
    earlier: tuple[str, ...] = ()
    machine: Path
    vm: VmSettings = field(default_factory=VmSettings)
    host: HostSettings = field(default_factory=HostSettings)

    @property
    def names(self) -> tuple[str, ...]:
        """All backends, in the order in which the budget is spent."""
        return (*self.earlier, self.name)
