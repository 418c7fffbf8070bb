"""The copies in a run folder from which the run can be repeated: `workload.yaml` and what it names.

`workload.yaml` is the user's file to the letter, unless options on the command line overrode it or it
names files by more than their names; then only those values are changed. Shipped files keep being named
as shipped, and are copied too, to be read.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, MutableMapping
from typing import Any

from ruamel.yaml import YAML

from autotune import catalog
from autotune.run_folder.folder import OWN_NAMES, WORKLOAD_FILE
from autotune.workload_file import defaults
from autotune.workload_file.workload_file import Source, Workload

_KINDS = {"search space": "search_spaces", "objectives": "objectives", "machine": "machines"}


def kept_files(workload: Workload) -> dict[str, str | bytes]:
    """Give the content of every file to keep, by its name in the run folder."""
    files: dict[str, str | bytes] = {}
    names: dict[str, str] = {}
    text = ""
    for source in workload.sources:
        if source.role == "workload":
            text = str(source.content)
            continue
        name = _free_name(source, files)
        files[name] = source.content
        names[source.role] = _reference(source, name)
    return {WORKLOAD_FILE: _with_changes(text, workload, names), **files}


def _free_name(source: Source, taken: Mapping[str, str | bytes]) -> str:
    name = source.path.name
    if (
        name.startswith(".")
        or name in OWN_NAMES
        or taken.get(name, source.content) != source.content
    ):
        return f"{source.role.replace(' ', '-')}-{name.lstrip('.')}"
    return name


def _is_shipped(source: Source) -> bool:
    kind = _KINDS.get(source.role)
    return kind is not None and source.path.parent.resolve() == catalog.shipped(kind).resolve()


def _reference(source: Source, name: str) -> str:
    """How a workload file beside it names the file."""
    if _is_shipped(source):
        return source.path.stem
    kind = _KINDS.get(source.role)
    return f"./{name}" if kind and name in catalog.names(kind) else name


def _with_changes(text: str, workload: Workload, names: Mapping[str, str]) -> str:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    document = yaml.load(text)
    changed = [
        _set(document["workload"], "pattern", names.get("pattern")),
        _set(document["workload"], "recording", names.get("recording")),
        _set(document, "machine", names.get("machine"), defaults.MACHINE),
        _set(document, "sampler", workload.sampler, defaults.SAMPLER),
        _set(document, "seed", workload.seed, defaults.SEED),
        _set_backend(document, workload),
        _set_trials(document, workload),
        _set_space(document, names.get("search space")),
        _set_objectives(document, names.get("objectives")),
    ]
    if not any(changed):
        return text
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _set(
    mapping: MutableMapping[str, Any], key: str, value: object, default: object = None
) -> bool:
    """Set *key* unless it says *value* already, or *value* is None; tell whether it was changed."""
    if value is None or mapping.get(key, default) == value:
        return False
    mapping[key] = value
    return True


def _set_backend(document: MutableMapping[str, Any], workload: Workload) -> bool:
    named = document.get("backend", defaults.BACKEND)
    if (tuple(named) if isinstance(named, list) else (named,)) == workload.backends:
        return False
    document["backend"] = workload.backend
    return True


def _set_trials(document: MutableMapping[str, Any], workload: Workload) -> bool:
    if "budget" in document:
        return _set(document["budget"], "trials", workload.budget.trials)
    usual = workload.budget.trials in {defaults.TRIALS, None}
    return not usual and _set(document, "budget", {"trials": workload.budget.trials})


def _set_space(document: MutableMapping[str, Any], name: str | None) -> bool:
    if isinstance(document.get("search_space"), MutableMapping):
        return "base" in document["search_space"] and _set(document["search_space"], "base", name)
    return _set(document, "search_space", name, defaults.SEARCH_SPACE)


def _set_objectives(document: MutableMapping[str, Any], name: str | None) -> bool:
    if isinstance(document.get("objectives"), list):
        return False
    return _set(document, "objectives", name, defaults.OBJECTIVES)
