"""A program whose memory is tuned, and how it is measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from autotune.experiment.latency import LATENCY_UNITS


def check_regex(name: str, pattern: str, groups: int | None = None) -> None:
    """Check that the value of a key is a regular expression.

    Args:
        name: The key.
        pattern: Its value.
        groups: How many groups it must have; None takes any number.

    Raises:
        ValueError: If it is none, or has another number of groups.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{name} is no regular expression ({error}): mend '{pattern}'") from error
    if groups is not None and compiled.groups != groups:
        raise ValueError(
            f"{name} has {compiled.groups} groups: put round brackets around the number, once"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The criterion by which a program has warmed up. Exactly one of the attributes is given.

    Attributes:
        delay_us: The program is ready this long after it was started.
        line: It is ready when this regular expression matches somewhere in a line of its output.
        port: It is ready when a process listens on this TCP port.
        command: It is ready when this command succeeds.

    Raises:
        ValueError: If no attribute or several are given, or the given attribute makes no sense.
    """

    delay_us: int | None = None
    line: str | None = None
    port: int | None = None
    command: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check that there is one criterion."""
        given = (self.delay_us, self.line, self.port, self.command)
        if sum(criterion is not None for criterion in given) != 1:
            raise ValueError("give exactly one of delay, line, port and command")
        if self.line is not None:
            check_regex("line", self.line)
        if self.port is not None and not 1 <= self.port <= 65_535:
            raise ValueError(f"port is {self.port}: it must be from 1 to 65535")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program and, if the program is a server, its client.

    Attributes:
        command: A list of arguments, or a text for the shell.
        client: The arguments of a load generator. The measured part ends when the load generator ends.
        ready: The criterion by which the warm-up is over.
        work: Regular expression whose only group matches the work done. It is searched in the output of
            the client, or without a client in the output of the program. The last match counts.
        latency: Regular expression whose only group matches the time that a request took, as its client
            prints it. It is searched where `work` is. The largest match counts.
        latency_unit: Unit of what `latency` matches, of `LATENCY_UNITS`; None if a unit is matched too.
        duration_us: How long after its begin the measured part is stopped: the client, or without a
            client the program, is asked to end. None lets it end by itself.
        accept_exit: Exit statuses of the client, or without a client of the program, that are fine; a
            signal n counts as 128 + n. What `duration_us` stopped may have any.
        folder: The folder in which the commands start; an absolute path.
        files: Files or whole folders that the commands open, besides programs and their libraries;
            absolute paths. A micro-VM gets copies.

    Raises:
        ValueError: If a command is empty, `work` or `latency` has not one group, a path is not absolute,
            or there is no such unit, exit status or duration.
    """

    command: tuple[str, ...] | str
    client: tuple[str, ...] | None = None
    ready: Ready = field(default_factory=lambda: Ready(delay_us=1_000_000))
    work: str | None = None
    latency: str | None = None
    latency_unit: str | None = None
    duration_us: int | None = None
    accept_exit: tuple[int, ...] = (0,)
    folder: str = "/"
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is something to run."""
        if not self.command or self.client == ():
            raise ValueError("a command is empty: name a program")
        for path in (self.folder, *self.files):
            if not path.startswith("/"):
                raise ValueError(f"{path} is relative: a program's folder and files are absolute")
        if not self.accept_exit or not all(0 <= status <= 255 for status in self.accept_exit):
            raise ValueError("accept_exit takes numbers from 0 to 255: name one or more")
        if self.duration_us is not None and self.duration_us <= 0:
            raise ValueError(f"duration is {self.duration_us} us: it must be above 0")
        for name, pattern in (("work", self.work), ("latency", self.latency)):
            if pattern is not None:
                check_regex(name, pattern, groups=1)
        if self.latency_unit is not None:
            if self.latency is None:
                raise ValueError(
                    "latency_unit without latency: name what prints the time, or drop it"
                )
            if self.latency_unit not in LATENCY_UNITS:
                raise ValueError(
                    f"latency_unit is '{self.latency_unit}': use one of {', '.join(LATENCY_UNITS)}"
                )
