"""What a terminal shows of a recording: a heat map and the size of the working set."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from autotune.damon.heat import Heat, HeatRow, heat
from autotune.damon.kernel_rules import PROCESS_BYTES
from autotune.damon.recording import Recording
from autotune.damon.recording_doubts import accuracy_note, doubts
from autotune.damon.working_set import WorkingSetSizes, working_set_sizes
from autotune.experiment.watched import unwatched_note
from autotune.units import format_duration, megabytes
from autotune.views.terminal import results, table

_WIDTH = 79
_ROWS = 24
_LABEL = 13
"""Width of an address, the blank behind it included."""

_NUMBER = 4
"""Width of a process's number in front of an address, if there are several processes."""

_MOST_PROCESSES = 8
"""So many processes have a line each."""

_MANY_BYTES = 100 << 30
"""From here on a number of MiB would be too wide for the table."""

_SHADES = ".:-=+*#%@"
"""The first sign stands for memory that was never accessed; each further sign stands for an equal part
of the rates above 0."""
_COLOURS = ("bright_black", "blue", "blue", "cyan", "cyan", "green", "yellow", "red", "bright_red")


def show_recorded(recording: Recording, path: Path) -> None:
    """Print in two lines what was recorded, and where the recording is."""
    console = results()
    regions = sum(len(snapshot.regions) for snapshot in recording.snapshots)
    sizes = working_set_sizes(recording)
    most = "at most " if sizes.is_only_bounded else ""
    console.print(
        f"{recording.name}: {recording.duration_us / 1e6:.1f} s, "
        f"{len(recording.snapshots)} aggregations, {regions} regions, "
        f"working set {most}{megabytes(sizes.mean_bytes)}",
        soft_wrap=True,
    )
    _show_processes(recording)
    console.print(
        f"kept in {path}; see it: autotune show {shlex.quote(str(path))}", soft_wrap=True
    )


def recording_to_dict(recording: Recording) -> dict[str, Any]:
    """Give plain JSON values of a recording: its figures, not its regions."""
    intervals = recording.intervals
    return {
        "name": recording.name,
        "duration_s": recording.duration_us / 1e6,
        "intervals": {
            "sampling_us": intervals.sampling_us,
            "aggregation_us": intervals.aggregation_us,
            "update_us": intervals.update_us,
        },
        "aggregations": len(recording.snapshots),
        "processes": [
            {
                "name": process.name,
                "from_s": process.from_us / 1e6,
                "until_s": process.until_us / 1e6,
                "resident_bytes": recording.resident_bytes(number),
            }
            for number, process in enumerate(recording.processes)
        ],
        "unwatched_share": recording.unwatched_share,
        "unwatched_names": list(recording.unwatched_names),
        "cpu_s": None if recording.cpu_us is None else recording.cpu_us / 1e6,
        "work_done": recording.work_done,
        "compressed_fraction": recording.compressed_fraction,
        "doubts": {**dataclasses.asdict(found := doubts(recording)), "reasons": found.reasons},
        "wss": working_set_sizes(recording).to_dict(),
        "heatmap": _heat(recording).to_dict(),
    }


def show_recording(recording: Recording) -> None:
    """Print the heat map and the distribution of the working set size, 80 columns wide."""
    console = results()
    intervals = recording.intervals
    console.print(
        f"{recording.name}: {recording.duration_us / 1e6:.1f} s, {len(recording.snapshots)} "
        f"aggregations of {format_duration(intervals.aggregation_us)}, "
        f"{intervals.samples} samples each",
        soft_wrap=True,
    )
    _show_processes(recording)
    found = _heat(recording)
    for line in _heat_lines(found, _label_width(recording)):
        console.print(line, soft_wrap=True)
    sizes = working_set_sizes(recording)
    console.print(_table(sizes))
    if sizes.is_only_bounded:
        console.print(
            "note: DAMON's regions span addresses without memory: the working set is at most that, "
            "since no more was resident",
            soft_wrap=True,
        )
    console.print(f"note: {accuracy_note(recording)}")


def _show_processes(recording: Recording) -> None:
    """Print which processes were recorded, if there were several, and what was not watched."""
    console = results()
    count = len(recording.processes)
    if count > 1:
        for number, process in enumerate(recording.processes[:_MOST_PROCESSES]):
            console.print(
                f"process {number}: {process.name or 'name not known'}, "
                f"{megabytes(recording.resident_bytes(number))} when first seen, watched from "
                f"{process.from_us / 1e6:.1f} to {process.until_us / 1e6:.1f} s",
                soft_wrap=True,
            )
        if count > _MOST_PROCESSES:
            console.print(f"and {count - _MOST_PROCESSES} processes more")
    share, names = recording.unwatched_share or 0.0, recording.unwatched_names
    if note := unwatched_note(share, names):
        console.print(f"note: {note}", soft_wrap=True)


def _label_width(recording: Recording) -> int:
    return _LABEL + (_NUMBER if len(recording.processes) > 1 else 0)


def _heat(recording: Recording) -> Heat:
    return heat(recording, columns=_WIDTH - _label_width(recording), rows=_ROWS)


def _heat_lines(found: Heat, label: int) -> list[Text]:
    columns = len(found.edges_us) - 1
    times = (_WIDTH - label) // columns
    end = f"{found.edges_us[-1] / 1e6:.1f} s"
    largest = max(sum(high - low for low, high in row.spans) for row in found.rows)
    lines = [Text(f"{'address':<{label}}0 s{end:>{max(1, columns * times - 3)}}")]
    for row in found.rows:
        if row.after_gap:
            lines.append(Text("..."))
        lines.append(_line(row, times, label))
    lines.append(
        Text(
            f"a row: up to {megabytes(largest)}, gaps left out; {_SHADES[0]} never accessed, "
            f"{_SHADES[1]} seldom, {_SHADES[-1]} always"
        )
    )
    if found.left_out_bytes:
        lines.append(
            Text(f"{megabytes(found.left_out_bytes)} in small pieces far away are left out")
        )
    return lines


def _line(row: HeatRow, times: int, label: int) -> Text:
    number, address = divmod(row.spans[0][0], PROCESS_BYTES)
    name = f"{row.spans[0][0]:x}" if label == _LABEL else f"{number:>2}: {address:x}"
    line = Text(f"{name:<{label}}")
    for rate in row.rates:
        if rate is None:
            line.append(" " * times)
            continue
        shade = 0 if rate == 0 else min(len(_SHADES) - 1, 1 + int(rate * (len(_SHADES) - 1)))
        line.append(_SHADES[shade] * times, style=_COLOURS[shade])
    return line


def _table(sizes: WorkingSetSizes) -> Table:
    named = {**sizes.percentiles_bytes, "mean": sizes.mean_bytes}
    unit, unit_bytes = ("MiB", 1 << 20) if max(named.values()) < _MANY_BYTES else ("GiB", 1 << 30)
    values = [f"{size / unit_bytes:.1f}" for size in named.values()]
    return table((f"working set, {unit}", *named), [("", *values)], right=1)
