"""A machine whose first program tries the host backend, and its image."""

from __future__ import annotations

from pathlib import Path

from autotune.backends.vm import cpio
from autotune.backends.vm.command_line import MachineParts
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.emulator import Emulator
from autotune.backends.vm.image import keep_image
from autotune.backends.vm.kernel_files import KernelFiles
from autotune.backends.vm.kernel_modules import read_module
from autotune.backends.vm.orders import FIRST_ORDERS, encode_orders
from autotune.backends.vm.python_files import ENVIRONMENT, guest_python
from autotune.backends.vm.skeleton import SKELETON
from autotune.native.building import build
from tests.backends.host_in_guest.facts import Facts, read_facts

FIRST_PROGRAM = "tests.backends.host_in_guest.first_program"
SOURCES = Path(__file__).parent
ROOT = SOURCES.parents[2]
MEMORY_BYTES = 512 << 20
TIMEOUT_S = 400.0

MODULES = ("autotune.backends.host", "autotune.testing", "contextlib", "signal", "traceback")
"""What the first program imports, beside its own files."""


def run_scenarios(kernel: KernelFiles, folder: Path) -> tuple[dict[str, Facts], str]:
    """Boot, and give the facts and the whole console once the machine has ended."""
    python = guest_python(MODULES)
    guest_root = "/guest"
    entries: list[Entry] = [
        # Python may lie in there, and the workload is not root's.
        cpio.folder("/root"),
        *(entry for entry in SKELETON if entry.path != "/root"),
        *python.entries,
        *(
            cpio.file(f"{guest_root}/{path.relative_to(ROOT)}", path)
            for path in sorted(SOURCES.glob("*.py"))
        ),
        *(
            cpio.file(f"/modules/{number:02}.ko", read_module(module))
            for number, module in enumerate(kernel.modules)
        ),
        cpio.file("/player", build("player"), 0o755),
    ]
    unique = {entry.path: entry for entry in entries}
    image, _ = keep_image(tuple(unique[path] for path in sorted(unique)), folder)
    parts = MachineParts(
        kernel=kernel.image,
        initrd=image,
        init=(*python.command, "-m", FIRST_PROGRAM),
        environment=(*ENVIRONMENT.items(), ("PYTHONPATH", guest_root)),
        memory_bytes=MEMORY_BYTES,
    )
    with Emulator(parts, encode_orders(FIRST_ORDERS), build("frozen_clock")) as emulator:
        emulator.begin()
        emulator.run_until_it_stops(TIMEOUT_S)
        console = emulator.console_text()
    return read_facts(console), console
