"""Lines of masim's configuration files: paragraphs, fields and numbers, read as masim reads them.

Source: masim.c of masim, github.com/damonitor/masim.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from autotune.errors import InputError, Where
from autotune.formats.masim.names import BLANKS, INT_MAX, SIZE_MAX
from autotune.formats.text import unix_lines
from autotune.formats.warn import Warn

_WHOLE = re.compile(r"([+-]?[0-9]+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is no comment, and its place in the file."""

    text: str
    where: Where


def read_lines(text: str, source: Path | str, warn: Warn) -> list[Line]:
    """Split *text* into lines, without comments. A line of nothing but blanks becomes empty.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.
        warn: Called with a message of one line for each thing that masim would refuse or lose.
    """
    if text.startswith("\ufeff"):
        warn(f"{source}: byte order mark: masim refuses it, save the file as UTF-8 without one")
    if "\r" in text:
        warn(f"{source}: carriage returns: masim refuses them, save the file with Unix line ends")
    *whole, rest = unix_lines(text).split("\n")
    if rest.strip(BLANKS):
        whole.append(rest)
        if not rest.startswith("#"):
            warn(f"{Where(source, len(whole))}: no line end: masim loses this line, add one")
    lines = []
    for number, content in enumerate(whole, 1):
        where = Where(source, number)
        if content.startswith("#"):
            continue
        only_blanks = not content.strip(BLANKS)
        if content and only_blanks:
            warn(f"{where}: blanks in an empty line: masim refuses them, remove them")
        lines.append(Line("" if only_blanks else content, where))
    return lines


def split_paragraphs(lines: list[Line], source: Path | str) -> list[list[Line]]:
    """Split *lines* at empty lines. No paragraph is empty.

    Raises:
        InputError: If an empty line separates nothing, or there is no region.
    """
    if not any(line.text for line in lines):
        raise InputError("no region: begin with lines of NAME, BYTES", Where(source))
    if not lines[0].text:
        raise InputError("empty line before the regions: remove it", lines[0].where)
    paragraphs: list[list[Line]] = [[lines[0]]]
    for before, line in pairwise(lines):
        if line.text:
            paragraphs[-1].append(line)
        elif not before.text:
            raise InputError("second empty line in a row: remove it", line.where)
        else:
            paragraphs.append([])
    if not paragraphs[-1] and len(paragraphs) > 2:
        raise InputError("empty line at the end of the file: remove it", lines[-1].where)
    return [paragraph for paragraph in paragraphs if paragraph]


def split_fields(line: Line, least: int, what: str) -> list[str]:
    """Split *line* into *least* fields, or one field more.

    Args:
        line: The line.
        least: How many fields it must have at least.
        what: What the line should be, for the message.

    Raises:
        InputError: If there are fewer fields, or more.
    """
    fields = line.text.split(",")
    if not least <= len(fields) <= least + 1:
        plural = "" if len(fields) == 1 else "s"
        raise InputError(
            f"'{line.text}' has {len(fields)} field{plural}, not {least} or {least + 1}: {what}",
            line.where,
        )
    return fields


def warn_of_blanks(line: Line, warn: Warn) -> None:
    """Warn of blanks at the end of a line."""
    if line.text[-1] in BLANKS:
        warn(f"{line.where}: blanks at the end of the line: they are ignored")


def read_number(
    text: str,
    name: str,
    line: Line,
    warn: Warn,
    *,
    largest: int = INT_MAX,
    parse: Callable[[str], int] | None = None,
) -> int:
    """Read a number as C's atoi reads it, which stops at the first character that is no digit.

    Args:
        text: Text of the field.
        name: Name of the field in messages.
        line: The line of the field.
        warn: Called if something that means nothing stands behind the number.
        largest: Largest number that is allowed.
        parse: Reads a number with a unit, so that the message can say what to write instead.

    Raises:
        InputError: If there is no number, it is too large, or it has a unit or a fraction.
    """
    text = text.strip(BLANKS)
    found = _WHOLE.fullmatch(text)
    if found is None or _changes(text, found[1], found[2], parse):
        raise InputError(
            f"{name} '{text}' is not a whole number: {_remedy(text, parse)}", line.where
        )
    sign, digits = found[1].startswith("-"), found[1].lstrip("+-0") or "0"
    if len(digits) > len(str(SIZE_MAX)) or int(digits) > largest:
        raise InputError(
            f"{name} '{found[1]}' is too large: masim reads up to {largest}", line.where
        )
    number = -int(digits) if sign else int(digits)
    if found[2]:
        ignored = found[2].strip(BLANKS)
        warn(f"{line.where}: {name} is {number}: '{ignored}' behind it is ignored, as masim does")
    return number


def _changes(text: str, digits: str, behind: str, parse: Callable[[str], int] | None) -> bool:
    """Say whether what stands behind a number's digits was to change the number."""
    if not behind:
        return False
    if behind[0].isalnum() or behind[0] == ".":
        return True
    try:
        return parse is not None and parse(text) != int(digits)
    except ValueError:
        return False


def _remedy(text: str, parse: Callable[[str], int] | None) -> str:
    if parse is not None:
        try:
            return f"masim knows no units, write {parse(text)}"
        except ValueError:
            pass
    return "write digits only"
