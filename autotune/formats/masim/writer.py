"""Writes patterns as masim's configuration files, which `autotune.formats.masim.reader` describes."""

from __future__ import annotations

from autotune.experiment.pattern import Pattern, PatternRegion, Phase
from autotune.formats.masim.names import (
    INT_MAX,
    SIZE_MAX,
    check_data_file,
    check_phase_name,
    check_region_name,
)


def dumps(pattern: Pattern) -> str:
    r"""Write *pattern*; `loads` reads it back.

    Raises:
        ValueError: If masim's format can't hold the pattern: it has a duration with parts of a
            millisecond, a number that is too large, or a name with a separator in it.

    >>> from autotune.formats.masim import loads
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
    check_region_name(region.name)
    _check_size(region.size_bytes, f"region '{region.name}': size", SIZE_MAX)
    if region.data_file is None:
        return f"{region.name}, {region.size_bytes}\n"
    if region.data_file == "none":
        raise ValueError("data file 'none' means no file to masim: write ./none")
    check_data_file(region.data_file)
    return f"{region.name}, {region.size_bytes}, {region.data_file}\n"


def _written_phase(phase: Phase, pattern: Pattern) -> str:
    check_phase_name(phase.name)
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
