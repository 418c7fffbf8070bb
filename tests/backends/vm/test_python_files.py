from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.backends.vm.cpio import archive
from autotune.backends.vm.python_files import ENVIRONMENT, GuestPython, guest_python
from autotune.errors import BackendUnavailableError
from tests.backends.vm.empty_root import lay_out, run_in

MODULES = ("autotune.damon.kernel_units", "json", "zlib", "ctypes")

BUILD = f"""
import hashlib
from autotune.backends.vm.cpio import archive
from autotune.backends.vm.python_files import guest_python
print(hashlib.sha256(archive(guest_python({MODULES}).entries)).hexdigest())
"""


@pytest.fixture(scope="module")
def python() -> GuestPython:
    return guest_python(MODULES)


@pytest.fixture(scope="module")
def root(python: GuestPython, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    lay_out(python.entries, root)
    return root


def test_the_modules_work_in_a_root_with_nothing_else(python: GuestPython, root: Path) -> None:
    code = (
        "import autotune.damon.kernel_units, ctypes, json, zlib\n"
        "assert ctypes.CDLL(None).abs(-3) == 3\n"
        "print(json.dumps(len(zlib.compress(b'x' * 1000))), autotune.damon.kernel_units.PAGE_BYTES)"
    )

    answer = run_in(root, (*python.command, "-c", code), ENVIRONMENT)

    assert (answer.stdout, answer.stderr) == ("17 4096\n", "")


def test_a_module_can_be_started_by_its_name(python: GuestPython, root: Path) -> None:
    answer = run_in(root, (*python.command, "-m", "autotune.units"), ENVIRONMENT)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_an_error_in_the_guest_is_told_with_its_lines(python: GuestPython, root: Path) -> None:
    code = "import autotune.units\nautotune.units.parse_size('x')"

    answer = run_in(root, (*python.command, "-c", code), ENVIRONMENT)

    assert 'File "autotune/units.py", line ' in answer.stderr


def test_text_is_utf_8_without_a_locale(python: GuestPython, root: Path) -> None:
    answer = run_in(root, (*python.command, "-c", "print('\\u00fc')"), ENVIRONMENT)

    assert answer.stdout == "ü\n"


def test_the_order_of_a_set_is_no_accident(python: GuestPython, root: Path) -> None:
    command = (*python.command, "-c", "print(hash('x'))")

    assert run_in(root, command, ENVIRONMENT).stdout == run_in(root, command, ENVIRONMENT).stdout


def test_equal_modules_give_equal_bytes_in_any_process(python: GuestPython) -> None:
    digests = {hashlib.sha256(archive(python.entries)).hexdigest()}

    for seed in ("1", "2"):
        built = subprocess.run(
            (sys.executable, "-c", BUILD),
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(built.stdout.strip())

    assert len(digests) == 1


def test_no_source_and_no_installed_package_gets_in(python: GuestPython) -> None:
    paths = [entry.path for entry in python.entries]

    assert not [path for path in paths if path.endswith(".py") or "site-packages" in path]


def test_all_modules_lie_beside_the_standard_librarys(python: GuestPython) -> None:
    assert importlib.util.find_spec("json") is not None
    folders = {
        entry.path.removesuffix(end)
        for entry in python.entries
        for end in ("/autotune/kernel.pyc", "/json/__init__.pyc")
        if entry.path.endswith(end)
    }

    assert len(folders) == 1


@pytest.mark.parametrize("name", ["numpy", "no_such_module"])
def test_a_module_that_the_guest_could_not_import_is_named(name: str) -> None:
    with pytest.raises(BackendUnavailableError, match=rf"No module named '{name}'"):
        guest_python((name,))
