"""The size of a recording's working set over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from autotune.damon.recording import Recording, Snapshot
from autotune.damon.spans import Span, common, merged

PERCENTILES: Mapping[str, int] = MappingProxyType(
    {"min": 0, "p25": 25, "p50": 50, "p75": 75, "p90": 90, "max": 100}
)
"""The percentiles that are shown: each name with its percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingSetSizes:
    """The sizes of a working set, one for each aggregation.

    Attributes:
        time_s: End of each aggregation.
        sizes_bytes: Bytes in regions that were accessed in each aggregation: of these what was mapped,
            and at most what was resident.
        is_only_bounded: Whether some size is an upper bound: all that was ever resident. Then regions
            span addresses without memory, and which resident pages were accessed is not known.
    """

    time_s: tuple[float, ...]
    sizes_bytes: tuple[int, ...]
    is_only_bounded: bool = False

    @property
    def mean_bytes(self) -> float:
        """The mean size; each aggregation has equal weight."""
        return sum(self.sizes_bytes) / len(self.sizes_bytes)

    @property
    def percentiles_bytes(self) -> dict[str, int]:
        """The percentiles of the sizes, by their names in `PERCENTILES`."""
        return {name: percentile(self.sizes_bytes, share) for name, share in PERCENTILES.items()}

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values: the distribution, and the sizes over time."""
        return {
            **{f"{name}_bytes": size for name, size in self.percentiles_bytes.items()},
            "mean_bytes": self.mean_bytes,
            "is_only_bounded": self.is_only_bounded,
            "series": {"time_s": list(self.time_s), "bytes": list(self.sizes_bytes)},
        }


def working_set_sizes(recording: Recording) -> WorkingSetSizes:
    """Give the size of the working set in every aggregation of a recording."""
    mapped = merged((area.start, area.end) for area in recording.areas)
    most = recording.resident_peak_bytes
    sizes = [_accessed_bytes(snapshot, mapped) for snapshot in recording.snapshots]
    return WorkingSetSizes(
        time_s=tuple(one.end_us / 1e6 for one in recording.snapshots),
        sizes_bytes=tuple(sizes if most is None else (min(size, most) for size in sizes)),
        is_only_bounded=most is not None and max(sizes) >= most,
    )


def _accessed_bytes(snapshot: Snapshot, mapped: Sequence[Span]) -> int:
    """Give the mapped bytes in accessed regions; with nothing known of mappings, all bytes in them."""
    accessed = [(region.start, region.end) for region in snapshot.regions if region.accesses]
    spans = common(accessed, mapped) if mapped else accessed
    return sum(end - start for start, end in spans)


def percentile(values: Sequence[int], percent: int) -> int:
    """Give the smallest of *values* such that at least *percent* % of *values* are not larger.

    Args:
        values: One or more numbers.
        percent: A number from 0 to 100.

    >>> [percentile([40, 10, 30, 20], percent) for percent in (0, 25, 26, 50, 100)]
    [10, 10, 20, 20, 40]
    """
    rank = max(1, -(-len(values) * percent // 100))
    return sorted(values)[rank - 1]
