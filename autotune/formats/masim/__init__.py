"""Memory access patterns in the file format of masim."""

from __future__ import annotations

from autotune.formats.masim.names import INT_MAX, SIZE_MAX
from autotune.formats.masim.reader import is_masim, load, loads
from autotune.formats.masim.writer import dumps

__all__ = ["INT_MAX", "SIZE_MAX", "dumps", "is_masim", "load", "loads"]
