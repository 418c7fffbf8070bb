"""A workload file, from where the user keeps it or from the run folder that repeats it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autotune.run_folder.folder import WORKLOAD_FILE
from autotune.run_folder.run_json import is_run, load_description
from autotune.workload_file.overrides import Kept, Overrides
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file


def load_any(path: Path, overrides: Overrides, *, warn: Callable[[str], None]) -> WorkloadFile:
    """Read a workload file; of a run folder the copy there, with what the run was started with.

    Args:
        path: A workload file, or a run folder, or the copy in one.
        overrides: What the command line says; it counts before what the run was started with.
        warn: Called with a line about each thing that is legal but unwise.

    Raises:
        InputError: If something in one of the files is wrong.
    """
    if path.is_dir():
        folder = path
    elif path.name == WORKLOAD_FILE and is_run(path.parent):
        folder = path.parent
    else:
        return load_workload_file(path, overrides, warn=warn)
    run = load_description(folder)
    kept = Kept(name=run.name, overrides=run.overrides, files=run.files)
    return load_workload_file(folder / WORKLOAD_FILE, overrides, kept=kept, warn=warn)
