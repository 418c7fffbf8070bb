"""Finds the shared libraries that a compiled program needs, by asking the program's dynamic loader.

Only the loader knows its folders, its cache, and what `$ORIGIN` means. To answer, the loader maps the
program, but runs nothing of it.

Source: elf(5); ld.so(8), `--list`.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from autotune.errors import InputError, Where

_MAGIC = b"\x7fELF"
_CLASS_64, _LITTLE_ENDIAN = 2, 1
_X86_64 = 62
_EXECUTABLE, _SHARED = 2, 3
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_KIND, _MACHINE, _FIRST_SEGMENT, _SEGMENT_SIZE, _SEGMENTS = 1, 2, 5, 9, 10
_SECTION_FIELDS = (6, 12, 13)
"""Where a header has place and number of the sections, which only linkers and debuggers use."""

_SEGMENT = struct.Struct("<IIQQQQQQ")

_ANY_CPU = ("--glibc-hwcaps-mask", "none")
"""Asks for libraries that any CPU can run, since the guest has another CPU. Since glibc 2.33."""

_FOUND = re.compile(r"^\s*(?:\S+ => )?(/.*) \(0x[0-9a-f]+\)$")
_MISSING = re.compile(r"^\s*(\S+) => not found$")
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """What the headers of a compiled file say.

    Attributes:
        loader: The dynamic loader that the file names; None for a library or a static program.
        dynamic: Whether the file can need shared libraries.
    """

    loader: Path | None
    dynamic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Libraries:
    """Shared libraries that something needs.

    Attributes:
        files: The paths at which the loader opens them, in the order in which it loads them; the loader
            is among them.
        by_cache: Whether the loader would find other files, or not all, without its cache,
            /etc/ld.so.cache.
    """

    files: tuple[Path, ...]
    by_cache: bool


def is_elf(start: bytes) -> bool:
    """Say whether a file is compiled, by its first bytes."""
    return start.startswith(_MAGIC)


def read_elf(path: Path) -> Elf:
    """Read the headers of a compiled program or library.

    Raises:
        InputError: If the file can't be read, or is not for a 64-bit x86 Linux.
    """
    content = _read(path)
    loader, dynamic = None, False
    for kind, offset, length in _segments(path, content):
        dynamic |= kind == _PT_DYNAMIC
        if kind == _PT_INTERP:
            loader = Path(os.fsdecode(content[offset : offset + length].rstrip(b"\0")))
    return Elf(loader=loader, dynamic=dynamic)


def loaded_part(path: Path) -> bytes:
    """Give a compiled file without what is never loaded: symbols, and data for debuggers.

    Raises:
        InputError: If the file can't be read, or is not for a 64-bit x86 Linux.
    """
    content = _read(path)
    segments = _segments(path, content)
    headers = _HEADER.unpack_from(content)
    loaded = [offset + length for kind, offset, length in segments if kind == _PT_LOAD]
    end = max([headers[_FIRST_SEGMENT] + headers[_SEGMENT_SIZE] * len(segments), *loaded])
    kept = list(headers)
    for index in _SECTION_FIELDS:
        kept[index] = 0
    return _HEADER.pack(*kept) + content[_HEADER.size : end]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"can't be read: {error.strerror}: see that you may read it", Where(path)
        ) from error


def _segments(path: Path, content: bytes) -> list[tuple[int, int, int]]:
    """Check the header; give the kind of each segment, and its offset and length in the file."""
    if content[4:6] != bytes((_CLASS_64, _LITTLE_ENDIAN)):
        raise InputError("is no 64-bit program: a micro-VM runs x86-64 only", Where(path))
    try:
        headers = _HEADER.unpack_from(content)
        if headers[_MACHINE] != _X86_64 or headers[_KIND] not in {_EXECUTABLE, _SHARED}:
            raise InputError("is no x86-64 program: a micro-VM runs no other", Where(path))
        first, size = headers[_FIRST_SEGMENT], headers[_SEGMENT_SIZE]
        found = [
            _SEGMENT.unpack_from(content, first + index * size)
            for index in range(headers[_SEGMENTS])
        ]
    except struct.error as error:
        raise InputError("is cut short: build or install it again", Where(path)) from error
    return [(kind, offset, length) for kind, _, offset, _, _, length, _, _ in found]


def libraries(path: Path, loader: Path) -> Libraries:
    """Find every shared library that *path* needs, and every library that these libraries need.

    A library that a program opens by itself while it runs (`dlopen`) can't be known.

    Args:
        path: A dynamic program or a library.
        loader: The dynamic loader to ask.

    Raises:
        InputError: If a library is missing on this machine, or the loader can't be run.
    """
    files, problem = _listed(path, loader, _ANY_CPU)
    if files is None:  # the loader is old, or not glibc's
        files, problem = _listed(path, loader, ())
        without_cache = None
    else:
        without_cache, _ = _listed(path, loader, (*_ANY_CPU, "--inhibit-cache"))
    if files is None:
        raise InputError(
            f"its shared libraries can't be found: {problem}: install them", Where(path)
        )
    return Libraries(files=files, by_cache=files != without_cache)


def _listed(
    path: Path, loader: Path, options: tuple[str, ...]
) -> tuple[tuple[Path, ...] | None, str]:
    """Ask the loader for files. If it gives no answer, the second value is its error message."""
    command = (str(loader), *options, "--list", str(path))
    try:
        # No variable of this process, such as LD_PRELOAD, may change what is found.
        answer = subprocess.run(  # noqa: S603  # the program's own loader
            command,
            env={},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"its loader {loader} can't be run: {error}", Where(path)) from error
    lines = answer.stdout.splitlines()
    missing = [match[1] for line in lines if (match := _MISSING.match(line))]
    if answer.returncode or missing:
        said = answer.stderr.strip().splitlines() or ["it says nothing"]
        return None, f"no {', '.join(missing)}" if missing else said[-1]
    found = [Path(match[1]) for line in lines if (match := _FOUND.match(line))]
    return tuple(dict.fromkeys((*found, loader))), ""
