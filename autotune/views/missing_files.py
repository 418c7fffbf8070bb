"""What a workload lacks in the micro-VM, as lines for its workload file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from autotune.backends.vm.missing import Lack
from autotune.experiment.program import Program

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@-]*")


def files_key(program: Program, lack: Lack) -> str:
    """Give the key `files` with the files that the workload has already, and those that it lacks."""
    lines = (_line(path, program.folder) for path in (*map(Path, program.files), *lack.files))
    return "\n".join(("  files:", *dict.fromkeys(lines)))


def _line(path: Path, folder: str) -> str:
    inside = path.is_relative_to(folder) and path != Path(folder)
    text = str(path.relative_to(folder) if inside else path)
    return f"    - {text if _PLAIN.fullmatch(text) else json.dumps(text)}"


def lack_to_dict(lack: Lack) -> dict[str, object]:
    """Give what a workload lacks, for scripts."""
    return {
        "missing": _texts(lack.files),
        "is_all": lack.is_all,
        "problem": lack.problem,
        "runs": lack.runs,
    }


def fault_of(lack: Lack) -> str | None:
    """Say in what way a workload is not right yet, beside the files to add; None if it is.

    >>> fault_of(Lack(files=(), problem=None, runs=1))
    >>> fault_of(Lack(files=(), problem="no licence", runs=1))
    'no file is missing, and it fails: no licence'
    >>> fault_of(Lack(files=(Path("/a"),), problem="no b", runs=40, is_all=False))
    'more may be missing after 40 runs: add these files, and check again'
    """
    if not lack.is_all:
        return f"more may be missing after {lack.runs} runs: add these files, and check again"
    if lack.problem is None:
        return None
    after = "with these files it still fails" if lack.files else "no file is missing, and it fails"
    return f"{after}: {lack.problem}"


def _texts(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths]
