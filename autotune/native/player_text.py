"""What the pattern player reads and prints, as lines of text.

Source: the head of autotune/native/player.c.
"""

from __future__ import annotations

from typing import Final

from autotune.experiment.activity import PlayedPhase
from autotune.experiment.pattern import Pattern

READY: Final = "ready"
"""The line that the player prints when every page of every region was written once."""

DONE: Final = "done"
"""The line that the player prints when it has played all. It then waits for input or its end."""


def player_input(pattern: Pattern) -> str:
    r"""Give the player's input for a pattern. The player then prints READY, and waits for `go_line`.

    Raises:
        ValueError: If the name of a data file has a line break.

    >>> from autotune.experiment.pattern import Access, PatternRegion, Phase
    >>> sweep = Access(region=0, random=False, stride_bytes=4096, weight=1)
    >>> phase = Phase(name="all", duration_us=50_000, accesses=(sweep,))
    >>> region = PatternRegion(name="a", size_bytes=8192)
    >>> player_input(Pattern(regions=(region,), phases=(phase,)))
    'pattern 1 1 1\nregion 8192 -\nphase 50000 1\naccess 0 0 4096 1 wo\n'
    """
    n_accesses = sum(len(phase.accesses) for phase in pattern.phases)
    lines = [f"pattern {len(pattern.regions)} {len(pattern.phases)} {n_accesses}"]
    lines += [
        f"region {region.size_bytes} {_file_word(region.data_file)}" for region in pattern.regions
    ]
    for phase in pattern.phases:
        lines.append(f"phase {phase.duration_us} {len(phase.accesses)}")
        for access in phase.accesses:
            stride_bytes = 0 if access.random else access.stride_bytes
            lines.append(
                f"access {access.region} {int(access.random)} {stride_bytes} {access.weight} "
                f"{access.mode.value}"
            )
    return "\n".join(lines) + "\n"


def go_line(seed: int) -> str:
    r"""Give the line that starts the player; *seed*, 0 to 2^64 - 1, decides the order of its batches.

    >>> go_line(3)
    'go 3\n'
    """
    return f"go {seed}\n"


def played_phases(output: str) -> tuple[PlayedPhase, ...]:
    r"""Read of each phase what the player printed.

    Raises:
        ValueError: If the player did not play to the end.

    >>> played_phases("ready\nphase 0 262144 1004\nphase 1 0 1001\ndone\n")[1]
    PlayedPhase(accesses=0, duration_s=0.001001)
    """
    lines = output.splitlines()
    if not lines or lines[-1] != "done":
        raise ValueError("the player did not play to the end")
    fields = [line.split() for line in lines if line.startswith("phase ")]
    return tuple(PlayedPhase(int(one[2]), int(one[3]) / 1e6) for one in fields)


def accesses_done(output: str) -> int:
    r"""Count the accesses of all phases in what the player printed.

    Raises:
        ValueError: If the player did not play to the end.

    >>> accesses_done("ready\nphase 0 262144 1004\nphase 1 131072 1001\ndone\n")
    393216
    """
    return sum(phase.accesses for phase in played_phases(output))


def _file_word(data_file: str | None) -> str:
    if data_file is None:
        return "-"
    if "\n" in data_file:
        raise ValueError(f"data file {data_file!r}: its name has a line break: rename it")
    return f"./{data_file}" if data_file == "-" else data_file
