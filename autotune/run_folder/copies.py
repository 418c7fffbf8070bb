"""The copies in a run folder that repeat the run: `workload.yaml` and the files that it names.

`workload.yaml` is the user's file to the letter. `run.json` has the command line's overrides, and the
names of the copies of the files that `workload.yaml` names. `load_any` reads all of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autotune import catalog, document
from autotune.errors import InputError, Where
from autotune.run_folder.folder import COPIES_FOLDER, OWN_NAMES, WORKLOAD_FILE
from autotune.run_folder.run_json import load_description, may_be_run, sha256
from autotune.workload_file.overrides import Kept, Overrides
from autotune.workload_file.workload_file import Source, WorkloadFile, load_workload_file

_KINDS = {"search space": "search_spaces", "objectives": "objectives", "machine": "machines"}


@dataclass(frozen=True, slots=True)
class Copies:
    """What a run folder keeps of the files that decide what the run does.

    Attributes:
        contents: By name in the run folder.
        references: The name that the run folder's workload file has to use for each file, by the file's
            role. Shipped files keep their names, and are copied for people to read.
    """

    contents: Mapping[str, bytes]
    references: Mapping[str, str]


def copies(sources: Iterable[Source]) -> Copies:
    """Choose a name in the run folder for each file."""
    contents: dict[str, bytes] = {}
    references: dict[str, str] = {}
    for source in sources:
        if source.role == "workload":
            contents[WORKLOAD_FILE] = source.content
            continue
        name = _free_name(source, contents)
        contents[name] = source.content
        references[source.role] = _reference(source, name)
    return Copies(contents, references)


def _free_name(source: Source, taken: Mapping[str, bytes]) -> str:
    name = source.path.name
    if (
        name.startswith(".")
        or name in OWN_NAMES
        or taken.get(name, source.content) != source.content
    ):
        # In a folder of its own the file keeps its name, which may name what is in it.
        return f"{COPIES_FOLDER}/{source.role.replace(' ', '-')}/{name}"
    return name


def _reference(source: Source, name: str) -> str:
    kind = _KINDS.get(source.role)
    if kind is None:
        return name
    if source.path.parent.resolve() == catalog.shipped(kind).resolve():
        return source.path.stem
    return f"./{name}" if name in catalog.names(kind) else name


def load_any(path: Path, overrides: Overrides, *, warn: Callable[[str], None]) -> WorkloadFile:
    """Read a workload file, or a run folder's copy with the overrides that the run was started with.

    Args:
        path: A workload file, or a run folder, or the copy in a run folder.
        overrides: The command line's values; they replace the overrides that the run was started with.
        warn: Called with a line about each thing that is legal but unwise.

    Raises:
        InputError: If something in one of the files is wrong, or the copy was changed since the run.
    """
    if path.is_dir():
        folder = path
    elif path.name == WORKLOAD_FILE and may_be_run(path.parent):
        folder = path.parent
    else:
        return load_workload_file(path, overrides, warn=warn)
    run = load_description(folder)
    copy = folder / WORKLOAD_FILE
    if sha256(document.read_bytes(copy)) != run.workload_file_sha256:
        raise InputError(
            "was changed since the run: restore it, or run a copy of it outside the run folder",
            Where(copy),
        )
    kept = Kept(name=run.name, overrides=run.overrides, files=run.files)
    return load_workload_file(copy, overrides, kept=kept, warn=warn)
