"""The checks of what runs a micro-VM: the processor, QEMU, and KVM for its realtime mode."""

from __future__ import annotations

import os
import stat

from autotune.backends.vm.command_line import PROGRAM
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.doctor.answer import Answer, what_and_remedy
from autotune.doctor.finding import State
from autotune.doctor.surroundings import Surroundings
from autotune.errors import BackendUnavailableError


def processor(here: Surroundings) -> Answer:
    """See whether the guest can run this machine's programs."""
    if here.processor != "x86_64":
        return Answer(
            State.MISSING,
            here.processor,
            "use the vm backend on an x86-64 machine: its guest runs this machine's programs",
        )
    return Answer(State.OK, here.processor)


def qemu(here: Surroundings) -> Answer:
    """See whether there is a QEMU that is new enough."""
    try:
        return Answer(State.OK, check_version(ask_version(here.environment)))
    except BackendUnavailableError as error:
        found, fix = what_and_remedy(str(error).removeprefix(f"{PROGRAM}: "))
        return Answer(State.MISSING, found, fix)


def kvm(here: Surroundings) -> Answer:
    """See whether this user may use KVM."""
    file = here.places.dev / "kvm"
    try:
        # Opening it would already use it.
        status = file.stat()
    except FileNotFoundError:
        return Answer(
            State.MISSING,
            f"no {file}",
            "only mode: realtime of the vm backend needs it: turn virtualisation on in the firmware, "
            "or nested virtualisation around this machine",
        )
    if not _may_use(status, here):
        return Answer(
            State.MISSING,
            f"{file} is not for this user",
            "only mode: realtime of the vm backend needs it: sudo usermod -aG kvm $USER, and log in "
            "again",
        )
    return Answer(State.OK, "usable for realtime mode")


def _may_use(status: os.stat_result, here: Surroundings) -> bool:
    """Whether the permission bits let this user read and write."""
    if here.euid == 0:
        return True
    if status.st_uid == here.euid:
        needed = stat.S_IRUSR | stat.S_IWUSR
    elif status.st_gid in here.groups:
        needed = stat.S_IRGRP | stat.S_IWGRP
    else:
        needed = stat.S_IROTH | stat.S_IWOTH
    return status.st_mode & needed == needed
