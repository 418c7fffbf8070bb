"""A workload as they usually are, in place of one of which nothing is known."""

from __future__ import annotations

from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase

_STEPS = 32
"""So many phases a run has."""
_EVERY = (1, 1, 2, 4, 8, 16, 32)
"""Equal parts of the memory are accessed in every phase, in every second, in every fourth, ...; the last
part once, at the beginning."""


def usual_workload(size_bytes: int, runtime_us: int) -> Pattern:
    """Give a pattern of a size and a length, whose memory is wanted again after times of all lengths.

    Args:
        size_bytes: What it takes.
        runtime_us: How long it runs.
    """
    part = max(size_bytes // len(_EVERY), 4096)
    regions = tuple(PatternRegion(name=f"part {at}", size_bytes=part) for at in range(len(_EVERY)))
    # Parts come by turns, not all at once.
    phases = tuple(
        Phase(
            name=f"step {step}",
            duration_us=max(runtime_us // _STEPS, 1),
            accesses=tuple(
                Access(region=at, random=False, stride_bytes=4096, weight=1)
                for at, every in enumerate(_EVERY)
                if step % every == at % every
            ),
        )
        for step in range(_STEPS)
    )
    return Pattern(regions=regions, phases=phases)
