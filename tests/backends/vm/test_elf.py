from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from autotune.backends.vm.elf import libraries, loaded_part, read_elf
from autotune.errors import InputError

CAT = Path(shutil.which("cat") or "/bin/cat")


def header(*, machine: int = 62, kind: int = 2, bits: int = 2, segments: int = 0) -> bytes:
    """Make the header of a compiled file, by elf(5)."""
    start = b"\x7fELF" + bytes((bits, 1, 1)) + bytes(9)
    return start + struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, segments, 0, 0, 0
    )


def loader_of(path: Path) -> Path:
    loader = read_elf(path).loader
    assert loader is not None
    return loader


def test_what_a_running_program_has_mapped_is_what_was_found() -> None:
    maps = subprocess.run((CAT, "/proc/self/maps"), capture_output=True, text=True, check=True)
    mapped = set(re.findall(r"(/\S+\.so\S*)$", maps.stdout, re.MULTILINE))

    found = libraries(CAT, loader_of(CAT)).files

    assert mapped
    assert {str(path.resolve()) for path in found} == mapped


def test_a_library_needs_its_own_libraries_and_the_loader() -> None:
    loader = loader_of(CAT)
    (libc,) = (path for path in libraries(CAT, loader).files if path.name.startswith("libc."))

    assert libraries(libc, loader).files == (loader,)


def test_a_static_program_asks_for_no_loader(tmp_path: Path) -> None:
    program = tmp_path / "static"
    program.write_bytes(header())

    found = read_elf(program)

    assert found.loader is None
    assert not found.dynamic


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    program = tmp_path / "cat"
    program.write_bytes(CAT.read_bytes().replace(b"libc.so.6", b"libx.so.6"))

    with pytest.raises(InputError) as error:
        libraries(program, loader_of(CAT))

    assert str(error.value).startswith(f"{program}: its shared libraries can't be found: ")
    assert "libx.so.6" in str(error.value)


def test_a_loader_that_can_not_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cat: its loader \S+/gone can't be run"):
        libraries(CAT, tmp_path / "gone")


def test_a_variable_of_this_process_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = libraries(CAT, loader_of(CAT))
    monkeypatch.setenv("LD_PRELOAD", str(CAT))

    assert libraries(CAT, loader_of(CAT)) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            header(machine=183),
            "is no x86-64 program, and a micro-VM runs no other: take its x86-64 build",
        ),
        (
            header(kind=1),
            "is no x86-64 program, and a micro-VM runs no other: take its x86-64 build",
        ),
        (
            header(bits=1),
            "is no 64-bit program, and a micro-VM runs x86-64 only: take its 64-bit build",
        ),
        (header()[:40], "is cut short: build or install it again"),
        (header(segments=1), "is cut short: build or install it again"),
        (b"text", "is no 64-bit program, and a micro-VM runs x86-64 only: take its 64-bit build"),
    ],
)
def test_what_the_guest_can_not_run_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    program = tmp_path / "program"
    program.write_bytes(content)

    with pytest.raises(InputError) as error:
        read_elf(program)

    assert str(error.value) == f"{program}: {message}"


def test_a_program_runs_without_the_part_that_is_never_loaded(tmp_path: Path) -> None:
    program = tmp_path / "cat"
    program.write_bytes(loaded_part(CAT))
    program.chmod(0o755)

    said = subprocess.run((program, "--version"), capture_output=True, check=True).stdout

    assert program.stat().st_size < CAT.stat().st_size
    assert said == subprocess.run((CAT, "--version"), capture_output=True, check=True).stdout
