"""The player as it runs, its memory from outside, and its arithmetic done a second time."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, cast

from autotune.experiment.pattern import (
    BATCH_ACCESSES,
    Access,
    AccessMode,
    Pattern,
    PatternRegion,
    Phase,
)
from autotune.native.player_text import go_line, player_input

PAGE = 4096
IDLE_TO_THE_END_US = 600_000_000
"""A last phase during which a test looks at the memory, and then ends the player."""


FEWEST_BATCHES = 3
TRIES = 30


class Played(NamedTuple):
    """What the player said of one phase."""

    accesses: int
    elapsed_us: int

    @property
    def batches(self) -> int:
        return self.accesses // BATCH_ACCESSES


class Area(NamedTuple):
    """A mapped area of a process."""

    start: int
    end: int
    counters: dict[str, int]
    """In bytes, by the kernel's names."""


class Player:
    """A player that has loaded a pattern and is ready; leaving the context ends it."""

    def __init__(self, binary: Path, pattern: Pattern) -> None:
        self._pattern = pattern
        self._process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self._write(player_input(pattern))
        assert self._read() == "ready"

    def __enter__(self) -> Player:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _write(self, text: str) -> None:
        stream = cast("IO[str]", self._process.stdin)
        stream.write(text)
        stream.flush()

    def _read(self) -> str:
        return cast("IO[str]", self._process.stdout).readline().rstrip("\n")

    def play(self, seed: int, phases: int) -> list[Played]:
        """Begin, and wait for the end of that many phases."""
        self._write(go_line(seed))
        played = []
        for index in range(phases):
            word, number, accesses, elapsed_us = self._read().split()
            assert (word, int(number)) == ("phase", index)
            played.append(Played(int(accesses), int(elapsed_us)))
        return played

    def areas(self) -> list[Area]:
        """Give the areas that are mapped, private and of no file."""
        found: list[Area] = []
        for line in Path(f"/proc/{self.pid}/smaps").read_text().splitlines():
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0\s*$", line)
            if head:
                found.append(Area(int(head[1], 16), int(head[2], 16), {}))
            elif re.match(r"[0-9a-f]+-", line):
                found.append(Area(0, 0, {}))
            elif line.endswith(" kB"):
                name, size_kb, _ = line.split()
                found[-1].counters[name.rstrip(":")] = int(size_kb) * 1024
        return [area for area in found if area.end]

    def regions_area(self) -> Area:
        """Give the one area that lies high: regions, below a few pages of the player's own."""
        (area,) = (area for area in self.areas() if area.start >= 1 << 40)
        return area

    def content(self, region: int) -> bytes:
        """Read a region, where the layout of large blocks of malloc says that it is."""
        start = self.regions_area().start
        for later in reversed(self._pattern.regions[region + 1 :]):
            start += mapped_bytes(later)
        with Path(f"/proc/{self.pid}/mem").open("rb") as memory:
            memory.seek(start + 16)
            return memory.read(self._pattern.regions[region].size_bytes)

    def written(self, region: int) -> set[int]:
        """Give the offsets that hold what an access writes."""
        return {match.start() for match in re.finditer(b"\x01", self.content(region))}


@contextmanager
def some_batches(
    binary: Path,
    regions: list[PatternRegion],
    accesses: tuple[Access, ...],
    *,
    seed: int,
    most: int,
) -> Iterator[tuple[Player, int]]:
    """Give a player behind a phase of a few batches, *most* at the most, and their number.

    How many fit into a phase is up to the machine, so its time is halved or doubled until
    that many did.
    """
    duration_us = 2_000
    for _ in range(TRIES):
        with Player(binary, pattern(regions, (duration_us, accesses))) as ready:
            (played,) = ready.play(seed, phases=1)
            if FEWEST_BATCHES <= played.batches <= most:
                yield ready, played.batches
                return
        duration_us = max(duration_us // 2 if played.batches > most else duration_us * 2, 1)
    raise AssertionError(f"no phase has {FEWEST_BATCHES} to {most} batches")


def mapped_bytes(region: PatternRegion) -> int:
    return -(-(region.size_bytes + 16) // PAGE) * PAGE


def pattern(
    regions: Iterable[PatternRegion], *phases: tuple[int, tuple[Access, ...]], stay: bool = True
) -> Pattern:
    """Make a pattern of phases with their microseconds; with *stay* it idles at the end."""
    idle = (IDLE_TO_THE_END_US, (access(weight=0),))
    return Pattern(
        regions=tuple(regions),
        phases=tuple(
            Phase(name=str(number), duration_us=duration_us, accesses=accesses)
            for number, (duration_us, accesses) in enumerate([*phases, *([idle] if stay else [])])
        ),
    )


def region(size_bytes: int, data_file: Path | None = None, name: str = "a") -> PatternRegion:
    return PatternRegion(
        name=name, size_bytes=size_bytes, data_file=str(data_file) if data_file else None
    )


def access(
    to: int = 0,
    *,
    stride_bytes: int = 1,
    weight: int = 1,
    random: bool = False,
    mode: AccessMode = AccessMode.WRITE,
) -> Access:
    return Access(region=to, random=random, stride_bytes=stride_bytes, weight=weight, mode=mode)


def random_numbers(seed: int) -> Iterator[int]:
    """splitmix64, from its paper."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        mixed = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        yield mixed ^ mixed >> 31


def drawn(seed: int, weights: list[int], batches: int) -> list[int]:
    """Count how many of the first batches go to each access."""
    wheel = [index for index, weight in enumerate(weights) for _ in range(weight)]
    hits = [wheel[number % len(wheel)] for number in islice(random_numbers(seed), batches)]
    return [hits.count(index) for index in range(len(weights))]


def swept(size_bytes: int, stride_bytes: int, accesses: int) -> set[int]:
    """Give the offsets of a sweep that begins behind offset 0 and turns back to it at the end."""
    cycle = [*range(stride_bytes, size_bytes, stride_bytes), 0]
    return set(cycle[:accesses])
