"""How far the working set of a measurement can be trusted."""

from __future__ import annotations

from autotune.experiment.measurement import Series


def is_only_bounded(series: Series) -> bool:
    """Say whether the working set is an upper bound: at some sample it is all that is resident.

    Accessed regions are then at least as large as the resident memory. They span addresses without
    memory, so that it is not known which of the resident pages were accessed.

    >>> from dataclasses import replace
    >>> from autotune.testing import measurement
    >>> of_half = measurement(rss_mean_bytes=8192.0, wss_mean_bytes=4096.0).series
    >>> is_only_bounded(of_half), is_only_bounded(replace(of_half, wss_bytes=(None, 4096, 8192)))
    (False, True)
    """
    return any(
        wss is not None and wss >= rss
        for wss, rss in zip(series.wss_bytes, series.rss_bytes, strict=True)
    )
