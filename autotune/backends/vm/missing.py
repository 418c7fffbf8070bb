"""Finds the files that a workload lacks in the micro-VM, by running it there again and again.

A program that misses a file may end before it looks for the next. So what was missing and exists on this
machine is added, and the workload runs again, until nothing new is missing.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from autotune.backends.vm.file_entries import size_bytes
from autotune.backends.vm.opened import Opened
from autotune.backends.vm.plan import HOME
from autotune.backends.vm.skeleton import OWN_FOLDERS
from autotune.errors import InputError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program
from autotune.runner.remedies import NOT_FOR_FILES

_MOST_RUNS: Final = 40
"""A compiler ends at the first header that is missing, so that each run finds one more."""
_OFTEN: Final = 3
"""A folder in which files were missing in so many runs is proposed as a whole, if it is small."""
_SMALL_BYTES: Final = 64 << 20
"""A folder of a system is proposed as a whole if it has no more than that."""

_NOT_MINE: Final = OWN_FOLDERS | {"autotune", "tmp"}
"""Top folders of which the guest has its own."""

_NO_USE: Final = frozenset(
    {
        *("/etc/ld.so.cache", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf"),
        *("/etc/nscd.conf", "/etc/selinux/config", "/etc/inputrc", "/etc/papersize"),
    }
)
"""Files that programs look at and that change nothing in a machine with one user and no network."""

_SHARED_DEPTH: Final = 3
"""Folders this far from the root belong to many programs: /usr/lib, /usr/lib/x86_64-linux-gnu."""


class Looks(Protocol):
    """A place where a workload can be run to see what it looks for."""

    def opened(self, experiment: Experiment, folders: Iterable[Path]) -> Opened:
        """Run the workload; *folders* exist there, without what is in them."""
        ...

    def paths(self, experiment: Experiment) -> Collection[str]:
        """Give all paths of the workload's image."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What a workload lacks.

    Attributes:
        files: Files and whole folders of this machine to add to `workload.files`.
        problem: How the workload failed in the last run; None if it did not.
        runs: How often it was run.
        is_all: Whether nothing new was missing in the last run, which had all `files`.
    """

    files: tuple[Path, ...]
    problem: str | None
    runs: int
    is_all: bool = True


def find_missing(
    place: Looks,
    experiment: Experiment,
    note: Callable[[str], None],
    most_runs: int = _MOST_RUNS,
) -> Lack:
    """Run a workload until nothing more is missing.

    Args:
        place: Where it is run.
        experiment: The experiment, whose workload is a program.
        note: Called with a text before each run.
        most_runs: How often it is run at most.

    Raises:
        InputError: If the workload is no program.
        TrialError: If the machine fails.
        BackendUnavailableError: If no machine can be made.
    """
    program = experiment.workload
    if not isinstance(program, Program):
        raise InputError("vm check: a pattern opens no files: nothing to check")
    files: list[Path] = []
    folders: list[Path] = []
    problem: str | None = None
    is_all = False
    missed: Counter[Path] = Counter()
    for run in range(1, most_runs + 1):
        with_files = replace(program, files=(*program.files, *map(str, files)))
        trial = replace(experiment, workload=with_files)
        note(f"run {run}, with {len(files)} more in workload.files")
        opened = place.opened(trial, folders)
        problem = opened.problem
        there = place.paths(trial)
        new_files, new_folders = _new(opened, program, there, folders)
        if not new_files and not new_folders and problem is not None:
            new_files = _rest_of(opened.listed, program, there, files)
        if not new_files and not new_folders:
            is_all = True
            break
        files = _outermost((*files, *_whole_folders(new_files, missed, program)))
        folders += new_folders
    return Lack(files=tuple(sorted(files)), problem=problem, runs=run, is_all=is_all)


def _whole_folders(
    files: Iterable[Path], missed: Counter[Path], program: Program
) -> Iterable[Path]:
    """Give *files*, but a folder in place of those in it if files were missing there again and again.

    Args:
        files: What one run has missed.
        missed: In how many runs files of each folder were missing; it is brought up to date.
        program: The program; its own folder is not taken, nor one above it.
    """
    missed.update({path.parent for path in files})
    own = Path(program.folder)
    often = {folder for folder in {path.parent for path in files} if missed[folder] >= _OFTEN}
    whole = {one for one in often if not own.is_relative_to(one) and _is_small(one)}
    return dict.fromkeys(path.parent if path.parent in whole else path for path in files)


def _outermost(files: Sequence[Path]) -> list[Path]:
    """Leave out what is in a folder that is there, too."""
    folders = set(files)
    return [path for path in files if folders.isdisjoint(path.parents)]


_MAY_LACK: Final = re.compile(
    r"no such file|not found|cannot|can't|could ?n[o']t|missing|no module|unable to|failed to|"
    r"does ?n[o']t exist|terminated|ENOENT|encodings|status 127\b",
    re.IGNORECASE,
)
_MOST_NAMED: Final = 3


def may_lack(problem: str) -> bool:
    """Say whether a program that failed may have missed a file, by what it printed."""
    if any(remedy in problem for remedy in NOT_FOR_FILES):
        return False
    return _MAY_LACK.search(problem) is not None


def explanation(opened: Opened, program: Program, there: Collection[str]) -> str:
    """Say which files a program that failed has missed; "" if none.

    Args:
        opened: What the program looked for in one run.
        program: The program.
        there: All paths of the image.
    """
    files, _ = _new(opened, program, there, ())
    if not files:
        return _in_the_home(opened)
    # A program ends when it misses something: so what it looked for last tells most.
    named = ", ".join(map(str, files[: -_MOST_NAMED - 1 : -1]))
    more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
    return (
        f"not in the micro-VM: list it under workload.files: {named}{more} "
        "('autotune vm check' finds all)"
    )


def _in_the_home(opened: Opened) -> str:
    """Say which file a program has looked for in its home, which is another one there; "" if none."""
    for path in reversed(opened.missing):
        mine = Path.home() / path.removeprefix(f"{HOME}/")
        if path.startswith(f"{HOME}/") and mine.exists() and not Path(path).exists():
            return (
                f"its home in a micro-VM is {HOME}: put 'env HOME={Path.home()}' in front of the "
                f"command, and list {mine} under workload.files"
            )
    return ""


def _here(path: str) -> Path | None:
    """Give the path of what a guest's path is on this machine; None if there is nothing."""
    raw, short = Path(path), Path(os.path.normpath(path))
    try:
        if not raw.exists():
            return None
        # After a link, `..` is not the folder in which the link lies.
        return short if short.exists() and short.samefile(raw) else raw.resolve()
    except (OSError, ValueError):
        return None


