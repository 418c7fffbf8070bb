"""Memory access patterns as masim's configuration files, read as masim reads them.

::

    file    = regions, empty line, phases with one empty line between two of them
    regions = lines of  NAME, BYTES [, FILE or none]
    phase   = a line with its name, a line with its milliseconds, lines of accesses
    access  = REGION, RANDOM, STRIDE, PROBABILITY [, ro or wo or rw]
    comment = a line that begins with #; it is left out, and does not count as an empty line

Blanks are part of a name. If masim would misread a number (4K as 4 bytes), the number is an error here.
Whatever else masim reads is read as masim reads it, with a warning where it looks like a mistake: text
behind a number, a second region of a name, a sweep that does not move, a negative probability. If masim
would refuse a text whose meaning is clear (a blank in an empty line, line ends of Windows), the text
causes a warning.

Source: masim.c of masim, github.com/damonitor/masim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from autotune import document
from autotune.errors import InputError, Where, nearest
from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.formats.text import unix_lines
from autotune.formats.warn import Warn, ignore
from autotune.units import parse_duration, parse_size

INT_MAX: Final = 2**31 - 1
"""The largest number, sizes excepted, that masim reads correctly: a C int."""
SIZE_MAX: Final = 2**63 - 1
"""The largest size that masim reads correctly, in bytes."""
NAME_BYTES: Final = 255
"""The longest name of a region, in bytes of UTF-8."""

_BLANKS: Final = " \t"
_WHOLE = re.compile(r"([+-]?[0-9]+)(.*)", re.DOTALL)
_REGION_LINE = re.compile(r"[^,\n]+,\s*[0-9][^,\n]*(,[^,\n]*)?")
_DURATION_LINE = re.compile(r"\s*[0-9][^,\n]*")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is no comment, and its place in the file."""

    text: str
    where: Where


class _Place(NamedTuple):
    """A region, its number from 0, and whether the text gives it 0 bytes."""

    number: int
    region: PatternRegion
    is_empty: bool


_Places = Mapping[str, _Place]
"""The regions by name."""


def is_masim(text: str) -> bool:
    r"""Say whether a text has the look of a configuration: regions, an empty line, a timed phase.

    >>> is_masim("a, 64\n\nwork\n1\na, 1, 64, 80\n"), is_masim("4K max 0 0 1s max stat")
    (True, False)
    """
    lines = [line for line in unix_lines(text).split("\n") if not line.startswith("#")]
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines or not _REGION_LINE.fullmatch(lines[0]):
        return False
    blank = [index for index, line in enumerate(lines) if not line.strip()]
    return any(_DURATION_LINE.fullmatch(lines[i + 2]) for i in blank if i + 2 < len(lines))


def load(path: Path, warn: Warn = ignore) -> Pattern:
    """Read a configuration file.

    Args:
        path: The file.
        warn: Called with a message of one line for each thing that masim would refuse or lose.

    Raises:
        InputError: If the file can't be read, masim would not take it, or masim would misread it.
    """
    return loads(document.read_text(path, with_mark=True), path, warn)


def loads(text: str, source: Path | str, warn: Warn = ignore) -> Pattern:
    r"""Read a configuration.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.
        warn: Called with a message of one line for each thing that masim would refuse or lose.

    Raises:
        InputError: If masim would not take the text, or would misread it.

    >>> pattern = loads("a, 4096\n\nonly phase\n1000\na, 1, 64, 80, ro\n", "my.cfg")
    >>> pattern.regions
    (PatternRegion(name='a', size_bytes=4096, data_file=None),)
    >>> loads("a, 4K\n", "f")
    Traceback (most recent call last):
    autotune.errors.InputError: f:1: size '4K' is not a whole number: masim knows no units, write 4096
    """
    first, *others = _paragraphs(_lines(text, source, warn), source)
    regions = _regions(first, warn)
    places = {
        region.name: _Place(number, region, is_empty)
        for number, (region, is_empty) in enumerate(regions)
    }
    if not others:
        raise InputError(
            "no phase after the regions: add an empty line, a name, milliseconds and accesses",
            first[-1].where,
        )
    return Pattern(
        regions=tuple(region for region, _ in regions),
        phases=tuple(
            _phase(paragraph, places, warn, ends_file=paragraph is others[-1])
            for paragraph in others
        ),
    )


