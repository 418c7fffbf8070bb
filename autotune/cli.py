"""The command line: parse, call, print. Every rule is in a module below."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from autotune import __version__
from autotune.errors import AutotuneError, InputError, RunError
from autotune.formats.scheme_export import Form
from autotune.interrupts import one_interrupt
from autotune.messages import say

_INTERRUPTED = 130

# Everything else is imported where it is used: `autotune --help` should not load a compiler.

app = typer.Typer(
    help="Find, for your own program, the few DAMOS schemes worth having, and what each costs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

vm_app = typer.Typer(help="The micro-VM: set it up.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(vm_app, name="vm")

WorkloadFile = Annotated[Path, typer.Argument(metavar="WORKLOAD", help="A workload file (YAML).")]
BackendOption = Annotated[
    str | None, typer.Option("--backend", metavar="NAME", help="simulator, vm or host.")
]
MachineOption = Annotated[
    str | None,
    typer.Option("--machine", metavar="NAME|FILE", help="The simulator's machine profile."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Decides everything random.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


def _note(message: str) -> None:
    say(message, kind="note")


def _warn(message: str) -> None:
    say(message, kind="warning")


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"autotune {__version__}")
        raise typer.Exit


@app.command()
def run(
    workload_file: WorkloadFile,
    backend: BackendOption = None,
    machine: MachineOption = None,
    trials: Annotated[
        int | None, typer.Option("--trials", help="How many schemes to try.")
    ] = None,
    seed: SeedOption = None,
    sampler: Annotated[
        str | None,
        typer.Option("--sampler", metavar="NAME", help="tpe, nsga2, random, qmc, grid, ..."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The run folder. Default: runs/NAME-DATE."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tune: find the schemes worth having, and confirm them."""
    from autotune import console, study
    from autotune.backends.available import make_backend
    from autotune.destination import default_folder
    from autotune.progress import ProgressView
    from autotune.run_record import RunState
    from autotune.workload import load_workload

    workload = load_workload(
        workload_file,
        backend=backend,
        trials=trials,
        seed=seed,
        sampler=sampler,
        machine=machine,
        warn=_warn,
    )
    folder = out or default_folder(workload.name, now=datetime.now().astimezone())
    backend_made = make_backend(workload, note=_note)
    with ProgressView() as view:
        outcome = study.run(workload, backend_made, folder, observer=view)
    if as_json:
        _print_json(outcome.to_dict())
    else:
        console.show_outcome(outcome, workload.objectives)
    if outcome.trials and outcome.failed == len(outcome.trials):
        raise RunError(f"{outcome.out}: every trial failed: {outcome.trials[0].reason}")
    if outcome.state is RunState.INTERRUPTED:
        say(f"interrupted: what was finished is in {outcome.out}", kind="note")
        raise typer.Exit(_INTERRUPTED)


