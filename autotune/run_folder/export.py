"""Schemes of a run's front, to a terminal or to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autotune.damon.monitoring import OperationsSet, Target
from autotune.errors import InputError, Where
from autotune.formats.forms import Form
from autotune.formats.scheme_export import SUFFIXES, write_schemes
from autotune.run_folder.folder import RunFolder
from autotune.run_folder.reader import Run


def export(run: Run, name: str, form: Form, *, pid: int | None = None) -> str:
    """Write one scheme of a run's front.

    Args:
        run: The run.
        name: One of `Run.ids`.
        form: The form in which the scheme is written.
        pid: The process to watch, for virtual address spaces; None leaves it open.

    Raises:
        InputError: If the form can't hold the scheme, or the process makes no sense; the message says
            why.
    """
    schemes = run.schemes(name)
    try:
        target = _target(run.description.operations, pid)
        return write_schemes(schemes, form, run.description.monitoring, target)
    except ValueError as error:
        raise InputError(f"{name} as {form.value}: {error}", Where(run.path)) from error


def _target(operations: OperationsSet, pid: int | None) -> Target:
    if operations is OperationsSet.PADDR:
        if pid is not None:
            raise ValueError("a physical address space has no process: leave --pid out")
        return Target(operations=operations, pid=None)
    if pid is not None and pid < 1:
        raise ValueError(f"process {pid} is impossible: give the number of a running one")
    return Target(operations=operations, pid=pid or 0)


def export_all(
    run: Run, names: Sequence[str], form: Form, folder: Path, *, pid: int | None = None
) -> list[Path]:
    """Write each scheme to a file of its own; if a scheme can't be exported, nothing is written.

    Raises:
        InputError: If the form can't hold a scheme, the process makes no sense, or the folder can't be
            made.
        RunError: If a file can't be written.
    """
    texts = {f"{name}{SUFFIXES[form]}": export(run, name, form, pid=pid) for name in names}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"can't make this folder: {error.strerror}: name another place", Where(folder)
        ) from error
    files = RunFolder(folder)
    for name, text in texts.items():
        files.write(name, text)
    return [folder / name for name in texts]


def export_text(run: Run, names: Sequence[str], form: Form, *, pid: int | None = None) -> str:
    """Write schemes one below the next; if there are several, each stands below a comment.

    Raises:
        InputError: If the form can't hold a scheme, the process makes no sense, or there are several
            schemes and the form has no comments.
    """
    if len(names) == 1:
        return export(run, names[0], form, pid=pid)
    if form in {Form.SCHEMES, Form.KDAMONDS}:
        raise InputError(
            f"{len(names)} schemes as {form.value} are as many files: give --out DIR",
            Where(run.path),
        )
    return "\n".join(f"# {name}\n{export(run, name, form, pid=pid)}" for name in names)
