"""Commands that measure a workload: run, measure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from autotune.cli.messages import say
from autotune.cli.options import (
    INTERRUPTED,
    BackendOption,
    JsonOption,
    MachineOption,
    SeedOption,
    WorkloadArgument,
    note,
    print_json,
    warn,
)
from autotune.errors import RunError

# What a command needs is imported where it is used: `autotune --help` should not load a compiler.


def run(
    workload_file: WorkloadArgument,
    backend: BackendOption = None,
    machine: MachineOption = None,
    trials: Annotated[
        int | None, typer.Option("--trials", help="How many schemes to try.")
    ] = None,
    seed: SeedOption = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            metavar="NAME",
            help="tpe, nsga2, random, qmc, grid, sweep, polyfit, refaults, ...",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The run folder. Default: runs/NAME-DATE."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tune: find the schemes worth having, and confirm them."""
    from autotune.backends.factory import make_backend, make_recording_backend
    from autotune.run_folder.copies import load_any
    from autotune.run_folder.folder import default_folder
    from autotune.run_folder.tables import outcome_json
    from autotune.run_folder.writer import run_into
    from autotune.study.earlier import Makers, tune_earlier
    from autotune.study.outcome import RunState
    from autotune.study.study import Earlier
    from autotune.views import terminal
    from autotune.views.live import ProgressView
    from autotune.workload_file.overrides import Overrides

    overrides = Overrides(
        backend=backend, machine=machine, trials=trials, seed=seed, sampler=sampler
    )
    file = load_any(workload_file, overrides, warn=warn)
    folder = out or default_folder(file.name, now=datetime.now().astimezone())
    backend_made = make_backend(file.backend, note, file.workload)
    makers = Makers(
        lambda one: make_backend(one.backend, note, one.workload),
        lambda settings: make_recording_backend(settings, note),
    )

    def before() -> Earlier:
        with ProgressView(None) as choosing:
            return tune_earlier(file, makers, lambda _: [choosing])

    with ProgressView(folder) as view:
        outcome = run_into(
            folder,
            file,
            backend_made,
            before=before if file.backend.earlier else None,
            listeners=[view],
        )
    if as_json:
        print_json(outcome_json(folder, outcome, file.objectives))
    else:
        terminal.show_outcome(outcome, file.objectives, folder)
    if outcome.trials and outcome.failed == len(outcome.trials):
        raise RunError(f"{folder}: every trial failed: {outcome.trials[0].reason}")
    if outcome.state is RunState.INTERRUPTED:
        say(f"interrupted: what was finished is in {folder}", kind="note")
        raise typer.Exit(INTERRUPTED)


def measure(
    workload_file: WorkloadArgument,
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
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            metavar="N",
            help="How often, each time with another seed. Default: 3 simulated, else 1.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one scheme against the baseline, without tuning."""
    from autotune.backends.factory import make_backend
    from autotune.formats.scheme_files import resolve
    from autotune.run_folder.copies import load_any
    from autotune.study.one_scheme import measure_scheme
    from autotune.views import terminal
    from autotune.views.live import SeedsView
    from autotune.workload_file.overrides import Overrides
    from autotune.workload_file.scheme_file import with_scheme_file

    overrides = Overrides(backend=backend, machine=machine, seed=seed)
    file = load_any(workload_file, overrides, warn=warn)
    file, schemes = (
        (file, ())
        if scheme is None
        else with_scheme_file(file, resolve(scheme, Path()), warn=warn)
    )
    backend_made = make_backend(file.backend, note, file.workload)
    with SeedsView() as view:
        found = measure_scheme(file, schemes, backend_made, seeds=seeds, progress=view)
    if as_json:
        print_json(found.to_dict())
    else:
        terminal.show_scheme(found)
