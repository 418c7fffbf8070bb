"""The copies in a run folder from which the run can be repeated: `workload.yaml` and what it names.

`workload.yaml` is the user's file to the letter. What the command line said instead, and how the copies
are called of the files that it names, is in `run.json`. `autotune.run_folder.repeating` reads all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autotune import catalog
from autotune.run_folder.folder import OWN_NAMES, WORKLOAD_FILE
from autotune.workload_file.workload_file import Source

_KINDS = {"search space": "search_spaces", "objectives": "objectives", "machine": "machines"}


@dataclass(frozen=True, slots=True)
class Copies:
    """What a run folder keeps of the files that decide what the run does.

    Attributes:
        contents: By name in the run folder.
        references: How the workload file there has to name each file, by the file's role. Shipped files
            keep their names, and are copied for people to read.
    """

    contents: Mapping[str, str | bytes]
    references: Mapping[str, str]


def copies(sources: Iterable[Source]) -> Copies:
    """Choose a name in the run folder for each file."""
    contents: dict[str, str | bytes] = {}
    references: dict[str, str] = {}
    for source in sources:
        if source.role == "workload":
            contents[WORKLOAD_FILE] = source.content
            continue
        name = _free_name(source, contents)
        contents[name] = source.content
        references[source.role] = _reference(source, name)
    return Copies(contents, references)


def _free_name(source: Source, taken: Mapping[str, str | bytes]) -> str:
    name = source.path.name
    if (
        name.startswith(".")
        or name in OWN_NAMES
        or taken.get(name, source.content) != source.content
    ):
        return f"{source.role.replace(' ', '-')}-{name.lstrip('.')}"
    return name


def _reference(source: Source, name: str) -> str:
    kind = _KINDS.get(source.role)
    if kind is None:
        return name
    if source.path.parent.resolve() == catalog.shipped(kind).resolve():
        return source.path.stem
    return f"./{name}" if name in catalog.names(kind) else name
