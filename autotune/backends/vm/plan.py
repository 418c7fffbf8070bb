"""What a machine does before it is forked: part of its image, and so the same for all its forks."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.backends.settings import HugePages
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program

PLAN_FILE = "/autotune/plan.json"
MODULES_FOLDER = "/autotune/modules"
PLAYER_FILE = "/autotune/player"
PORTS_FILE = "/autotune/ports"
READY = "autotune: ready"
"""What the guest says on its console when it can be forked."""

ORDERS_PATH = "/sys/firmware/qemu_fw_cfg/by_name/opt/orders/raw"
USER_ID = 1000
"""Who runs the workload in the guest; some programs refuse to be run by root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a machine is prepared.

    Attributes:
        workload: What is started and warmed up.
        timeout_us: Of the warm-up.
        modules: Kernel modules to load, names in `MODULES_FOLDER`, in this order.
        swap_bytes: Size of the zram device.
        compression: Its algorithm.
        huge_pages: Transparent huge pages.
        search_path: Where the workload's programs are found, as PATH says it; empty for a pattern.
    """

    workload: Pattern | Program
    timeout_us: int
    modules: tuple[str, ...]
    swap_bytes: int
    compression: str
    huge_pages: HugePages
    search_path: str
