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
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from autotune import document
from autotune.errors import InputError, nearest
from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.formats.masim.lines import (
    Line,
    read_lines,
    read_number,
    split_fields,
    split_paragraphs,
    warn_of_blanks,
)
from autotune.formats.masim.names import BLANKS, SIZE_MAX, check_data_file, check_region_name
from autotune.formats.text import unix_lines
from autotune.formats.warn import Warn, ignore
from autotune.units import parse_duration, parse_size

_REGION_LINE = re.compile(r"[^,\n]+,\s*[0-9][^,\n]*(,[^,\n]*)?")
_DURATION_LINE = re.compile(r"\s*[0-9][^,\n]*")


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
    first, *others = split_paragraphs(read_lines(text, source, warn), source)
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


def _milliseconds(text: str) -> int:
    duration_us = parse_duration(text)
    if duration_us % 1000:
        raise ValueError(f"'{text}' is not a whole number of milliseconds")
    return duration_us // 1000


def _regions(lines: list[Line], warn: Warn) -> tuple[tuple[PatternRegion, bool], ...]:
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


def _region(line: Line, warn: Warn) -> tuple[PatternRegion, bool]:
    name, size, *data_file = split_fields(
        line, 2, "a region is NAME, BYTES[, FILE], and an empty line ends the regions"
    )
    warn_of_blanks(line, warn)
    size_bytes = read_number(size, "size", line, warn, largest=SIZE_MAX, parse=parse_size)
    is_empty = size_bytes == 0
    if is_empty:
        warn(f"{line.where}: region '{name}' of 0 bytes: it has 1 byte here, which masim accesses")
    try:
        check_region_name(name)
        region = PatternRegion(
            name=name,
            size_bytes=size_bytes or 1,
            data_file=_data_file(data_file[0]) if data_file else None,
        )
    except ValueError as error:
        raise InputError(str(error), line.where) from error
    return region, is_empty


def _data_file(text: str) -> str | None:
    name = text.strip(BLANKS)
    check_data_file(name)
    return None if name == "none" else name


def _phase(lines: list[Line], places: _Places, warn: Warn, *, ends_file: bool) -> Phase:
    """Read a phase's paragraph; *ends_file* says that it is the last paragraph."""
    name, *others = lines
    if len(lines) < 3:
        missing = "accesses" if others else "milliseconds and accesses"
        verb = "the file ends in the middle of" if ends_file else "an empty line cuts off"
        raise InputError(f"{verb} phase '{name.text}': {missing} must follow", lines[-1].where)
    duration, *accesses = others
    warn_of_blanks(duration, warn)
    duration_ms = read_number(duration.text, "duration", duration, warn, parse=_milliseconds)
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


def _weights(probabilities: list[int], lines: list[Line], warn: Warn) -> list[int]:
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


def _access(line: Line, places: _Places, warn: Warn) -> tuple[Access, int]:
    """Read an access, and its probability, which may be negative."""
    region, random, stride, probability, *mode = split_fields(
        line,
        4,
        "an access is REGION, RANDOM, STRIDE, PROBABILITY[, MODE]; an empty line ends the phase",
    )
    warn_of_blanks(line, warn)
    if region not in places:
        raise InputError(f"no region '{region}': {nearest(region, places)}", line.where)
    number, used, is_empty = places[region]
    is_random = read_number(random, "randomness", line, warn) != 0
    if is_empty and is_random:
        raise InputError(
            f"random accesses to region '{region}' of 0 bytes: masim divides by its size and ends: "
            "give the region a size",
            line.where,
        )
    stride_bytes = read_number(stride, "stride", line, warn, parse=parse_size)
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
    return access, read_number(probability, "probability", line, warn)


def _mode(text: str, line: Line, warn: Warn) -> AccessMode:
    word = text.strip(BLANKS)
    try:
        mode = AccessMode(word[:2])
    except ValueError:
        raise InputError(f"no mode '{word}': write ro, wo or rw", line.where) from None
    if len(word) > 2:
        warn(f"{line.where}: '{word[2:].strip(BLANKS)}' after the mode is ignored")
    return mode
