"""Tells which kind of this program's files a content is, for a file in the wrong place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from autotune.formats import masim
from autotune.formats.text import unix_lines

ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How a zlib stream begins, by the level that its header names (RFC 1950)."""

PERF = b"PERFILE2"
"""How perf's own recordings begin."""

_HEAD_BYTES = 4096
"""A recording that is not compressed names its snapshots in so many bytes."""

_FIRST = re.compile(r"[a-z_]+[ \t]*:")
"""The first line of this program's YAML."""

_YAML = re.compile(r"^(workload|schemes|objectives|cpus)[ \t]*:", re.MULTILINE)


class FileKind(NamedTuple):
    """A kind of file.

    Attributes:
        noun: Its name, with an article.
        use: Where such a file belongs; FILE stands for its name.
    """

    noun: str
    use: str

    def refusal(self, wanted: str, path: Path) -> str:
        """Say that a file is of this kind, and not of the kind that is *wanted*, a noun.

        >>> SEARCH_SPACE.refusal("a scheme", Path("mine.yaml"))
        'is a search space, not a scheme: name it in a workload file, as in search_space: mine.yaml'
        """
        return f"is {self.noun}, not {wanted}: {self.use.replace('FILE', str(path))}"


_NAMED = "name it in a workload file, as in"
RECORDING = FileKind("a recording", f"{_NAMED} workload: {{recording: FILE}}")
PATTERN = FileKind("an access pattern", f"{_NAMED} workload: {{pattern: FILE}}")
WORKLOAD = FileKind("a workload file", "give it to autotune run FILE, or measure FILE")
SEARCH_SPACE = FileKind("a search space", f"{_NAMED} search_space: FILE")
OBJECTIVES = FileKind("a list of objectives", f"{_NAMED} objectives: FILE")
MACHINE = FileKind("a machine profile", f"{_NAMED} machine: FILE")
SCHEMES = FileKind("a scheme", "give it to autotune measure WORKLOAD --scheme FILE")

_BY_KEY = {
    "workload": WORKLOAD,
    "schemes": SEARCH_SPACE,
    "objectives": OBJECTIVES,
    "cpus": MACHINE,
}


def told_kind(content: bytes) -> FileKind | None:
    r"""Tell the kind of a file, schemes excepted, which have many forms; None if it is none of them.

    >>> told_kind(b"search_space: prcl\nworkload:\n  pattern: mine.cfg\n").noun
    'a workload file'
    """
    if content.startswith((*ZLIB, PERF)) or _is_plain_recording(content):
        return RECORDING
    text = unix_lines(content.decode(errors="replace"))
    rows = (row for row in text.split("\n") if row.strip() not in {"", "---"})
    first = next((row for row in rows if not row.startswith("#")), "")
    keys = {match[1] for match in _YAML.finditer(text)} if _FIRST.match(first) else set()
    if found := [kind for key, kind in _BY_KEY.items() if key in keys]:
        return found[0]
    return PATTERN if masim.is_masim(text) else None


def _is_plain_recording(content: bytes) -> bool:
    return content.lstrip().startswith(b"[") and b'"snapshots"' in content[:_HEAD_BYTES]
