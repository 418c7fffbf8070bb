"""Commands about recordings: record, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotune.cli.options import JsonOption, SeedOption, WorkloadArgument, note, print_json, warn
from autotune.errors import InputError, Where

# What a command needs is imported where it is used: `autotune --help` should not load a compiler.


def record(
    workload_file: WorkloadArgument,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="NAME", help="vm or host. Default: the file's, or vm."),
    ] = None,
    seed: SeedOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Default: NAME.damon.data."),
    ] = None,
) -> None:
    """Run the program once, and keep what it accesses when."""
    from autotune.backends.factory import make_recording_backend
    from autotune.formats import damo_record
    from autotune.run_folder.copies import load_any
    from autotune.study.recording_run import default_file, load_for_recording, record_workload
    from autotune.views.recording import show_recorded

    file = load_for_recording(workload_file, load_any, backend=backend, seed=seed, warn=warn)
    path = out or default_file(file)
    damo_record.check_new(path)
    recording = record_workload(file, make_recording_backend(file.backend, note))
    damo_record.save(recording, path)
    show_recorded(recording, path)


def show(
    recording_file: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="Of autotune record, or damo record.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show a recording: a heat map, and how large the working set was."""
    from autotune.formats import damo_record
    from autotune.run_folder.run_json import may_be_run
    from autotune.views.recording import recording_to_dict, show_recording

    if may_be_run(recording_file):
        raise InputError(
            "is a run folder, not a recording: read its summary.md, or see its schemes with autotune "
            "export",
            Where(recording_file),
        )
    recording = damo_record.load(recording_file)
    if as_json:
        print_json(recording_to_dict(recording))
    else:
        show_recording(recording)
