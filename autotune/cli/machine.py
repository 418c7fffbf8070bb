"""Commands about machines: calibrate, doctor, vm setup, vm check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotune.cli.messages import say
from autotune.cli.options import JsonOption, WorkloadArgument, note, print_json, warn
from autotune.errors import RunError

# What a command needs is imported where it is used: `autotune --help` should not load a compiler.


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
    from autotune.backends.simulator.profile_files import write_machine
    from autotune.calibration.subject import find_subject
    from autotune.run_folder.folder import RunFolder

    subject = find_subject(backend, note)
    file = calibration.profile_file(subject, out)
    machine = calibration.calibrate(subject, note)
    text = write_machine(machine, subject.summary)
    RunFolder(file.parent).write(file.name, text)
    if as_json:
        print_json({"out": str(file), "machine": asdict(machine)})
    else:
        typer.echo(text, nl=False)
        note(f"written to {file}: use it with --machine {file}")


def doctor(
    restore: Annotated[
        bool,
        typer.Option("--restore", help="Put back what a killed run changed. Needs root."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine can do, and how to get the rest."""
    from autotune.doctor import Surroundings, examine, put_back
    from autotune.driver.system_calls import LinuxCalls
    from autotune.views import terminal

    here = Surroundings()
    if restore:
        restored = put_back(here, LinuxCalls())
        if as_json:
            print_json({"restored": list(restored)})
        else:
            for line in restored or ("nothing to put back",):
                typer.echo(line)
        return
    health = examine(here)
    if as_json:
        print_json(health.to_dict())
    else:
        terminal.show_health(health)


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

    done = set_up_vm(kernel=kernel, modules=modules, refresh=refresh, note=note)
    if done.kernel is not None:
        typer.echo(f"{done.kernel.version} {done.kernel.image}")
    for failure in done.failures:
        say(failure)
    if done.failures:
        raise typer.Exit(RunError.exit_status)


def vm_check(workload_file: WorkloadArgument, as_json: JsonOption = False) -> None:
    """Run a program in the micro-VM, and say which files it lacks there."""
    from autotune.backends.vm.missing import find_missing
    from autotune.backends.vm.vm import Vm
    from autotune.cache import cache_folder
    from autotune.errors import InputError
    from autotune.experiment.program import Program
    from autotune.run_folder.copies import load_any
    from autotune.views.missing_files import fault_of, files_key, lack_to_dict
    from autotune.workload_file.overrides import Overrides

    file = load_any(workload_file, Overrides(backend="vm"), warn=warn)
    program = file.workload
    if not isinstance(program, Program):
        raise InputError(f"{workload_file}: its workload is no program: only programs open files")
    vm = Vm(file.backend.vm, cache_folder(), note)
    experiment = file.experiment(None)
    vm.check(experiment)
    lack = find_missing(vm, experiment, note)
    if as_json:
        print_json(lack_to_dict(lack))
    elif lack.files:
        note("not in the micro-VM: write this under 'workload' in the workload file:")
        typer.echo(files_key(program, lack))
    elif lack.problem is None and lack.is_all:
        typer.echo("nothing is missing")
    fault = fault_of(lack)
    if fault is not None:
        say(f"{workload_file}: {fault}")
    if lack.files or fault is not None:
        raise typer.Exit(RunError.exit_status)
