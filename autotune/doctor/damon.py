"""The checks of DAMON itself: what this kernel can do, and whether this user may use it."""

from __future__ import annotations

from typing import Final

from autotune.damon.kernel_features import FEATURES
from autotune.doctor.finding import Answer, State
from autotune.doctor.surroundings import Surroundings
from autotune.driver.sysfs_file import read_value
from autotune.driver.tree import KDAMONDS

_LOOKED_FOR: Final = tuple(
    feature for feature in FEATURES if feature.in_every_scheme and feature.remedy
)
"""Features whose absence the sysfs folder of any scheme shows.

Two kinds of features are left out: features that show only in a scheme with a goal or a filter, since
the doctor writes neither; and features without which nothing is lost.
"""


def interface(here: Surroundings) -> Answer:
    """See whether the kernel shows DAMON's files."""
    root = here.places.sysfs / KDAMONDS
    if not root.is_dir():
        return Answer(
            State.MISSING,
            f"no sysfs interface ({root})",
            "boot a kernel built with CONFIG_DAMON_SYSFS, or use the vm backend",
        )
    return Answer(State.OK, "sysfs interface")


def operations(here: Surroundings) -> Answer:
    """See whether virtual addresses can be monitored."""
    files = sorted((here.places.sysfs / KDAMONDS).glob("*/contexts/0/avail_operations"))
    if not files:
        return Answer(State.UNKNOWN, "shows only while DAMON is set up: a run looks then")
    known = read_value(files[0]).split()
    if "vaddr" not in known:
        return Answer(
            State.MISSING,
            f"no vaddr, only {', '.join(known) or 'nothing'}",
            "boot a kernel built with CONFIG_DAMON_VADDR, or use the vm backend",
        )
    return Answer(State.OK, ", ".join(known))


def features(here: Surroundings) -> Answer:
    """See what schemes may ask for."""
    folders = sorted((here.places.sysfs / KDAMONDS).glob("*/contexts/0/schemes/0"))
    if not folders:
        return Answer(State.UNKNOWN, "shows only while a scheme is set up: a run looks then")
    lacking = [
        f"{feature.name} (v{feature.since})"
        for feature in _LOOKED_FOR
        if not any((folders[0] / file).exists() for file in feature.files)
    ]
    if lacking:
        return Answer(
            State.WARNING,
            f"this kernel is too old for {', '.join(lacking)}",
            "for schemes with these boot a newer kernel, or use the vm backend",
        )
    return Answer(State.OK, ", ".join(feature.name for feature in _LOOKED_FOR))


def root(here: Surroundings) -> Answer:
    """See whether this user is root, who owns DAMON's files."""
    if here.euid != 0:
        return Answer(
            State.MISSING,
            f"this is user {here.euid}",
            "run it with sudo, or use the vm backend, which needs no root",
        )
    return Answer(State.OK, "this is root")
