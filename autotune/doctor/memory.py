"""The checks of this machine's memory settings: swap, huge pages, pressure."""

from __future__ import annotations

from typing import Final

from autotune.doctor.finding import Answer, State
from autotune.doctor.surroundings import Surroundings
from autotune.driver.sysfs_file import chosen_word, read_value
from autotune.runner.procfs import Procfs
from autotune.runner.system_memory import SystemMemory
from autotune.units import gib

_ZRAM_MODULE: Final = "kernel/drivers/block/zram/zram.ko*"
_SWAP_FIX: Final = (
    "add host: {swap: 1GiB} to the workload file, for compressed swap while it measures"
)


def swap(here: Surroundings) -> Answer:
    """See whether there is swap, or zram to make swap."""
    places = here.places
    size_bytes = SystemMemory(places.procfs, places.sysfs).swap_total_bytes()
    loaded = (places.sysfs / "class/zram-control").is_dir()
    release = (Procfs(places.procfs).read("sys/kernel/osrelease") or b"").decode().strip()
    module = bool(release) and any((here.modules / release).glob(_ZRAM_MODULE))
    zram = "zram is loaded" if loaded else "zram is a module" if module else "no zram"
    if size_bytes:
        return Answer(State.OK, f"{gib(size_bytes)} of swap; {zram}")
    found = f"no swap, so that pageout does nothing; {zram}"
    if loaded:
        return Answer(State.WARNING, found, _SWAP_FIX)
    if module:
        return Answer(State.WARNING, found, f"run modprobe zram, and {_SWAP_FIX}")
    return Answer(
        State.MISSING, found, "turn swap on, or boot a kernel with zram, or use the vm backend"
    )


def huge_pages(here: Surroundings) -> Answer:
    """See whether huge pages hide from DAMON which memory is used."""
    file = here.places.sysfs / "kernel/mm/transparent_hugepage/enabled"
    if not file.exists():
        return Answer(State.OK, "this kernel has none")
    mode = chosen_word(read_value(file))
    if mode == "always":
        return Answer(
            State.WARNING,
            "always: DAMON sees memory in pieces of 2 MiB",
            "add host: {huge_pages: never} to the workload file, unless that is how it is used",
        )
    return Answer(State.OK, mode)


def pressure(here: Surroundings) -> Answer:
    """See whether the kernel tells how long programs wait for memory."""
    if Procfs(here.places.procfs).read("pressure/memory"):
        return Answer(State.OK, "pressure stall information")
    return Answer(
        State.WARNING,
        "no pressure stall information: memory pressure reads as 0",
        "boot with psi=1, a kernel built with CONFIG_PSI",
    )
