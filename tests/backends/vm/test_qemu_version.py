from __future__ import annotations

from pathlib import Path

import pytest

from autotune.backends.vm.command_line import PROGRAM
from autotune.backends.vm.qemu_version import ask_version, check_version
from autotune.errors import BackendUnavailableError


def asked(folder: Path, text: str) -> str:
    """What is heard of a QEMU that is this script."""
    file = folder / PROGRAM
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return ask_version({"PATH": str(folder)})


def test_the_first_line_is_heard(tmp_path: Path) -> None:
    said = asked(tmp_path, 'test "$*" = --version && echo QEMU version 8.0.1 && echo Copyright')

    assert said == "QEMU version 8.0.1"


@pytest.mark.parametrize("text", ["exit 0", "echo version 8.0; exit 1", "kill -9 $$"])
def test_of_a_qemu_that_fails_nothing_is_heard(tmp_path: Path, text: str) -> None:
    assert asked(tmp_path, text) == ""


def test_a_qemu_that_can_not_be_started_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / PROGRAM
    file.write_text("#!/nowhere/sh\n")
    file.chmod(0o755)

    assert ask_version({"PATH": str(tmp_path)}) == ""


def test_without_qemu_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailableError) as error:
        ask_version({"PATH": str(tmp_path)})

    assert str(error.value) == (
        "qemu-system-x86_64: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)"
    )


@pytest.mark.parametrize("version", ["7.2", "7.2.22", "7.10.0", "10.0.2", "9.1.0-rc1"])
def test_a_version_that_is_new_enough_is_given(version: str) -> None:
    assert check_version(f"QEMU emulator version {version} (built 6.1)") == f"version {version}"


@pytest.mark.parametrize("said", ["QEMU emulator version 7.1.9", "version 6.20", "QEMU 8.0", ""])
def test_what_is_too_old_or_says_no_version_is_refused(said: str) -> None:
    with pytest.raises(BackendUnavailableError) as error:
        check_version(said)

    assert str(error.value) == (
        f"qemu-system-x86_64: '{said}' is too old: install QEMU 7.2 or later"
    )
