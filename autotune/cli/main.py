"""The whole command line: its commands, and how an error is shown."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from autotune import __version__
from autotune.cli import files, machine, recordings, runs, tune
from autotune.cli.messages import say
from autotune.cli.options import INTERRUPTED
from autotune.errors import AutotuneError, InputError, RunError
from autotune.interrupts import one_interrupt

app = typer.Typer(
    help="Find, for your own program, the few DAMOS schemes worth having, and what each costs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for command in (
    tune.run,
    tune.measure,
    recordings.record,
    recordings.show,
    runs.export,
    runs.compare,
    files.check,
    machine.calibrate,
    files.spaces,
    files.objectives,
    machine.doctor,
):
    app.command()(command)

vm_app = typer.Typer(
    help="The micro-VM: set it up, and see what a program lacks in it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
vm_app.command("setup")(machine.vm_setup)
vm_app.command("check")(machine.vm_check)
app.add_typer(vm_app, name="vm")


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"autotune {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; an expected error becomes one message and an exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The locale's encoding may lack letters of a name; so does standard error write them.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: list[str]) -> int:
    """Run one command and give its exit status; only a defect raises an exception."""
    try:
        with one_interrupt():
            status = app(arguments, prog_name="autotune", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
    except AutotuneError as error:
        say(str(error))
        return error.exit_status
    except typer.TyperException as error:
        if not arguments:  # without arguments, the help is shown
            sys.stderr.write(f"{error.format_message()}\n")
            return InputError.exit_status
        say(f"{error.format_message().rstrip('.')}: see autotune --help")
        return InputError.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return RunError.exit_status
    except OSError as error:
        say(f"standard output: can't be written: {error.strerror}: see where it goes")
        return RunError.exit_status
    return status if isinstance(status, int) else 0
