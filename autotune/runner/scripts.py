"""Scripts: the first line, which names the program that runs a script, and what can be wrong with it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 256
"""How many bytes of a script's first line Linux reads. Source: BINPRM_BUF_SIZE."""

_MARK: Final = b"#!"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_STARTS_OF_OTHERS: Final = {
    b"MZ": "a program for Windows: take the one for Linux",
    b"\xcf\xfa\xed\xfe": "a program for macOS: take the one for Linux",
    b"PK\x03\x04": "an archive: put the program in front that runs it, as [java, -jar, {file}]",
    b"\xca\xfe\xba\xbe": "Java's bytecode: put java and the name of its class in front",
    b"\x00asm": "WebAssembly: put the program in front that runs it, as [wasmtime, {file}]",
}
"""How files begin that Linux does not run. Source: magic(5)."""

_INTERPRETERS: Final = {
    ".bash": "bash",
    ".js": "node",
    ".lua": "lua",
    ".mjs": "node",
    ".php": "php",
    ".pl": "perl",
    ".py": "python3",
    ".rb": "ruby",
    ".sh": "sh",
    ".tcl": "tclsh",
}


def first_line(start: bytes) -> str | None:
    r"""Give the first line of a script behind ``#!``, as Linux reads it; None if it is no script.

    >>> first_line(b"#! /bin/sh -e \nexit"), first_line(b"#!/bin/sh\r\n"), first_line(b"exit")
    ('/bin/sh -e', '/bin/sh\r', None)
    """
    if not start.startswith(_MARK):
        return None
    line = start[len(_MARK) :].partition(b"\n")[0]
    return line.decode(errors="surrogateescape").strip(" \t")


def fault_of(path: Path, start: bytes) -> str | None:
    r"""Say why Linux finds no program in the first line of a script, and what helps; None if it may.

    The lines may end in ``\r\n``, or a byte order mark may be in front.

    Args:
        path: The script.
        start: How it begins.
    """
    file = shlex.quote(str(path))
    if start.startswith(_BYTE_ORDER_MARK + _MARK):
        return (
            "a byte order mark is in front of its #!, so that Linux does not see it: remove the mark: "
            rf"sed -i '1s/^\xef\xbb\xbf//' {file}"
        )
    line = first_line(start)
    if line is None or not line.endswith("\r"):
        return None
    program = line.split()[-1] if line.split() else ""
    return (
        rf"its lines end as on Windows, so that Linux looks for the program '{program}\r': write them "
        rf"as on Linux: sed -i 's/\r$//' {file}"
    )


def what_it_is(path: Path, start: bytes) -> str:
    """Say of a file that Linux does not run what it is, and how it can be run."""
    for beginning, text in _STARTS_OF_OTHERS.items():
        if start.startswith(beginning):
            return f"is {text.format(file=path)}"
    what = "is no program: it is neither compiled nor begins with #!"
    if not start:
        return "is empty: take the program itself"
    if interpreter := _INTERPRETERS.get(path.suffix):
        return f"{what}: put the program in front that runs it, as [{interpreter}, {path}]"
    if b"\0" in start:
        return f"{what}: take a program for Linux"
    return f"{what}: put the program in front that runs it: for a shell script, [sh, {path}]"


def may_not_be_run(path: Path, start: bytes) -> str:
    """Say of a file that lacks the permission to be run what helps.

    >>> print(may_not_be_run(Path("serve.py"), b"import sys"))
    it may not be run: put the program in front that runs it, as [python3, serve.py]
    >>> print(may_not_be_run(Path("serve"), b"#!/bin/sh"))
    it may not be run: make it executable: chmod +x serve
    """
    interpreter = _INTERPRETERS.get(path.suffix)
    if interpreter is not None and first_line(start) is None:
        return (
            f"it may not be run: put the program in front that runs it, as [{interpreter}, {path}]"
        )
    return f"it may not be run: make it executable: chmod +x {shlex.quote(str(path))}"
