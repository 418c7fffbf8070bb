"""The key `workload` of a workload file: a pattern, a program or a recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from autotune import catalog, document
from autotune.backends.vm.skeleton import why_not_copied
from autotune.damon.recording import Recording
from autotune.damon.recording_doubts import accuracy_note
from autotune.document import Mapping, Reader, Value
from autotune.errors import InputError, Where
from autotune.experiment.latency import LATENCY_UNITS
from autotune.experiment.pattern import Pattern, PatternRegion
from autotune.experiment.program import Program, Ready, check_regex
from autotune.formats import damo_record, masim
from autotune.runner.names import only_a_shell_reads
from autotune.units import format_duration
from autotune.workload_file.values import path_in, positive_duration

_KINDS = ("pattern", "command", "recording")
_TIMEOUT_US = 600_000_000
_SLOWEST = 5
"""How many times its own length a recording may run, unless the file gives a timeout."""
_PROGRAM_KEYS = (
    "shell",
    "client",
    "ready",
    "work",
    "latency",
    "latency_unit",
    "duration",
    "accept_exit",
)


class WorkloadSection(NamedTuple):
    """The key `workload`.

    Attributes:
        workload: What runs.
        path: The file of a pattern or of a recording; None for a program.
        timeout_us: Timeout of one measurement, in the backend's own time.
    """

    workload: Pattern | Program | Recording
    path: Path | None
    timeout_us: int


def _copied(folder: Path) -> Reader[Path]:
    """Read the path of a file or folder that is copied into the micro-VM."""

    def read(value: Value) -> Path:
        path = path_in(folder)(value).absolute()
        if (reason := why_not_copied(path)) is not None:
            value.fail(f"'{path}': {reason}")
        return path

    return read


def _file(find: Callable[[str, str], Path], role: str) -> Reader[Path]:
    def read(value: Value) -> Path:
        path = find(role, document.text(value))
        if not catalog.is_file(path):
            value.fail(f"no file '{path}': check the path")
        return path

    return read


def _arguments(value: Value) -> tuple[str, ...]:
    arguments = tuple(item.scalar("write a word") for item in value.items())
    if not arguments or not arguments[0]:
        value.fail("there is no program: write its name, then its arguments")
    return arguments


def _ready(value: Value) -> Ready:
    keys = value.mapping()
    delay_us = keys.take("delay", document.duration, None)
    line = keys.take("line", document.text, None)
    port = keys.take("port", document.integer(at_least=1, at_most=65_535), None)
    command = keys.take("command", _arguments, None)
    keys.finish()
    with value.blamed():
        return Ready(delay_us=delay_us, line=line, port=port, command=command)


def _one_group(key: str) -> Reader[str]:
    """Make a reader of a regular expression with one group."""

    def read(value: Value) -> str:
        pattern = document.text(value)
        with value.blamed():
            check_regex(key, pattern, groups=1)
        return pattern

    return read


def _located(arguments: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Make a program's path relative to the workload file, unless it is a name to look up."""
    first, *rest = arguments
    return (str(folder / first) if "/" in first else first, *rest)


def _program(keys: Mapping, place: Value, folder: Path, files: tuple[Path, ...]) -> Program:
    shell = keys.take("shell", document.boolean, default=False)
    command: tuple[str, ...] | str
    if place.is_list:
        command = _located(_arguments(place), folder)
        if shell:
            place.fail("a list is not for the shell: write one text, or drop 'shell'")
    else:
        command = document.text(place)
        if not shell:
            place.fail("one text needs 'shell: true' beside it: add it, or write a list")
    client = keys.take("client", _arguments, None)
    client = None if client is None else _located(client, folder)
    ready = keys.take("ready", _ready, Ready(delay_us=1_000_000))
    duration_us = keys.take("duration", positive_duration, None)
    status = document.integer(at_least=0, at_most=255)
    accept_exit = keys.take("accept_exit", document.list_of(status), (0,))
    work = keys.take("work", _one_group("work"), None)
    latency = keys.take("latency", _one_group("latency"), None)
    unit_place = keys.peek("latency_unit") if "latency_unit" in keys else place
    unit = keys.take("latency_unit", document.one_of(LATENCY_UNITS), None)
    with unit_place.blamed():
        return Program(
            command=command,
            client=client,
            ready=ready,
            work=work,
            latency=latency,
            latency_unit=unit,
            duration_us=duration_us,
            accept_exit=accept_exit,
            folder=str(folder),
            files=tuple(str(file) for file in files),
        )


