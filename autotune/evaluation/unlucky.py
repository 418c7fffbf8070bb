"""Programs that are wrong or unlucky: what is said of each, and how it runs after the remedy.

The cases are data, in benchmarks/unlucky/. benchmarks/unlucky.py measures them in the micro-VM; the
tests look at those that are told of before a machine boots.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_COMMAND = re.compile(r"\b(?:chmod|sed) .*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program that is wrong or unlucky.

    Attributes:
        workload: Keys of `workload`.
        vm: Keys of `vm`.
        told: What must be printed; None of a program that is measured as it is.
        remedy: The keys of `workload` after what was told was followed; None if nothing helps, or if a
            command helps, which the message has.
        remedy_vm: The keys of `vm` then.
        resident_mib: Between which figures the mean of resident memory must lie, in MiB; None if nothing
            says what is right.
        files: Contents of files in the workload's folder, by their names, besides those of all cases.
        prepare: A shell's command that makes what is more than a text, in the workload's folder.
        needs: Programs without which the case is left out.
    """

    workload: Mapping[str, Any]
    vm: Mapping[str, Any] = field(default_factory=lambda: {"memory": "512MiB"})
    told: str | None = None
    remedy: Mapping[str, Any] | None = None
    remedy_vm: Mapping[str, Any] | None = None
    resident_mib: tuple[float, float] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    prepare: str | None = None
    needs: tuple[str, ...] = ()


def read_cases(path: Path) -> dict[str, Case]:
    """Read cases, by their names.

    Args:
        path: A file with `cases`, and `files` that all of them have. "{home}" is the user's home.
    """
    text = path.read_text(encoding="utf-8").replace("{home}", str(Path.home()))
    read = YAML(typ="safe", pure=True).load(text)
    shared = read.get("files", {})
    cases = {}
    for name, keys in read["cases"].items():
        files = {**shared, **keys.pop("files", {})}
        bounds, needs = keys.pop("resident_mib", None), tuple(keys.pop("needs", ()))
        cases[name] = Case(
            **keys,
            files=files,
            needs=needs,
            resident_mib=None if bounds is None else (bounds[0], bounds[1]),
        )
    return cases


def make_files(case: Case, folder: Path) -> None:
    """Write a case's files, and prepare the rest. Files named `NAME` or `NAME.sh` may be run.

    Raises:
        subprocess.CalledProcessError: If what prepares the rest fails, as the C compiler.
    """
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
        path.chmod(0o755 if path.suffix in {"", ".sh"} else 0o644)
    if case.prepare is not None:
        subprocess.run(case.prepare, shell=True, cwd=folder, check=True)  # noqa: S602  # our own


def write_workload_file(
    folder: Path, workload: Mapping[str, Any], vm: Mapping[str, Any] | None = None
) -> Path:
    """Write a workload file for the micro-VM into *folder*. YAML reads JSON."""
    path = folder / "workload.yaml"
    path.write_text(json.dumps({"workload": workload, "backend": "vm", "vm": vm or {}}))
    return path


def command_in(message: str) -> str | None:
    r"""Give the command that a message ends with as its remedy; None if it has none.

    >>> command_in("it may not be run: make it executable: chmod +x ./serve")
    'chmod +x ./serve'
    """
    found = _COMMAND.search(message)
    return found[0] if found else None
