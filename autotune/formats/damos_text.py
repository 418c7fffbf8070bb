"""The one-line text format of schemes (``.damos``): one scheme on each line, fields between blanks.

The number of fields alone says what each field is. A line of 9, 12 or 17 fields has a size quota and no
time quota. In a line of 18 fields the time quota is before the size quota. A comment has its own line.

damo read this format until April 2023; talks and papers write schemes in it.

Source: scheme files of damo 1.0 to 1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autotune.damon.damos import (
    MIGRATIONS,
    UNLIMITED,
    AccessPattern,
    Action,
    Quota,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.errors import InputError, Where, nearest
from autotune.formats import damo_notation as notation
from autotune.units import format_share

HEADER = (
    "# size min max, access rate min max (percent), age min max, action",
    "# [, quota time size interval, weights size rate age, "
    "watermarks metric interval high mid low]",
)
"""The comment above the schemes that `dumps` writes."""

_PATTERN = (
    "size.min",
    "size.max",
    "access_rate.min",
    "access_rate.max",
    "age.min",
    "age.max",
    "action",
)
_QUOTA = ("quota.size", "quota.reset_interval")
_WEIGHTS = ("weights.size", "weights.access_rate", "weights.age")
_WATERMARKS = (
    "watermarks.metric",
    "watermarks.interval",
    "watermarks.high",
    "watermarks.mid",
    "watermarks.low",
)
_ENDS = ("min", "max")
LAYOUTS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        7: _PATTERN,
        9: _PATTERN + _QUOTA,
        12: _PATTERN + _QUOTA + _WEIGHTS,
        17: _PATTERN + _QUOTA + _WEIGHTS + _WATERMARKS,
        18: (*_PATTERN, "quota.time", *_QUOTA, *_WEIGHTS, *_WATERMARKS),
    }
)
"""The names of a line's fields, by how many there are."""


_COUNTS = (
    f"a scheme has {len(_PATTERN)}, with a size quota {len(_PATTERN + _QUOTA)}, with weights too "
    f"{len(_PATTERN + _QUOTA + _WEIGHTS)}, with watermarks too "
    f"{len(_PATTERN + _QUOTA + _WEIGHTS + _WATERMARKS)}, and {max(LAYOUTS)} if a time quota stands "
    "before the size quota"
)


def _action(word: str) -> Action:
    actions = {action.value: action for action in Action if action not in MIGRATIONS}
    if (action := actions.get(word.lower())) is None:
        if word.lower() in {action.value for action in MIGRATIONS}:
            raise ValueError(f"'{word}' needs a memory node, which this format has no field for")
        raise ValueError(f"no action '{word}': {nearest(word.lower(), actions)}")
    return action


def _metric(word: str) -> bool:
    if word.lower() not in {"none", "free_mem_rate"}:
        raise ValueError(f"no metric '{word}': write none or free_mem_rate")
    return word.lower() == "free_mem_rate"


_READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "size.min": notation.whole_size,
        "size.max": notation.size,
        "access_rate.min": notation.least_rate,
        "access_rate.max": notation.rate,
        "age.min": notation.whole_time_us,
        "age.max": notation.time_us,
        "action": _action,
        "quota.time": notation.time_in_ms,
        "quota.size": notation.size,
        "quota.reset_interval": notation.time_in_ms,
        "weights.size": notation.count,
        "weights.access_rate": notation.count,
        "weights.age": notation.count,
        "watermarks.metric": _metric,
        "watermarks.interval": notation.whole_time_us,
        "watermarks.high": notation.permille,
        "watermarks.mid": notation.permille,
        "watermarks.low": notation.permille,
    }
)


def _values(words: list[str]) -> dict[str, Any]:
    layout = LAYOUTS.get(len(words))
    if layout is None or any(word.startswith("#") for word in words):
        remedy = _COUNTS
        if any(word.startswith("#") for word in words):
            remedy += ", and a comment has a line of its own"
        raise ValueError(f"{len(words)} field{'s' * (len(words) != 1)}: {remedy}")
    values = {}
    for name, word in zip(layout, words, strict=True):
        try:
            # Until July 2020, null stood for a bound that is not there.
            end = name.rpartition(".")[2]
            values[name] = _READERS[name](end if word == "null" and end in _ENDS else word)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return values


