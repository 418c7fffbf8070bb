"""The checks of what a micro-VM is made of: a compiler for its small programs, and a kernel."""

from __future__ import annotations

import shlex

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import find_kernel
from autotune.cache import cache_folder
from autotune.doctor.answer import Answer, what_and_remedy
from autotune.doctor.finding import State
from autotune.doctor.surroundings import Surroundings
from autotune.errors import AutotuneError, BackendUnavailableError
from autotune.native.compiler import GET_COMPILER, find_compiler


def compiler(here: Surroundings) -> Answer:
    """See whether there is a C compiler that answers."""
    try:
        found = find_compiler(here.environment)
    except BackendUnavailableError as error:
        return Answer(State.MISSING, *what_and_remedy(str(error)))
    if found is None:
        return Answer(State.MISSING, "not found", GET_COMPILER)
    first_line = found.version.strip().partition("\n")[0].strip()
    return Answer(State.OK, first_line or shlex.join(found.command))


def vm_kernel(here: Surroundings) -> Answer:
    """See whether a kernel is kept that can be used."""
    try:
        kernel = find_kernel(VmSettings(), cache_folder(here.environment))
    except AutotuneError as error:
        return Answer(State.MISSING, what_and_remedy(str(error))[0], "run autotune vm setup")
    if kernel.config is None:
        return Answer(
            State.WARNING,
            f"{kernel.version}, of unknown configuration",
            "if it does not boot or has no DAMON, run autotune vm setup --refresh",
        )
    return Answer(State.OK, f"{kernel.version}, configured with DAMON and zram")
