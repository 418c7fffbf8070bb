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
_DYNAMIC = struct.Struct("<QQ")
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29

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
        needed: The names of the libraries that it needs itself.
        folders: Where it lets the loader look for them: paths with colons between them.
    """

    loader: Path | None
    dynamic: bool
    needed: tuple[str, ...] = ()
    folders: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """A segment: its kind, where it begins and ends in the file, and where it begins in memory."""

    kind: int
    offset: int
    end: int
    address: int


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
    needed: tuple[str, ...] = ()
    folders = ""
    segments = _segments(path, content)
    for segment in segments:
        if segment.kind == _PT_DYNAMIC:
            dynamic = True
            needed, folders = _dynamic_names(content, segment, segments)
        if segment.kind == _PT_INTERP:
            loader = Path(_text(content[: segment.end], segment.offset))
    return Elf(loader=loader, dynamic=dynamic, needed=needed, folders=folders)


def _dynamic_names(
    content: bytes, dynamic: _Segment, segments: list[_Segment]
) -> tuple[tuple[str, ...], str]:
    whole = len(content[dynamic.offset : dynamic.end]) // _DYNAMIC.size * _DYNAMIC.size
    pairs = list(_DYNAMIC.iter_unpack(content[dynamic.offset : dynamic.offset + whole]))
    strings = next((value for tag, value in pairs if tag == _DT_STRTAB), None)
    place = next(
        (
            segment.offset + strings - segment.address
            for segment in segments
            if strings is not None
            and segment.kind == _PT_LOAD
            and 0 <= strings - segment.address < segment.end - segment.offset
        ),
        None,
    )
    if place is None:
        return (), ""

    def names(*tags: int) -> tuple[str, ...]:
        return tuple(_text(content, place + value) for tag, value in pairs if tag in tags)

    return names(_DT_NEEDED), ":".join(names(_DT_RPATH, _DT_RUNPATH))


def _text(content: bytes, offset: int) -> str:
    return os.fsdecode(content[offset:].partition(b"\0")[0])


def loaded_part(path: Path) -> bytes:
    """Give a compiled file without what is never loaded: symbols, and data for debuggers.

    Raises:
        InputError: If the file can't be read, or is not for a 64-bit x86 Linux.
    """
    content = _read(path)
    segments = _segments(path, content)
    headers = _HEADER.unpack_from(content)
    loaded = [segment.end for segment in segments if segment.kind == _PT_LOAD]
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


def _segments(path: Path, content: bytes) -> list[_Segment]:
    """Check the header, and read the segments."""
    if content[4:6] != bytes((_CLASS_64, _LITTLE_ENDIAN)):
        raise InputError(
            "is no 64-bit program, and a micro-VM runs x86-64 only: take its 64-bit build",
            Where(path),
        )
    try:
        headers = _HEADER.unpack_from(content)
        if headers[_MACHINE] != _X86_64 or headers[_KIND] not in {_EXECUTABLE, _SHARED}:
            raise InputError(
                "is no x86-64 program, and a micro-VM runs no other: take its x86-64 build",
                Where(path),
            )
        first, size = headers[_FIRST_SEGMENT], headers[_SEGMENT_SIZE]
        found = [
            _SEGMENT.unpack_from(content, first + index * size)
            for index in range(headers[_SEGMENTS])
        ]
    except struct.error as error:
        raise InputError("is cut short: build or install it again", Where(path)) from error
    return [
        _Segment(kind=kind, offset=offset, end=offset + length, address=address)
        for kind, _, offset, address, _, length, _, _ in found
    ]


def libraries(path: Path, loader: Path) -> Libraries:
    """Find every shared library that *path* needs, and every library that these libraries need.

    A library that a program opens by itself while it runs (`dlopen`) can't be known.

    Args:
        path: A dynamic program or a library.
        loader: The dynamic loader to ask.

    Raises:
        InputError: If a library is missing on this machine, or the loader can't be run.
    """
    found = read_elf(path)
    if any("/" in name for name in found.needed):
        return _asked(path, loader)
    # Names and folders decide: of a hundred extension modules most have equal ones.
    origin = path.parent if "$" in found.folders else None
    key = (loader, found.needed, found.folders, origin)
    if key not in _ANSWERS:
        _ANSWERS[key] = _asked(path, loader)
    return _ANSWERS[key]


_ANSWERS: dict[tuple[Path, tuple[str, ...], str, Path | None], Libraries] = {}


def _asked(path: Path, loader: Path) -> Libraries:
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
