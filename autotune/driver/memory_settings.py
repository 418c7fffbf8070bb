"""Sets the machine's memory up for a measurement: huge pages, and swap in compressed memory."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from autotune.driver.journal import Change, Journal, Kind
from autotune.driver.sysfs_file import SysfsError, choices, chosen_word, read_value, write_value
from autotune.driver.system_calls import SystemCalls
from autotune.errors import BackendUnavailableError

_SWAP_SIGNATURE = b"SWAPSPACE2"
_SWAP_VERSION = 1
_SWAP_HEADER_OFFSET = 1024


@contextlib.contextmanager
def _for_all_trials() -> Iterator[None]:
    # If a setting fails for this trial, it fails for every trial: so it is no error of the trial.
    try:
        yield
    except SysfsError as error:
        raise BackendUnavailableError(str(error)) from error


def set_huge_pages(sysfs: Path, mode: str, journal: Journal) -> None:
    """Say for which memory the kernel uses transparent huge pages.

    Args:
        sysfs: Where sysfs is mounted.
        mode: "always", "madvise" or "never".
        journal: The change is written down here first, if there is one.

    Raises:
        BackendUnavailableError: If this kernel doesn't know the mode. A kernel without huge pages knows
            "never".
    """
    file = sysfs / "kernel/mm/transparent_hugepage/enabled"
    if not file.exists() and mode == "never":
        return
    with _for_all_trials():
        text = read_value(file)
        if mode not in choices(text):
            raise BackendUnavailableError(
                f"{file}: has no '{mode}', only: {text}: choose of these"
            )
        if (old := chosen_word(text)) != mode:
            journal.write_down(Change(kind=Kind.SETTING, where=str(file), old=old))
            write_value(file, mode)


def swap_header(size_bytes: int, page_bytes: int) -> bytes:
    """Give the first page of a swap area.

    Args:
        size_bytes: Size of the area. A part of a page at its end is not used.
        page_bytes: The kernel's page size.

    Source: ``union swap_header``, include/linux/swap.h of Linux 6.12.

    >>> header = swap_header(1 << 20, 4096)
    >>> len(header), header[-10:]
    (4096, b'SWAPSPACE2')
    """
    last_page = size_bytes // page_bytes - 1
    header = bytearray(page_bytes)
    # Version, last page, number of bad pages; label and UUID stay zero.
    struct.pack_into("=III", header, _SWAP_HEADER_OFFSET, _SWAP_VERSION, last_page, 0)
    header[-len(_SWAP_SIGNATURE) :] = _SWAP_SIGNATURE
    return bytes(header)


def add_zram_swap(
    sysfs: Path,
    dev: Path,
    *,
    size_bytes: int,
    algorithm: str,
    journal: Journal,
    system: SystemCalls,
) -> Path:
    """Give the machine compressed swap in memory, used before any other swap.

    Args:
        sysfs: Where sysfs is mounted.
        dev: Where the devices are.
        size_bytes: How much can be swapped out, before compression.
        algorithm: Compression algorithm, by zram's name for it: "lz4".
        journal: Each step is written down here first.
        system: Turns swap on.

    Returns:
        The device.

    Raises:
        BackendUnavailableError: If there is no zram, or zram doesn't know the algorithm.
    """
    with _for_all_trials():
        folder = _unused_device(sysfs, journal)
        algorithms = read_value(folder / "comp_algorithm")
        if algorithm not in choices(algorithms):
            raise BackendUnavailableError(
                f"{folder / 'comp_algorithm'}: has no '{algorithm}', only: {algorithms}: choose of these"
            )
        write_value(folder / "comp_algorithm", algorithm)
        write_value(folder / "disksize", str(size_bytes))
    device = dev / folder.name
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    try:
        with device.open("r+b") as area:
            area.write(swap_header(size_bytes, page_bytes))
            area.flush()
            os.fsync(area.fileno())
    except OSError as error:
        raise BackendUnavailableError(
            f"{device}: can't be made swap: {error.strerror}: see that {dev} shows the machine's devices"
        ) from error
    journal.write_down(Change(kind=Kind.SWAP, where=str(device)))
    system.swap_on(device)
    return device


def _unused_device(sysfs: Path, journal: Journal) -> Path:
    """Take a zram device that has no size yet. If there is none, add a device."""
    block, control = sysfs / "block", sysfs / "class/zram-control/hot_add"
    if not control.exists():
        raise BackendUnavailableError(
            f"{control}: there is no zram: load it with 'modprobe zram', or boot a kernel that has it"
        )
    numbers = sorted(
        int(digits)
        for folder in block.glob("zram*")
        if (digits := folder.name.removeprefix("zram")).isdigit()
    )
    for number in numbers:
        folder = block / f"zram{number}"
        if read_value(folder / "disksize") == "0":
            journal.write_down(Change(kind=Kind.ZRAM, where=str(folder), old="found"))
            return folder
    # The kernel gives a new device the lowest free number.
    expected = next(number for number in range(len(numbers) + 1) if number not in numbers)
    folder = block / f"zram{expected}"
    journal.write_down(Change(kind=Kind.ZRAM, where=str(folder), old="added"))
    if (given := read_value(control)) != str(expected):
        # Another program added a device at that moment, and the journal names that device. Undoing would
        # remove it. So we remove our own device now, and take the change out of the journal.
        write_value(sysfs / "class/zram-control/hot_remove", given)
        journal.undone(Change(kind=Kind.ZRAM, where=str(folder), old="added"))
        raise BackendUnavailableError(
            f"{control}: gave zram{given} where zram{expected} was free: another program adds devices: "
            "try again"
        )
    return folder
