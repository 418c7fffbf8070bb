"""How properties are searched for counterexamples, and what tests on a real kernel take.

The test command draws the same examples every time, so that it passes or fails by the code alone.
``pytest --hypothesis-profile=search`` draws new ones, and more of them.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import KERNELS_FOLDER, find_kernel
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.cache import cache_folder
from autotune.errors import AutotuneError
from autotune.native.building import build
from tests.closed_form import NOISY, ClosedForm, Tuned, tune

settings.register_profile("repeat", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("repeat")

# A shell starts what it runs in the background with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def vm_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder with the kernel that was set up, and no machine yet.

    Without QEMU, kernel or compiler, the tests that take it fail in CI, and are skipped elsewhere.
    """
    try:
        check_version(ask_version())
        find_kernel(VmSettings(), cache_folder())
        build("frozen_clock")
    except AutotuneError as error:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"NOT TESTED on a real kernel: {error}")
    folder = tmp_path_factory.mktemp("vm-cache")
    (folder / KERNELS_FOLDER).symlink_to(cache_folder() / KERNELS_FOLDER)
    yield folder
    shutil.rmtree(folder)  # saved machines are large


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Eight trials by the formulas; for tests that only look."""
    return tune(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Thirty trials with noise; for tests that only look."""
    return tune(tmp_path_factory.mktemp("noisy"), NOISY, backend=ClosedForm(amplitude=0.02))
