"""What the micro-VM is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

HugePages: TypeAlias = Literal["never", "madvise", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSettings:
    """The parts of a micro-VM that a user can choose.

    Attributes:
        memory_bytes: None sizes it from the workload.
        swap_bytes: Size of the zram device; None makes it as large as the memory.
        compression: zram's algorithm.
        huge_pages: Transparent huge pages.
        mips: Millions of instructions a second of virtual time.
        kernel: An image other than the one that is found.
        modules: The folder of that kernel's modules.
    """

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    compression: str = "lz4"
    huge_pages: HugePages = "never"
    mips: int = 250
    kernel: Path | None = None
    modules: Path | None = None
