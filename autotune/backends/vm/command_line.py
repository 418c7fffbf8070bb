"""The command line of the emulator, which makes the micro-VM of its parts.

Each part of the deterministic mode has a reason that was found by comparing runs: see docs/micro-vm.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autotune.backends.settings import SPEEDS_MIPS

PROGRAM = "qemu-system-x86_64"
MACHINE = "pc-i440fx-7.2"
OLDEST_QEMU = (7, 2)

_DATE = "2024-01-01T00:00:00"
"""The time at which the clock of every machine begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineParts:
    """What a machine is made of.

    Attributes:
        kernel: The kernel's image.
        initrd: The root file system, an archive.
        init: The program that the kernel runs first, with its arguments.
        environment: Environment variables of that program.
        memory_bytes: Size of the memory, whole MiB.
        mips: Speed of the virtual CPU, one of `SPEEDS_MIPS`.
        cpus: Number of CPUs; more than 1 only with `realtime`.
        realtime: Whether the machine runs on KVM in real time. Otherwise its clock counts instructions.
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
    """The open files that the emulator inherits, by number.

    Attributes:
        console: Takes what the kernel and the runner print.
        results: Takes what the guest writes to its debug port.
        orders: Holds the orders, `autotune.backends.vm.orders.ORDERS_BYTES` bytes.
        qmp: A connected socket.
    """

    console: int
    results: int
    orders: int
    qmp: int


def kernel_command_line(parts: MachineParts) -> str:
    """Give the kernel's parameters. The kernel gives what is behind ``--`` to the first program."""
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
        parts: What the machine is made of.
        descriptors: The open files that the emulator inherits.
        incoming: Where the saved state comes from, in the form of QEMU's ``-incoming``; None boots.
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