def _scheme(values: Mapping[str, Any]) -> Scheme:
    watermarks = None
    if values.get("watermarks.metric"):
        watermarks = notation.to_watermarks(
            interval_us=values["watermarks.interval"],
            high_permille=values["watermarks.high"],
            mid_permille=values["watermarks.mid"],
            low_permille=values["watermarks.low"],
        )
    return Scheme(
        action=values["action"],
        pattern=AccessPattern(
            size_bytes=Range(values["size.min"], values["size.max"]),
            access_rate=Range(values["access_rate.min"], values["access_rate.max"]),
            age_us=Range(values["age.min"], values["age.max"]),
        ),
        quota=notation.to_quota(
            time_us=values.get("quota.time", 0),
            size_bytes=values.get("quota.size", 0),
            reset_interval_us=values.get("quota.reset_interval", 0),
            weights=Weights(
                size=values.get("weights.size", 0),
                access_rate=values.get("weights.access_rate", 0),
                age=values.get("weights.age", 0),
            ),
        ),
        watermarks=watermarks,
    )


def loads(text: str, source: Path | str) -> tuple[Scheme, ...]:
    """Read schemes from one-line text.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.

    Raises:
        InputError: If a line is no scheme; the message names the first such line.

    >>> prcl, = loads("4K max 0 0 10s max pageout", "prcl.damos")
    >>> prcl.pattern.size_bytes, prcl.pattern.access_rate.max, prcl.pattern.age_us
    (Range(min=4096, max=inf), 0.0, Range(min=10000000, max=inf))
    """
    schemes = []
    for number, row in enumerate(text.split("\n"), start=1):
        words = row.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            schemes.append(_scheme(_values(words)))
        except ValueError as error:
            raise InputError(str(error), Where(source, number)) from error
    return tuple(schemes)


def _check_expressible(scheme: Scheme) -> None:
    extras = {
        "filters": scheme.filters,
        "quota.goals": scheme.quota.goals if scheme.quota else (),
        "apply_interval_us": scheme.apply_interval_us,
        "target_nid": scheme.target_nid is not None,
    }
    for name, value in extras.items():
        if value:
            raise ValueError(f"{name}: the one-line format has no field for it; use damo's JSON")


def _bounds(pattern: AccessPattern) -> list[str]:
    size, rate, age = pattern.size_bytes, pattern.access_rate, pattern.age_us
    low_rate = "min" if rate == Range(0.0) else format_share(rate.min).removesuffix("%")
    high_rate = "max" if rate.max == UNLIMITED else format_share(rate.max).removesuffix("%")
    return [
        notation.size_text(size.min) if size.min else "min",
        notation.size_text(size.max),
        low_rate,
        high_rate,
        notation.time_text(age.min) if age.min else "min",
        notation.time_text(age.max),
    ]


def _limits(quota: Quota | None) -> list[str]:
    if quota is None:
        return ["0us", "0B", "max", "0", "0", "0"]
    weights = quota.weights
    return [
        notation.time_text(quota.time_us or 0),
        notation.size_text(quota.size_bytes or 0),
        notation.time_text(quota.reset_interval_us),
        str(weights.size),
        str(weights.access_rate),
        str(weights.age),
    ]


def _marks(watermarks: Watermarks | None) -> list[str]:
    if watermarks is None:
        return ["none", "0us", "0", "0", "0"]
    words = ["free_mem_rate", notation.time_text(watermarks.interval_us)]
    for name in ("high", "mid", "low"):
        fraction = getattr(watermarks, name)
        permille = notation.permille_number(fraction)
        if isinstance(permille, str):
            raise ValueError(
                f"watermarks.{name} is {format_share(fraction)}: the one-line format takes whole "
                "permille"
            )
        words.append(str(permille))
    return words


def line(scheme: Scheme) -> str:
    """Write one scheme: 7 fields if it has neither quota nor watermarks, otherwise 18.

    Raises:
        ValueError: If the scheme has something for which the format has no field; the message names it.

    >>> line(Scheme(action=Action.PAGEOUT, pattern=AccessPattern(age_us=Range(10_000_000))))
    'min max min max 10s max pageout'
    """
    _check_expressible(scheme)
    words = [*_bounds(scheme.pattern), scheme.action.value]
    if scheme.quota is not None or scheme.watermarks is not None:
        words += _limits(scheme.quota) + _marks(scheme.watermarks)
    return " ".join(words)


def dumps(schemes: Iterable[Scheme]) -> str:
    """Write schemes as a file, below a comment that names the fields.

    Raises:
        ValueError: If a scheme has something for which the format has no field; the message names it.
    """
    return "".join(f"{row}\n" for row in (*HEADER, *(line(scheme) for scheme in schemes)))
