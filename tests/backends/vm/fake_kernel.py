"""Files that look like a kernel's to whoever doesn't boot them."""

from __future__ import annotations

import struct
from pathlib import Path

VERSION = "6.12.34-test"

NEEDED = {
    "zsmalloc": "",
    "lz4_compress": "",
    "lz4hc_compress": "",
    "lz4": "lz4_compress",
    "zram": "zsmalloc,lz4hc_compress,lz4_compress",
    "qemu_fw_cfg": "",
}
"""The modules of Debian's 6.12 cloud kernel, and what `modinfo` says that each needs."""

OPTIONS = {
    **dict.fromkeys(("DAMON", "DAMON_VADDR", "DAMON_PADDR", "DAMON_SYSFS"), "y"),
    **dict.fromkeys(("BLK_DEV_INITRD", "SERIAL_8250_CONSOLE", "SWAP"), "y"),
    **dict.fromkeys(("ZRAM", "FW_CFG_SYSFS"), "m"),
}


def image_bytes(version: str = VERSION, *, load_flags: int = 1) -> bytes:
    """Make the start of a bzImage, by boot.rst."""
    head = bytearray(0x1000)
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = struct.pack("<H", 0x800 - 0x200)
    head[0x236:0x238] = struct.pack("<H", load_flags)
    text = f"{version} (someone@somewhere) #1 SMP".encode()
    head[0x800 : 0x800 + len(text)] = text
    return bytes(head)


def module_bytes(depends: str = "", version: str = VERSION) -> bytes:
    """Make what stands in a module's section `.modinfo`."""
    return f"\x7fELF\0license=GPL\0depends={depends}\0vermagic={version} SMP\0".encode()


def write_modules(folder: Path, needed: dict[str, str] | None = None) -> Path:
    """Write modules into folders as a kernel's package has them."""
    for name, depends in (NEEDED if needed is None else needed).items():
        place = folder / "kernel" / name[:2] / f"{name}.ko"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(module_bytes(depends))
    return folder


def write_kernel(folder: Path, options: dict[str, str] | None = None) -> Path:
    """Write an image, and its configuration beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"CONFIG_{name}={value}\n" for name, value in (options or OPTIONS).items()]
    (folder / f"config-{VERSION}").write_text("# CONFIG_NUMA is not set\n" + "".join(lines))
    image = folder / f"vmlinuz-{VERSION}"
    image.write_bytes(image_bytes())
    return image