def _lines(text: str, source: Path | str, warn: Warn) -> list[_Line]:
    """Split *text* into lines, without comments. A line of nothing but blanks becomes empty."""
    if text.startswith("\ufeff"):
        warn(f"{source}: byte order mark: masim refuses it, save the file as UTF-8 without one")
    if "\r" in text:
        warn(f"{source}: carriage returns: masim refuses them, save the file with Unix line ends")
    *whole, rest = unix_lines(text).split("\n")
    if rest.strip(_BLANKS):
        whole.append(rest)
        if not rest.startswith("#"):
            warn(f"{Where(source, len(whole))}: no line end: masim loses this line, add one")
    lines = []
    for number, content in enumerate(whole, 1):
        where = Where(source, number)
        if content.startswith("#"):
            continue
        only_blanks = not content.strip(_BLANKS)
        if content and only_blanks:
            warn(f"{where}: blanks in an empty line: masim refuses them, remove them")
        lines.append(_Line("" if only_blanks else content, where))
    return lines


def _paragraphs(lines: list[_Line], source: Path | str) -> list[list[_Line]]:
    """Split *lines* at empty lines. No paragraph is empty.

    Raises:
        InputError: If an empty line separates nothing, or there is no region.
    """
    if not any(line.text for line in lines):
        raise InputError("no region: begin with lines of NAME, BYTES", Where(source))
    if not lines[0].text:
        raise InputError("empty line before the regions: remove it", lines[0].where)
    paragraphs: list[list[_Line]] = [[lines[0]]]
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


def _fields(line: _Line, least: int, what: str) -> list[str]:
    """Split *line* into *least* fields, or one field more."""
    fields = line.text.split(",")
    if not least <= len(fields) <= least + 1:
        plural = "" if len(fields) == 1 else "s"
        raise InputError(
            f"'{line.text}' has {len(fields)} field{plural}, not {least} or {least + 1}: {what}",
            line.where,
        )
    return fields


def _warn_of_blanks(line: _Line, warn: Warn) -> None:
    if line.text[-1] in _BLANKS:
        warn(f"{line.where}: blanks at the end of the line: they are ignored")


