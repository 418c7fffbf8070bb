"""Commands about files: check, spaces, objectives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotune.cli.messages import say
from autotune.cli.options import warn
from autotune.errors import InputError

# What a command needs is imported where it is used: `autotune --help` should not load a compiler.


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What to check.")],
) -> None:
    """Check workload and scheme files; say where one is wrong."""
    from autotune.lint.check_file import check_file
    from autotune.run_folder.copies import load_any

    wrong = 0
    for file in files:
        try:
            checked = check_file(file, load_any)
        except InputError as error:
            say(str(error))
            wrong += 1
            continue
        for warning in checked.warnings:
            warn(warning)
        typer.echo(f"{file}: {checked.summary}")
    if wrong:
        raise typer.Exit(InputError.exit_status)


def spaces() -> None:
    """List what can be tuned: search spaces."""
    from autotune import catalog
    from autotune.space.space import load_search_space
    from autotune.views import terminal

    terminal.show_spaces(
        (load_search_space(path), catalog.summary(path)) for path in catalog.files("search_spaces")
    )


def objectives() -> None:
    """List what can be sought: objectives and metrics."""
    from autotune import catalog
    from autotune.objective.objective import load_objectives
    from autotune.views import terminal

    terminal.show_objectives(
        (load_objectives(path), catalog.summary(path)) for path in catalog.files("objectives")
    )
