"""A workload, run once by a backend that runs real programs, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autotune import document
from autotune.backends.base import Records
from autotune.damon.recording import Recording
from autotune.errors import InputError, RunError, TrialError
from autotune.workload_file.workload_file import Workload, load_workload

_REAL = ("vm", "host")


def load_for_recording(
    path: Path,
    *,
    backend: str | None = None,
    seed: int | None = None,
    warn: Callable[[str], None],
) -> Workload:
    """Read a workload file for a backend that runs real programs.

    Args:
        path: The file.
        backend: "vm" or "host"; None takes what the file names, and "vm" if that is neither.
        seed: Instead of the file's.
        warn: As `autotune.workload_file.workload_file.load_workload`.

    Raises:
        InputError: As that; or if *backend* runs no programs.
    """
    if backend is None:
        named = _named_backends(path)
        backend = next((name for name in named if name in _REAL), _REAL[0])
    elif backend == "simulator":
        raise InputError("--backend simulator: it runs no programs: record with vm or host")
    return load_workload(path, backend=backend, seed=seed, warn=warn)


def _named_backends(path: Path) -> list[str]:
    value = document.load(path).take("backend", document.itself, None)
    if value is None:
        return []
    items = value.items() if value.is_list else [value]
    return [item.scalar("write the name of a backend") for item in items]


def default_file(workload: Workload) -> Path:
    """Name the file for a recording, in the current folder."""
    return Path(f"{workload.name}.damon.data")


def record_workload(workload: Workload, backend: Records) -> Recording:
    """Run the workload once under monitoring, with its seed.

    Raises:
        InputError: If the backend can't do what the file asks for.
        RunError: If the run failed.
        BackendUnavailableError: If nothing can be recorded here.
    """
    experiment = workload.experiment(())
    backend.check(experiment)
    try:
        recording = backend.record(experiment, seed=workload.seed)
    except TrialError as error:
        raise RunError(f"{workload.path}: {error}") from error
    return replace(recording, name=workload.name)
