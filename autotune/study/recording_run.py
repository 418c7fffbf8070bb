"""A workload, run once by a backend that runs real programs, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autotune import document
from autotune.backends.base import RecordingBackend
from autotune.damon.recording import Recording
from autotune.errors import InputError, RunError, TrialError
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.workload_file import Loader, WorkloadFile, load_workload_file

_REAL = ("vm", "host")


def load_for_recording(
    path: Path,
    load: Loader = load_workload_file,
    *,
    backend: str | None = None,
    seed: int | None = None,
    warn: Callable[[str], None],
) -> WorkloadFile:
    """Read a workload file for a backend that runs real programs.

    Args:
        path: The file.
        load: Reads it.
        backend: "vm" or "host"; None takes the file's backend if it is "vm" or "host", else "vm".
        seed: Used instead of the file's seed.
        warn: Called with a line about each thing that is legal but unwise.

    Raises:
        InputError: If something in the file is wrong, or *backend* runs no programs.
    """
    if backend is None:
        named = _named_backends(path)
        backend = next((name for name in named if name in _REAL), _REAL[0])
    elif backend == "simulator":
        raise InputError("--backend simulator: it runs no programs: record with vm or host")
    return load(path, Overrides(backend=backend, seed=seed), warn=warn)


def _named_backends(path: Path) -> list[str]:
    value = document.load(path).take("backend", document.itself, None)
    if value is None:
        return []
    items = value.items() if value.is_list else [value]
    return [item.scalar("write the name of a backend") for item in items]


def default_file(file: WorkloadFile) -> Path:
    """Name the file for a recording, in the current folder."""
    return Path(f"{file.name}.damon.data")


def record_workload(file: WorkloadFile, backend: RecordingBackend) -> Recording:
    """Run the workload once under monitoring, with its seed.

    Raises:
        InputError: If the backend can't do what the file asks for.
        RunError: If the run failed.
        BackendUnavailableError: If nothing can be recorded here.
    """
    experiment = file.experiment(())
    backend.check(experiment)
    try:
        recording = backend.record(experiment, seed=file.seed)
    except TrialError as error:
        raise RunError(f"{file.path}: {error}") from error
    return replace(recording, name=file.name)