def _number(
    text: str,
    name: str,
    line: _Line,
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
    text = text.strip(_BLANKS)
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
        ignored = found[2].strip(_BLANKS)
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


def _milliseconds(text: str) -> int:
    duration_us = parse_duration(text)
    if duration_us % 1000:
        raise ValueError(f"'{text}' is not a whole number of milliseconds")
    return duration_us // 1000


def _regions(lines: list[_Line], warn: Warn) -> tuple[tuple[PatternRegion, bool], ...]:
    """Give the regions, each with whether the text gives it 0 bytes."""
    regions: dict[str, tuple[PatternRegion, bool]] = {}
    for line in lines:
        region, is_empty = _region(line, warn)
        if region.name not in regions:
            regions[region.name] = region, is_empty
        elif region.data_file is None:
            warn(f"{line.where}: second region '{region.name}': masim never uses it, left out")
        else:
            raise InputError(
                f"second region '{region.name}': masim fills it and never uses it: rename it",
                line.where,
            )
    return tuple(regions.values())


def _region(line: _Line, warn: Warn) -> tuple[PatternRegion, bool]:
    name, size, *data_file = _fields(
        line, 2, "a region is NAME, BYTES[, FILE], and an empty line ends the regions"
    )
    _warn_of_blanks(line, warn)
    size_bytes = _number(size, "size", line, warn, largest=SIZE_MAX, parse=parse_size)
    is_empty = size_bytes == 0
    if is_empty:
        warn(f"{line.where}: region '{name}' of 0 bytes: it has 1 byte here, which masim accesses")
    try:
        _check_region_name(name)
        region = PatternRegion(
            name=name,
            size_bytes=size_bytes or 1,
            data_file=_data_file(data_file[0]) if data_file else None,
        )
    except ValueError as error:
        raise InputError(str(error), line.where) from error
    return region, is_empty


def _data_file(text: str) -> str | None:
    name = text.strip(_BLANKS)
    _check_data_file(name)
    return None if name == "none" else name


def _phase(lines: list[_Line], places: _Places, warn: Warn, *, ends_file: bool) -> Phase:
    """Read a phase's paragraph; *ends_file* says that it is the last paragraph."""
    name, *others = lines
    if len(lines) < 3:
        missing = "accesses" if others else "milliseconds and accesses"
        verb = "the file ends in the middle of" if ends_file else "an empty line cuts off"
        raise InputError(f"{verb} phase '{name.text}': {missing} must follow", lines[-1].where)
    duration, *accesses = others
    _warn_of_blanks(duration, warn)
    duration_ms = _number(duration.text, "duration", duration, warn, parse=_milliseconds)
    if duration_ms < 0:
        raise InputError(f"duration '{duration_ms}' is negative: write 0 or more", duration.where)
    read = [_access(line, places, warn) for line in accesses]
    weights = _weights([weight for _, weight in read], accesses, warn)
    return Phase(
        name=name.text,
        duration_us=duration_ms * 1000,
        accesses=tuple(
            replace(access, weight=weight)
            for (access, _), weight in zip(read, weights, strict=True)
        ),
    )


def _weights(probabilities: list[int], lines: list[_Line], warn: Warn) -> list[int]:
    """Give the weights of a phase's accesses.

    masim puts the probabilities end to end, draws a number from 0 up to their sum, and makes each access
    whose stretch the number is in. A negative probability moves the stretches behind it back.

    Raises:
        InputError: If with a negative probability masim makes several accesses at a time, or none.
    """
    if min(probabilities) >= 0:
        return probabilities
    total, start = sum(probabilities), 0
    weights = []
    for probability in probabilities:
        weights.append(max(0, min(total, start + probability) - max(0, start)))
        start += probability
    negative = next(number for number, value in enumerate(probabilities) if value < 0)
    where, is_drawn = lines[negative].where, 0 < total == sum(weights)
    if not is_drawn:
        raise InputError(
            f"probability {probabilities[negative]} is negative, and masim draws no single access "
            "with it: write 0 or more",
            where,
        )
    warn(
        f"{where}: probability {probabilities[negative]} is negative: as in masim, the accesses of this "
        f"phase have the chances {', '.join(map(str, weights))} of {total}"
    )
    return weights


def _access(line: _Line, places: _Places, warn: Warn) -> tuple[Access, int]:
    """Read an access, and its probability, which may be negative."""
    region, random, stride, probability, *mode = _fields(
        line,
        4,
        "an access is REGION, RANDOM, STRIDE, PROBABILITY[, MODE]; an empty line ends the phase",
    )
    _warn_of_blanks(line, warn)
    if region not in places:
        raise InputError(f"no region '{region}': {nearest(region, places)}", line.where)
    number, used, is_empty = places[region]
    is_random = _number(random, "randomness", line, warn) != 0
    if is_empty and is_random:
        raise InputError(
            f"random accesses to region '{region}' of 0 bytes: masim divides by its size and ends: "
            "give the region a size",
            line.where,
        )
    stride_bytes = _number(stride, "stride", line, warn, parse=parse_size)
    if stride_bytes < 1 and not is_random:
        warn(
            f"{line.where}: stride {stride_bytes} does not move: as in masim, all accesses are to the "
            "region's first byte"
        )
        stride_bytes = used.size_bytes
    access = Access(
        region=number,
        random=is_random,
        stride_bytes=stride_bytes,
        weight=0,
        mode=_mode(mode[0], line, warn) if mode else AccessMode.WRITE,
    )
    return access, _number(probability, "probability", line, warn)


def _mode(text: str, line: _Line, warn: Warn) -> AccessMode:
    word = text.strip(_BLANKS)
    try:
        mode = AccessMode(word[:2])
    except ValueError:
        raise InputError(f"no mode '{word}': write ro, wo or rw", line.where) from None
    if len(word) > 2:
        warn(f"{line.where}: '{word[2:].strip(_BLANKS)}' after the mode is ignored")
    return mode


def dumps(pattern: Pattern) -> str:
    r"""Write *pattern*; `loads` reads it back.

    Raises:
        ValueError: If masim's format can't hold the pattern: it has a duration with parts of a
            millisecond, a number that is too large, or a name with a separator in it.

    >>> print(dumps(loads("a, 64, none\n\n#\nidle\n10\na, 7, 1, 0\n", "my.cfg")), end="")
    a, 64
    <BLANKLINE>
    idle
    10
    a, 1, 1, 0, wo
    """
    paragraphs = ["".join(_written_region(region) for region in pattern.regions)]
    paragraphs += [_written_phase(phase, pattern) for phase in pattern.phases]
    return "\n".join(paragraphs)


def _written_region(region: PatternRegion) -> str:
    _check_region_name(region.name)
    _check_size(region.size_bytes, f"region '{region.name}': size", SIZE_MAX)
    if region.data_file is None:
        return f"{region.name}, {region.size_bytes}\n"
    if region.data_file == "none":
        raise ValueError("data file 'none' means no file to masim: write ./none")
    _check_data_file(region.data_file)
    return f"{region.name}, {region.size_bytes}, {region.data_file}\n"


def _written_phase(phase: Phase, pattern: Pattern) -> str:
    _check_phase_name(phase.name)
    if phase.duration_us % 1000:
        raise ValueError(
            f"phase '{phase.name}': duration {phase.duration_us}us is not a whole number of "
            "milliseconds: masim counts those"
        )
    _check_size(phase.duration_us // 1000, f"phase '{phase.name}': duration in ms", INT_MAX)
    lines = [phase.name, str(phase.duration_us // 1000)]
    for access in phase.accesses:
        _check_size(abs(access.stride_bytes), f"phase '{phase.name}': stride", INT_MAX)
        _check_size(access.weight, f"phase '{phase.name}': probability", INT_MAX)
        lines.append(
            f"{pattern.regions[access.region].name}, {int(access.random)}, {access.stride_bytes}, "
            f"{access.weight}, {access.mode.value}"
        )
    return "\n".join(lines) + "\n"


def _check_size(number: int, name: str, largest: int) -> None:
    if number > largest:
        raise ValueError(f"{name} {number} is too large: masim reads up to {largest}")


def _check_region_name(name: str) -> None:
    if not name or name.startswith("#") or re.search(r"[,\r\n]", name):
        raise ValueError(
            f"region name {name!r}: it must have a character, no comma or line end, and no # first"
        )
    if len(name.encode()) > NAME_BYTES:
        raise ValueError(
            f"region name '{name}' has {len(name.encode())} bytes: masim takes {NAME_BYTES}"
        )


def _check_phase_name(name: str) -> None:
    if not name.strip(_BLANKS) or name.startswith("#") or re.search(r"[\r\n]", name):
        raise ValueError(
            f"phase name {name!r}: it must have more than blanks, no line end, and no # first"
        )


def _check_data_file(name: str) -> None:
    if not name or re.search(r"[\s,]", name):
        raise ValueError(f"data file '{name}': it must be one word; write none if there is none")
