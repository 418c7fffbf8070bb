"""What a measurement could leave behind on a machine: read whole, to be compared. Runs in the guest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

DAMON = Path("/sys/kernel/mm/damon")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
SWAPS = Path("/proc/swaps")
INSTANCES = Path("/sys/kernel/tracing/instances")

_ZRAM_FILES = ("disksize", "comp_algorithm", "initstate")
_MOVE_BY_THEMSELVES = (
    "nr_lru_",
    "bytes_",
    "nr_hot_quota",
    "nr_cold_quota",
    "nr_reclaim",
    "nr_quota",
)
"""Beginnings of the names of a module's statistics."""


def traces() -> dict[str, str]:
    """Every file of DAMON's, every zram device, swap, trace buffer, the setting of huge pages."""
    files = [*_damon(), *_modules(), *_zram(), HUGE_PAGES]
    found = {str(file): file.read_text() for file in files}
    for line in SWAPS.read_text().splitlines()[1:]:
        name, kind, size, _used, priority = line.split()
        found[f"swap {name}"] = f"{kind} {size} {priority}"
    for instance in sorted(INSTANCES.iterdir()):
        found[str(instance)] = (instance / "events/damon/damon_aggregated/enable").read_text()
    return found


def changes(before: dict[str, str]) -> dict[str, list[str | None]]:
    """What is not as it was *before*: then and now, None where there was or is nothing."""
    now = traces()
    return {
        name: [before.get(name), now.get(name)]
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    }


def _damon() -> Iterator[Path]:
    return (path for path in sorted(DAMON.rglob("*")) if path.is_file())


def _modules() -> Iterator[Path]:
    for file in sorted(Path("/sys/module").glob("damon_*/parameters/*")):
        if not file.name.startswith(_MOVE_BY_THEMSELVES):
            yield file


def _zram() -> Iterator[Path]:
    for device in sorted(Path("/sys/block").glob("zram*")):
        for name in _ZRAM_FILES:
            yield device / name
