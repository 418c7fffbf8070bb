"""What tests of the simulator play: machines, a scheme, recordings of one process and of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autotune import catalog
from autotune.backends.simulator.machine_costs import Machine
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import RecordedProcess, Recording, shifted_area
from tests.recordings import area, recording, snapshot

ROOT = Path(__file__).parents[3]


def profile(name: str) -> Machine:
    return load_machine(catalog.find(name, "machines", ROOT))


def simulator(name: str = "server") -> Simulator:
    return Simulator(profile(name))


def prcl(age_s: float, **fields: object) -> Scheme:
    pattern = AccessPattern(
        size_bytes=Range(4096),
        access_rate=Range(0.0, 0.0),
        age_us=Range(round(age_s * 1_000_000)),
    )
    return replace(Scheme(action=Action.PAGEOUT, pattern=pattern), **fields)  # type: ignore[arg-type]  # any of a scheme's


def halves(seconds: int, **fields: object) -> Recording:
    """Two areas of 4 MiB, the first always accessed and the second never; and two small ones."""
    until_us = seconds * 1_000_000
    pages = (1_000, 2_024, 10_000, 100_000)
    return recording(
        duration_us=until_us,
        areas=tuple(
            area(page, page + size, until_us=until_us)
            for page, size in zip(pages, (1024, 1024, 1, 1), strict=True)
        ),
        snapshots=(snapshot(until_us, (1_000, 2_024, 20), (2_024, 3_048, 0)),),
        **fields,
    )


HALF = 1024 * 4096


def twins(seconds: int, *, late_us: int = 0, shared: bool = False) -> Recording:
    """Two processes as `halves`, the second one from *late_us* on; its cold half may be the first's."""
    one = halves(seconds)
    [seen] = one.snapshots
    second = []
    for part in one.areas:
        moved_part = replace(shifted_area(part, 1), from_us=late_us)
        if shared and part.start == 2_024 * 4096:
            whole = ((moved_part.start, moved_part.end),)
            moved_part = replace(moved_part, shared=whole, repeated=whole)
        second.append(moved_part)
    moved = tuple(
        region._replace(start=region.start + PROCESS_BYTES, end=region.end + PROCESS_BYTES)
        for region in seen.regions
    )
    processes = tuple(
        RecordedProcess(name=name, from_us=from_us, until_us=one.duration_us)
        for name, from_us in (("first", 0), ("second", late_us))
    )
    return replace(
        one,
        areas=(*one.areas, *second),
        snapshots=(replace(seen, regions=(*seen.regions, *moved)),),
        processes=processes,
    )