def _is_mine(path: Path, program: Program, there: Collection[str]) -> bool:
    if {str(path), str(path.resolve())} & _NO_USE or len(path.parts) < 2:
        return False
    if path.is_relative_to(program.folder) and len(Path(program.folder).parts) > 1:
        return str(path.resolve()) not in there
    return path.parts[1] not in _NOT_MINE and str(path.resolve()) not in there


def _new(
    opened: Opened, program: Program, there: Collection[str], folders: Collection[Path]
) -> tuple[list[Path], list[Path]]:
    """Give the files and whole folders to add, and the folders that need only exist."""
    files: dict[Path, None] = {}
    empty: dict[Path, None] = {}
    wanted_whole = frozenset(opened.to_list)
    for path in (*opened.missing, *opened.to_list):
        here = _here(path)
        if here is None or not _is_mine(here, program, there) or here in folders:
            continue
        if not here.is_dir():
            if here.is_file() and os.access(here, os.R_OK):
                files[here] = None
        elif _is_whole(here, program) or (path in wanted_whole and _is_small(here)):
            files[here] = None
        else:
            empty[here] = None
    once = {path.parent.resolve() / path.name: path for path in reversed(files)}
    return [path for path in _outermost([*files]) if path in once.values()], list(empty)


def _is_whole(folder: Path, program: Program) -> bool:
    """Say whether a folder belongs to the workload alone: then all that is in it may be needed."""
    above = Path(program.folder)
    return len(above.parts) > 1 and folder != above and folder.is_relative_to(above)


def _is_small(folder: Path) -> bool:
    if len(folder.parts) <= _SHARED_DEPTH and folder.parts[1] in {"usr", "lib", "lib64", "bin"}:
        return False
    try:
        return size_bytes(folder) <= _SMALL_BYTES
    except InputError:
        return False


def _rest_of(
    listed: Iterable[str], program: Program, there: Collection[str], files: Collection[Path]
) -> list[Path]:
    """Give the folders that were listed and lack something: what is listed is not looked for by name."""
    found: dict[Path, None] = {}
    for path in listed:
        here = _here(path)
        if here is None or len(here.parts) < 2 or here in files or not here.is_dir():
            continue
        mine = here.is_relative_to(program.folder) or here.parts[1] not in _NOT_MINE
        if mine and _is_small(here) and not _is_whole_there(here, there):
            found[here] = None
    return _outermost([*found])


def _is_whole_there(folder: Path, there: Collection[str]) -> bool:
    real = folder.resolve()
    return all(f"{real}/{path.name}" in there for path in real.iterdir())
