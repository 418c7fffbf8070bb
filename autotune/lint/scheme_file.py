"""Warnings about a scheme file: its schemes, and its monitoring and target if the file has them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from autotune.damon.damos import Action, Scheme, check_meeting
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.formats.scheme_files import SchemeFile
from autotune.lint import Code, Known, LintWarning, lint

RECLAIM_INERT: Final = LintWarning(
    code=Code.MODULE_INERT,
    scheme=None,
    text="DAMON_RECLAIM of Linux 6.12 throws its scheme away and does nothing: on that kernel, apply "
    "the scheme itself with damo",
)
"""The warning about every file with parameters of DAMON_RECLAIM.

Source: ``damon_reclaim_apply_parameters``, mm/damon/reclaim.c of Linux 6.12.
"""

_NO_REMEDY = frozenset({Code.QUOTA_NO_PRIORITY})
"""Warnings that are left out for a module's parameters: the user can't change a module's weights."""


def lint_scheme_file(file: SchemeFile) -> tuple[LintWarning, ...]:
    """Say what Linux 6.12 will not do as a file seems to ask.

    If the file has no monitoring, the default attributes are assumed. If it has no target, the kind of
    address space is assumed in which all of its schemes do something.

    Raises:
        ValueError: If the kernel can't express a scheme: if nothing is left between two bounds, or a
            limit would round to "no limit".
    """
    found = lint(
        file.schemes,
        file.monitoring or Monitoring(),
        _meant(file.schemes) if file.target is None else file.target.operations,
        Known(size_bytes=_size_bytes(file.target)),
    )
    if not file.of_module:
        return found
    reclaims = any(scheme.action is Action.PAGEOUT for scheme in file.schemes)
    return (
        *((RECLAIM_INERT,) if reclaims else ()),
        *(warning for warning in found if warning.code not in _NO_REMEDY),
    )


def _size_bytes(target: Target | None) -> int | None:
    # Under vaddr the first update of the mappings replaces the ranges: so they don't tell the size.
    if target is None or target.operations is OperationsSet.VADDR:
        return None
    return sum(end - start for start, end in target.regions) or None


def _meant(schemes: Sequence[Scheme]) -> OperationsSet:
    for operations in (OperationsSet.VADDR, OperationsSet.PADDR):
        with contextlib.suppress(ValueError):
            for scheme in schemes:
                check_meeting(scheme, operations)
            return operations
    return OperationsSet.VADDR
