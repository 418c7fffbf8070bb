"""Commands about run folders: export, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotune.cli.options import JsonOption, RunArgument, print_json, warn
from autotune.formats.forms import Form

# What a command needs is imported where it is used: `autotune --help` should not load a compiler.


def export(
    run_folder: RunArgument,
    pick: Annotated[
        str, typer.Option("--pick", metavar="WHICH", help="knee, best, all, or a trial: 7.")
    ] = "knee",
    form: Annotated[
        Form, typer.Option("--format", help="What to write; args is a damo command line.")
    ] = Form.KDAMONDS,
    pid: Annotated[
        int | None, typer.Option("--pid", help="The process to watch.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write files. Default: standard output."),
    ] = None,
) -> None:
    """Print tuned schemes, or write them to files."""
    from autotune.run_folder import reader
    from autotune.run_folder.export import export_all, export_text

    found = reader.load_run(run_folder)
    names = reader.pick(found, pick)
    for name, note in found.notes.items():
        if name in names:
            warn(f"{name}: {note}")
    if out is None:
        typer.echo(export_text(found, names, form, pid=pid), nl=False)
    else:
        for path in export_all(found, names, form, out, pid=pid):
            typer.echo(path)


def compare(
    run_folders: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Two or more run folders.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Compare the fronts of runs of one workload."""
    from autotune.run_folder import comparison, reader
    from autotune.views import terminal

    compared = comparison.compare([reader.load_run(folder) for folder in run_folders])
    if as_json:
        print_json(compared.to_dict())
    else:
        terminal.show_fronts(compared)