@app.command()
def measure(
    workload_file: WorkloadFile,
    scheme: Annotated[
        str | None,
        typer.Option(
            "--scheme",
            metavar="NAME|FILE",
            help="A scheme file, or prcl-talk, prcl-5s, prcl-3s. Default: monitoring only.",
        ),
    ] = None,
    backend: BackendOption = None,
    machine: MachineOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one scheme against the baseline, without tuning."""
    from autotune import console
    from autotune.backends.available import make_backend
    from autotune.formats.scheme_files import load_schemes, resolve
    from autotune.single import compare_to_baseline
    from autotune.workload import load_workload

    workload = load_workload(
        workload_file, backend=backend, seed=seed, machine=machine, warn=_warn
    )
    schemes = () if scheme is None else load_schemes(resolve(scheme, Path()))
    comparison = compare_to_baseline(workload, schemes, make_backend(workload, note=_note))
    if as_json:
        _print_json(comparison.to_dict())
    else:
        console.show_comparison(comparison)


@app.command()
def record(
    workload_file: WorkloadFile,
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
    from autotune.backends.available import make_recorder
    from autotune.formats import damo_record
    from autotune.recording_run import default_file, load_for_recording, record_workload
    from autotune.recording_view import show_recorded

    workload = load_for_recording(workload_file, backend=backend, seed=seed, warn=_warn)
    workload.check_available()
    path = out or default_file(workload)
    damo_record.check_new(path)
    recording = record_workload(workload, make_recorder(workload, note=_note))
    damo_record.save(recording, path)
    show_recorded(recording, path)


@app.command()
def show(
    recording_file: Annotated[
        Path, typer.Argument(metavar="RECORDING", help="Of autotune record, or damo record.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show a recording: a heat map, and how large the working set was."""
    from autotune.formats import damo_record
    from autotune.recording_view import recording_to_dict, show_recording

    recording = damo_record.load(recording_file)
    if as_json:
        _print_json(recording_to_dict(recording))
    else:
        show_recording(recording)


@app.command()
def export(
    run_folder: RunFolder,
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
    from autotune import report
    from autotune.exporting import export_all, export_text

    found = report.load_run(run_folder)
    names = report.pick(found, pick)
    if out is None:
        typer.echo(export_text(found, names, form, pid=pid), nl=False)
    else:
        for path in export_all(found, names, form, out, pid=pid):
            typer.echo(path)


@app.command()
def compare(
    run_folders: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Two or more run folders.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Compare the fronts of runs of one workload."""
    from autotune import comparison, console, report

    compared = comparison.compare([report.load_run(folder) for folder in run_folders])
    if as_json:
        _print_json(compared.to_dict())
    else:
        console.show_fronts(compared)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What to check.")],
) -> None:
    """Check workload and scheme files; say where one is wrong."""
    from autotune.checking import check_file

    wrong = 0
    for file in files:
        try:
            checked = check_file(file)
        except InputError as error:
            say(str(error))
            wrong += 1
            continue
        for warning in checked.warnings:
            _warn(warning)
        typer.echo(f"{file}: {checked.summary}")
    if wrong:
        raise typer.Exit(InputError.exit_status)


@app.command()
def calibrate(
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="What to measure: vm or host.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The profile. Default: micro-vm.yaml, this-machine.yaml."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what things cost on a machine, for the simulator."""
    from dataclasses import asdict

    from autotune import calibration
    from autotune.backends.simulator.profiles import write_machine
    from autotune.calibration.subject import find_subject
    from autotune.store import RunFolder

    subject = find_subject(backend, _note)
    file = calibration.profile_file(subject, out)
    machine = calibration.calibrate(subject, _note)
    text = write_machine(machine, subject.summary)
    RunFolder(file.parent).write(file.name, text)
    if as_json:
        _print_json({"out": str(file), "machine": asdict(machine)})
    else:
        typer.echo(text, nl=False)
        _note(f"written to {file}: use it with --machine {file}")


@app.command()
def spaces() -> None:
    """List what can be tuned: search spaces."""
    from autotune import catalog, console
    from autotune.space.space import load_search_space

    console.show_spaces(
        (load_search_space(path), catalog.summary(path)) for path in catalog.files("search_spaces")
    )


@app.command()
def objectives() -> None:
    """List what can be sought: objectives and metrics."""
    from autotune import catalog, console
    from autotune.objective.objective import load_objectives

    console.show_objectives(
        (load_objectives(path), catalog.summary(path)) for path in catalog.files("objectives")
    )


@app.command()
def doctor(
    restore: Annotated[
        bool,
        typer.Option("--restore", help="Put back what a killed run changed. Needs root."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine can do, and how to get the rest."""
    from autotune import console
    from autotune.doctor import Surroundings, examine, put_back
    from autotune.driver.system_calls import LinuxCalls

    here = Surroundings()
    if restore:
        restored = put_back(here, LinuxCalls())
        if as_json:
            _print_json({"restored": list(restored)})
        else:
            for line in restored or ("nothing to put back",):
                typer.echo(line)
        return
    health = examine(here)
    if as_json:
        _print_json(health.to_dict())
    else:
        console.show_health(health)


@vm_app.command("setup")
def vm_setup(
    kernel: Annotated[
        Path | None,
        typer.Option("--kernel", metavar="FILE", help="A bzImage. Default: Debian's."),
    ] = None,
    modules: Annotated[
        Path | None,
        typer.Option(
            "--modules", metavar="DIR", help="Its modules. Default: those in /lib/modules."
        ),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch Debian's again, to have the newest.")
    ] = False,
) -> None:
    """Get a kernel and compile the small parts; no root needed."""
    from autotune.backends.vm.setup import set_up_vm

    done = set_up_vm(kernel=kernel, modules=modules, refresh=refresh, note=_note)
    if done.kernel is not None:
        typer.echo(f"{done.kernel.version} {done.kernel.image}")
    for failure in done.failures:
        say(failure)
    if done.failures:
        raise typer.Exit(RunError.exit_status)


def main() -> None:
    """Run the command line; an expected error becomes one message and an exit status."""
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: list[str]) -> int:
    """Run one command and give its exit status; nothing but a defect gets out as an exception."""
    try:
        with one_interrupt():
            status = app(arguments, prog_name="autotune", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
    except AutotuneError as error:
        say(str(error))
        return error.exit_status
    except typer.TyperException as error:
        if not arguments:  # then it is the help
            sys.stderr.write(f"{error.format_message()}\n")
            return InputError.exit_status
        say(f"{error.format_message().rstrip('.')}: see autotune --help")
        return InputError.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return RunError.exit_status
    except OSError as error:
        say(f"standard output: can't be written: {error.strerror}: see where it goes")
        return RunError.exit_status
    return status if isinstance(status, int) else 0
