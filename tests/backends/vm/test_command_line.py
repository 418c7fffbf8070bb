from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from autotune.backends.settings import SPEEDS_MIPS
from autotune.backends.vm.command_line import (
    Descriptors,
    MachineParts,
    command_line,
    kernel_command_line,
)

DESCRIPTORS = Descriptors(console=11, results=12, orders=13, qmp=14)
PARTS = MachineParts(
    kernel=Path("/k/vmlinuz"),
    initrd=Path("/i/image.cpio"),
    init=("/usr/bin/python3", "-m", "first"),
    environment=(("PYTHONHOME", "/usr"),),
    memory_bytes=512 << 20,
)
REALTIME = replace(PARTS, realtime=True, cpus=4)


def value_of(option: str, words: list[str]) -> str:
    """What stands behind an option that is there once."""
    (value,) = (value for name, value in pairwise(words) if name == option)
    return value


def test_the_deterministic_machine_is_the_one_whose_runs_were_compared() -> None:
    words = command_line(PARTS, DESCRIPTORS)

    assert words[0] == "qemu-system-x86_64"
    assert {option: value_of(option, words) for option in ("-M", "-accel", "-icount", "-rtc")} == {
        "-M": "pc-i440fx-7.2",
        "-accel": "tcg,thread=single",
        "-icount": "shift=2,sleep=off",
        "-rtc": "base=2024-01-01T00:00:00,clock=vm",
    }
    assert value_of("-cpu", words) == "max,rdrand=off,rdseed=off"
    assert value_of("-smp", words) == "1"
    assert value_of("-m", words) == "512M"
    assert {"-nodefaults", "-no-user-config", "-no-reboot", "-S"} <= set(words)


@pytest.mark.parametrize("mips", SPEEDS_MIPS)
def test_an_instruction_takes_the_time_that_the_speed_says(mips: int) -> None:
    words = command_line(replace(PARTS, mips=mips), DESCRIPTORS)

    shift = int(value_of("-icount", words).removeprefix("shift=").partition(",")[0])
    assert (1 << shift) * mips == 1000  # in nanoseconds, times instructions a microsecond


def test_the_deterministic_kernel_has_no_address_or_number_from_outside() -> None:
    ours, _, first = kernel_command_line(PARTS).partition(" -- ")

    assert {"nokaslr", "norandmaps", "random.trust_cpu=off", "pti=on"} <= set(ours.split())
    assert {"console=ttyS0", "panic=-1", "PYTHONHOME=/usr"} <= set(ours.split())
    assert "rdinit=/usr/bin/python3" in ours.split()
    assert first == "-m first"


def test_realtime_runs_on_the_hosts_cpus_by_its_clock() -> None:
    words = command_line(REALTIME, DESCRIPTORS)

    assert value_of("-accel", words) == "kvm"
    assert value_of("-cpu", words) == "host"
    assert value_of("-smp", words) == "4"
    assert value_of("-rtc", words) == "base=utc,clock=host"
    assert "-icount" not in words
    assert not {"nokaslr", "norandmaps", "pti=on"} & set(value_of("-append", words).split())


@pytest.mark.parametrize("parts", [PARTS, REALTIME], ids=["deterministic", "realtime"])
def test_all_that_goes_in_and_out_is_inherited_and_nothing_has_a_name(
    parts: MachineParts,
) -> None:
    words = command_line(parts, DESCRIPTORS)

    for number in (DESCRIPTORS.console, DESCRIPTORS.results, DESCRIPTORS.orders):
        assert sum(word.endswith(f"=/proc/self/fd/{number}") for word in words) == 1
    assert sum(word.endswith(f",fd={DESCRIPTORS.qmp}") for word in words) == 1
    assert value_of("-fw_cfg", words) == "name=opt/orders,file=/proc/self/fd/13"
    assert value_of("-action", words) == "panic=pause"
    assert value_of("-kernel", words) == "/k/vmlinuz"
    assert value_of("-initrd", words) == "/i/image.cpio"
    assert not any("netdev" in word or "drive" in word for word in words)


def test_a_fork_has_the_same_machine_and_a_state_to_go_on_from() -> None:
    master = command_line(PARTS, DESCRIPTORS)

    fork = command_line(PARTS, DESCRIPTORS, "exec:cat /a/state")

    assert fork == [*master, "-incoming", "exec:cat /a/state"]
