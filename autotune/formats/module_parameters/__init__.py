"""Parameters of the kernel's own modules, DAMON_RECLAIM and DAMON_LRU_SORT."""

from __future__ import annotations

from autotune.formats.module_parameters.reader import loads
from autotune.formats.module_parameters.writer import dumps

__all__ = ["dumps", "loads"]
