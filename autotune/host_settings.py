"""What is changed on this machine while it measures, and put back afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.vm_settings import HugePages


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """The settings of this machine that a user can choose.

    Attributes:
        swap_bytes: Size of a zram device that is made for the measurement and used before other swap;
            None uses what is there.
        compression: Its algorithm.
        huge_pages: Transparent huge pages; None leaves them as they are.
    """

    swap_bytes: int | None = None
    compression: str = "lz4"
    huge_pages: HugePages | None = None
