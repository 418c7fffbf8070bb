"""Finds the kernel modules that a guest loads, decompresses them, and orders them by what they need.

The guest has no modprobe, and not every kernel can decompress a module. So the guest gets plain files,
in the order in which to load them. Debian's packages have no `modules.dep` (the installation makes it).
So what a module needs is read from the module itself.

Source: modinfo(8), the fields `depends` and `vermagic`.
"""

from __future__ import annotations

import gzip
import lzma
import re
import subprocess
import zlib
from collections.abc import Callable, Collection
from pathlib import Path

from autotune.errors import BackendUnavailableError, InputError, Where

REQUIRED = {"zram": "ZRAM", "qemu_fw_cfg": "FW_CFG_SYSFS"}
"""Modules without which no guest works, and the options that build them."""

_COMPRESSORS = ("lz4", "lz4hc", "zstd", "lzo", "lzo_rle")
"""Modules that are loaded if they are present and not built in.

Since "zram: introduce custom comp backends API" (in v6.12), zram has its own algorithms. An earlier zram
uses the kernel's algorithms, and asks modprobe, which the guest lacks, to load an algorithm.
"""

_SUFFIXES = (".ko", ".ko.gz", ".ko.xz", ".ko.zst")
_TIMEOUT_S = 60


def _unzstd(content: bytes) -> bytes:
    try:
        return subprocess.run(
            ("zstd", "-dc"),  # noqa: S607  # wherever it is installed
            input=content,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
        ).stdout
    except FileNotFoundError as error:
        raise BackendUnavailableError(
            "no program 'zstd', with which this kernel's modules are compressed: install it"
        ) from error


_DECOMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".ko": bytes,
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".zst": _unzstd,
}


def module_name(path: Path) -> str:
    """Give the name by which the kernel knows the module in a file.

    >>> module_name(Path("crypto/lzo-rle.ko.xz"))
    'lzo_rle'
    """
    return path.name.partition(".")[0].replace("-", "_")


def read_module(path: Path) -> bytes:
    """Give a module's bytes, decompressed.

    Raises:
        InputError: If the module can't be read, or is damaged.
        BackendUnavailableError: If the program that decompresses the module is missing.
    """
    try:
        return _DECOMPRESSORS[path.suffix](path.read_bytes())
    except OSError as error:  # gzip's errors, too, which have no strerror
        raise InputError(f"can't be read: {error.strerror or error}", Where(path)) from error
    except (EOFError, lzma.LZMAError, zlib.error, subprocess.SubprocessError) as error:
        raise InputError(f"is no whole module: {error}: unpack it again", Where(path)) from error


def find_modules(folder: Path, version: str, built_in: Collection[str]) -> tuple[Path, ...]:
    """Find the modules that a guest loads, each module after the modules that it needs.

    Args:
        folder: The folder of the kernel's modules, or a folder that has such a folder for each version.
        version: The kernel's version, as `uname -r` prints it.
        built_in: Names of modules that are built into the kernel.

    Raises:
        InputError: If a module is missing, or is for another kernel.
        BackendUnavailableError: If the program that decompresses the modules is missing.
    """
    if (folder / version).is_dir():
        folder = folder / version
    known = {
        module_name(path): path
        for path in sorted(folder.rglob("*.ko*"))
        if path.name.endswith(_SUFFIXES)
    }
    order: dict[str, Path] = {}

    def place(name: str, wanted_by: str) -> None:
        if name in order:
            return
        if name not in known:
            raise InputError(
                f"no module '{name}', which {wanted_by} needs: name the folder with all modules of "
                f"kernel {version}",
                Where(folder),
            )
        content = read_module(known[name])
        _check_version(known[name], content, version)
        for needed in _field(content, "depends").split(","):
            if needed:
                place(needed.replace("-", "_"), name)
        order[name] = known[name]

    for name in (*_COMPRESSORS, *REQUIRED):
        if name not in built_in and (name in REQUIRED or name in known):
            place(name, "a micro-VM")
    return tuple(order.values())


def built_in_modules(folder: Path) -> frozenset[str]:
    """Give the names of the modules that are built into a kernel; none without `modules.builtin`."""
    try:
        lines = (folder / "modules.builtin").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(module_name(Path(line)) for line in lines)


def _check_version(path: Path, content: bytes, version: str) -> None:
    made_for = _field(content, "vermagic").partition(" ")[0]
    if made_for != version:
        raise InputError(
            f"is for kernel {made_for or 'unknown'}, not for {version}: name that one's folder",
            Where(path),
        )


def _field(content: bytes, name: str) -> str:
    match = re.search(rb"\0" + name.encode() + rb"=([^\0]*)\0", content)
    return match[1].decode(errors="replace") if match else ""
