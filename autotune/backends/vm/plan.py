"""What a machine does before it is forked. The plan is a part of the image, so all forks share it."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.backends.settings import HugePages
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program

PLAN_FILE = "/autotune/plan.json"
MODULES_FOLDER = "/autotune/modules"
PLAYER_FILE = "/autotune/player"
PORTS_FILE = "/autotune/ports"
OPENS_FILE = "/autotune/opens"
READY = "autotune: ready"
"""The line that the guest prints on its console when it can be forked."""

ORDERS_PATH = "/sys/firmware/qemu_fw_cfg/by_name/opt/orders/raw"
USER_ID = 1000
"""The user who runs the workload in the guest: not root, since some programs refuse root."""

HOME = "/tmp"  # noqa: S108  # the guest's
"""The home of that user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a machine is prepared.

    Attributes:
        workload: The workload that is started and warmed up.
        timeout_us: How long the warm-up may take.
        modules: Kernel modules to load, names in `MODULES_FOLDER`, in this order.
        swap_bytes: Size of the zram device.
        compression: Compression algorithm of the zram device.
        huge_pages: Setting of transparent huge pages.
        search_path: Value of PATH with which the workload's programs are found; empty for a pattern.
        traced: Whether the workload runs only to see what it looks for. Then nothing is measured.
    """

    workload: Pattern | Program
    timeout_us: int
    modules: tuple[str, ...]
    swap_bytes: int
    compression: str
    huge_pages: HugePages
    search_path: str
    traced: bool = False
