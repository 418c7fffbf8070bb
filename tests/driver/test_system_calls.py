"""The real kernel's answers, in a namespace of their own where nothing can come of it."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.driver.system_calls import LinuxCalls, SystemCallError

ROOT = Path(__file__).parents[2]
NAMESPACE = ("unshare", "-rm")


@pytest.fixture(scope="module")
def namespace() -> tuple[str, ...]:
    try:
        tried = subprocess.run(
            [*NAMESPACE, "true"], check=False, capture_output=True, text=True, timeout=30
        )
    except FileNotFoundError:
        pytest.skip("NOT TESTED: needs unshare (package util-linux)")
    if tried.returncode:
        pytest.skip(
            f"NOT TESTED: user namespaces are not allowed here ({tried.stderr.strip()}); run as root, "
            "or set kernel.unprivileged_userns_clone=1"
        )
    return NAMESPACE


def run(namespace: tuple[str, ...], lines: str, path: Path) -> str:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from autotune.driver.system_calls import LinuxCalls, SystemCallError\n"
        f"calls, path = LinuxCalls(), Path(sys.argv[1])\n{lines}"
    )
    done = subprocess.run(
        [*namespace, sys.executable, "-c", program, str(path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    return done.stdout


def test_a_file_system_is_mounted_with_its_options(
    namespace: tuple[str, ...], tmp_path: Path
) -> None:
    printed = run(
        namespace,
        "calls.mount('tmpfs', path, 'size=1m')\n"
        "import os\n"
        "found = os.statvfs(path)\n"
        "print(path.is_mount(), found.f_blocks * found.f_frsize)\n",
        tmp_path,
    )

    assert printed == f"True {1 << 20}\n"
    assert not tmp_path.is_mount()


def test_a_file_system_that_is_not_there_is_refused(
    namespace: tuple[str, ...], tmp_path: Path
) -> None:
    printed = run(
        namespace,
        "try:\n    calls.mount('nosuchfs', path)\nexcept SystemCallError as error:\n    print(error)\n",
        tmp_path,
    )

    assert printed == (
        f"{tmp_path}: can't mount nosuchfs on it: No such device (ENODEV): this kernel has no such "
        "file system\n"
    )


@pytest.mark.parametrize(
    ("call", "what"), [("swap_on", "swap to it"), ("swap_off", "end swapping to it")]
)
def test_who_is_not_root_of_the_machine_is_told_so(
    namespace: tuple[str, ...], tmp_path: Path, call: str, what: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 16))

    printed = run(
        namespace,
        f"try:\n    calls.{call}(path)\nexcept SystemCallError as error:\n    print(error)\n",
        file,
    )

    assert printed == f"{file}: can't {what}: Operation not permitted (EPERM): run as root\n"


def test_what_may_not_be_loaded_is_no_module(namespace: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 16))

    printed = run(
        namespace,
        "try:\n    calls.load_module(path)\nexcept SystemCallError as error:\n    print(error)\n",
        file,
    )

    # EPERM; some containers have no such system call.
    assert printed.startswith(f"{file}: can't load it as a kernel module: ")


def test_a_module_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemCallError) as error:
        LinuxCalls().load_module(tmp_path / "zram.ko")

    assert error.value.errno == errno.ENOENT
    assert str(error.value) == (
        f"{tmp_path}/zram.ko: can't load it as a kernel module: No such file or directory (ENOENT): "
        "there is no such file"
    )