def _recording(path: Path, warn: Callable[[str], None]) -> Recording:
    recording = damo_record.load(path)
    warn(f"{path}: {accuracy_note(recording)}")
    return recording


def _pattern(path: Path, warn: Callable[[str], None]) -> Pattern:
    """Read a pattern; its data files are relative to it, and absolute from here on."""
    pattern = masim.load(path, warn)
    folder = path.parent.absolute()

    def located(region: PatternRegion) -> PatternRegion:
        if region.data_file is None:
            return region
        file = folder / region.data_file
        if not catalog.is_file(file):
            raise InputError(
                f"region '{region.name}': no data file '{file}': check the path", Where(path)
            )
        return replace(region, data_file=str(file))

    return replace(pattern, regions=tuple(map(located, pattern.regions)))


def _usual_timeout_us(workload: Pattern | Program | Recording) -> int:
    """Ten minutes, or more for a long recording: faults may make a run several times as long."""
    if isinstance(workload, Recording):
        return max(_TIMEOUT_US, _SLOWEST * workload.duration_us)
    return _TIMEOUT_US


def _check_backend(kind: str, backend: str, place: Value) -> None:
    if kind == "command" and backend == "simulator":
        place.fail(
            "the simulator runs no programs: give a pattern or a recording, or another backend"
        )
    if kind == "recording" and backend != "simulator":
        place.fail("only the simulator plays recordings: use backend: simulator")


def read_workload(
    find: Callable[[str, str], Path], folder: Path, backend: str, warn: Callable[[str], None]
) -> Reader[WorkloadSection]:
    """Read the key `workload`.

    Args:
        find: Gives the path for the text that names a file, and its role: "pattern" or "recording".
        folder: A program's paths are relative to this folder.
        backend: The backend that has to run the workload.
        warn: Called with a line about each thing that is legal but unwise.
    """

    def read(value: Value) -> WorkloadSection:
        keys = value.mapping()
        keys.check_known((*_KINDS, *_PROGRAM_KEYS, "files", "timeout"))
        kinds = [kind for kind in _KINDS if kind in keys]
        if len(kinds) != 1:
            value.fail("give exactly one of pattern, command and recording")
        kind = kinds[0]
        place = keys.take(kind, document.itself, value)
        files = keys.take("files", document.list_of(_copied(folder)), ())
        workload: Pattern | Program | Recording
        path = None
        if kind == "command":
            workload = _program(keys, place, folder.absolute(), files)
            for words in (workload.command, workload.client):
                if isinstance(words, tuple) and (told := only_a_shell_reads(words)):
                    warn(f"{place.where}: {told}")
        else:
            path = _file(find, kind)(place)
            _refuse_program_keys(keys, kind)
            workload = _pattern(path, warn) if kind == "pattern" else _recording(path, warn)
        timeout_us = keys.take("timeout", positive_duration, _usual_timeout_us(workload))
        _check_times(workload, timeout_us, keys, place)
        keys.finish()
        _check_backend(kind, backend, place)
        return WorkloadSection(workload, path, timeout_us)

    return read


def _check_times(
    workload: Pattern | Program | Recording, timeout_us: int, keys: Mapping, place: Value
) -> None:
    if not isinstance(workload, Program):
        return
    times = {"duration": workload.duration_us, "ready.delay": workload.ready.delay_us}
    for key, time_us in times.items():
        if time_us is not None and time_us >= timeout_us:
            raise InputError(
                f"workload.{key} is {format_duration(time_us)}, and workload.timeout is "
                f"{format_duration(timeout_us)}: raise the timeout",
                keys.where("timeout") if "timeout" in keys else place.where,
            )


def _refuse_program_keys(keys: Mapping, kind: str) -> None:
    for key in keys:
        if key in _PROGRAM_KEYS:
            raise InputError(
                f"key '{key}': belongs to a command, and here is a {kind}: leave it out",
                keys.where(key),
            )
