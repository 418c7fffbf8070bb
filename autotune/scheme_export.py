"""The scheme files of a run folder: a recommended scheme in each format that can hold it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autotune.damon import Monitoring, OperationsSet, Target
from autotune.damos import Scheme
from autotune.formats import damo_json, damos_text


def scheme_files(
    schemes: Sequence[Scheme], monitoring: Monitoring, operations: OperationsSet
) -> tuple[dict[str, str], dict[str, str]]:
    """Write schemes in every format.

    Args:
        schemes: As the kernel runs them.
        monitoring: DAMON's attributes.
        operations: The address space; a process is filled in later.

    Returns:
        The text by the file's suffix, and why there is none by the suffixes of the others.
    """
    target = Target(operations=operations, pid=None if operations is OperationsSet.PADDR else 0)
    writers: dict[str, Callable[[], str]] = {
        ".damos": lambda: damos_text.dumps(schemes),
        ".schemes.json": lambda: damo_json.dumps_schemes(schemes),
        ".kdamonds.json": lambda: damo_json.dumps_kdamonds(schemes, monitoring, target),
    }
    texts: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for suffix, write in writers.items():
        try:
            texts[suffix] = write()
        except ValueError as error:
            reasons[suffix] = str(error)
    return texts, reasons
