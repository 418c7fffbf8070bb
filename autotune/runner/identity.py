"""The user who runs a workload, and the environment."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user and an environment.

    Attributes:
        environment: Environment variables of the workload's processes.
        uid: The user; None keeps the user of this process.
        gid: The user's group; None keeps the group of this process.
        groups: The user's further groups; None keeps those of this process.
    """

    environment: Mapping[str, str]
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


def invoking_user(environment: Mapping[str, str], euid: int) -> Identity:
    """Give the user who invoked this program. Under ``sudo`` that is the user who typed ``sudo``.

    Args:
        environment: Environment variables of this process.
        euid: Effective user of this process.

    >>> invoking_user({"HOME": "/home/me"}, euid=1000).uid is None
    True
    """
    sudo = environment.get("SUDO_UID", "")
    if euid != 0 or not sudo.isdecimal() or int(sudo) == 0:
        return Identity(environment=dict(environment))
    uid = int(sudo)
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return Identity(environment=dict(environment), uid=uid, gid=uid, groups=())
    changed = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    return Identity(
        environment={**environment, **changed},
        uid=uid,
        gid=user.pw_gid,
        groups=tuple(os.getgrouplist(user.pw_name, user.pw_gid)),
    )
