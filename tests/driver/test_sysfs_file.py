from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotune.driver.sysfs_file import SysfsError, read_value, write_value
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import fault


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[Path]:
    """A file that nobody may open, while this process is without root's right to do it all the same."""
    file = tmp_path / "state"
    file.write_text("on")
    file.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    yield file
    os.seteuid(before)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "max"
    file.write_text("a longer value\n")

    write_value(file, "42")

    assert file.read_text() == "42"
    assert read_value(file) == "42"


def test_a_value_that_is_no_text_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "memcg_path"
    file.touch()

    write_value(file, os.fsdecode(b"/\xff"))

    assert file.read_bytes() == b"/\xff"
    assert os.fsencode(read_value(file)) == b"/\xff"


def test_blanks_at_either_end_belong_to_a_path(tmp_path: Path) -> None:
    file = tmp_path / "memcg_path"
    file.write_text(" /a b \n")

    assert read_value(file) == " /a b "


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SysfsError) as error:
        write_value(tmp_path / "max", "42")

    assert error.value.errno == errno.ENOENT
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_names_file_value_and_reason(tmp_path: Path) -> None:
    error = SysfsError(tmp_path / "max", fault(errno.ERANGE), "99")

    assert str(error) == (
        f"{tmp_path}/max: can't write '99': Numerical result out of range (ERANGE): "
        "the number is too large for the kernel"
    )


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SysfsError) as error:
        read_value(tmp_path)

    assert str(error.value) == (
        f"{tmp_path}: can't be read: Is a directory (EISDIR): the kernel's log (dmesg) may say more"
    )


def test_what_only_root_may_do_is_not_the_trials_fault(hidden: Path) -> None:
    for attempt in (lambda: read_value(hidden), lambda: write_value(hidden, "x")):
        with pytest.raises(BackendUnavailableError) as error:
            attempt()

        assert str(error.value) == f"{hidden}: needs root: run as root, or use the vm backend"
