"""The command line of the emulator: what the micro-VM is, part by part.

Each part of the deterministic mode is there for a reason that was seen by comparing runs:
docs/micro-vm.md tells them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autotune.backends.settings import SPEEDS_MIPS

PROGRAM = "qemu-system-x86_64"
MACHINE = "pc-i440fx-7.2"
OLDEST_QEMU = (7, 2)

_DATE = "2024-01-01T00:00:00"
"""When every machine begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineParts:
    """What a machine is made of.

    Attributes:
        kernel: Its kernel, an image.
        initrd: Its root file system, an archive.
        init: What the kernel runs first, with its arguments.
        environment: Of that.
        memory_bytes: Whole MiB.
        mips: Speed of the virtual CPU, one of `SPEEDS_MIPS`.
        cpus: More than 1 only in realtime.
        realtime: Runs on KVM in real time instead of counted instructions.
    """

    kernel: Path
    initrd: Path
    init: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    memory_bytes: int
    mips: int = 250
    cpus: int = 1
    realtime: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """What the emulator inherits, as numbers of open files.

    Attributes:
        console: Takes what the kernel and the runner say.
        results: Takes what comes out of the guest's debug port.
        orders: Holds the orders, `autotune.backends.vm.orders.ORDERS_BYTES` long.
        qmp: A connected socket.
    """

    console: int
    results: int
    orders: int
    qmp: int


def kernel_command_line(parts: MachineParts) -> str:
    """Give the kernel's parameters; what stands behind ``--`` goes to the first program."""
    words = ["console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests=1"]
    if not parts.realtime:
        words += ["nokaslr", "norandmaps", "random.trust_cpu=off", "pti=on"]
    words += [f"{name}={value}" for name, value in parts.environment]
    return " ".join([*words, f"rdinit={parts.init[0]}", "--", *parts.init[1:]])


def command_line(
    parts: MachineParts, descriptors: Descriptors, incoming: str | None = None
) -> list[str]:
    """Give the emulator's arguments.

    Args:
        parts: The machine.
        descriptors: What it inherits.
        incoming: Where a saved state comes from, as QEMU's ``-incoming`` takes it; None boots.
    """
    machine = (
        ["-accel", "kvm", "-cpu", "host", "-smp", f"{parts.cpus}", "-rtc", "base=utc,clock=host"]
        if parts.realtime
        else [
            *("-accel", "tcg,thread=single"),
            *("-icount", f"shift={SPEEDS_MIPS.index(parts.mips)},sleep=off"),
            *("-rtc", f"base={_DATE},clock=vm"),
            *("-cpu", "max,rdrand=off,rdseed=off"),
            *("-smp", "1"),
        ]
    )
    return [
        PROGRAM,
        *("-M", MACHINE),
        *machine,
        *("-m", f"{parts.memory_bytes >> 20}M"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S"),
        *("-device", "pvpanic", "-action", "panic=pause"),
        *("-chardev", f"file,id=console,path=/proc/self/fd/{descriptors.console}"),
        *("-serial", "chardev:console"),
        *("-chardev", f"file,id=results,path=/proc/self/fd/{descriptors.results}"),
        *("-device", "isa-debugcon,iobase=0xe9,chardev=results"),
        *("-chardev", f"socket,id=qmp,fd={descriptors.qmp}"),
        *("-mon", "chardev=qmp,mode=control"),
        *("-fw_cfg", f"name=opt/orders,file=/proc/self/fd/{descriptors.orders}"),
        *("-kernel", str(parts.kernel), "-initrd", str(parts.initrd)),
        *("-append", kernel_command_line(parts)),
        *(() if incoming is None else ("-incoming", incoming)),
    ]
