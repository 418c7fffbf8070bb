"""Warns of schemes and monitoring that are legal, but don't do what they seem to; with remedies.

Each warning follows from what Linux 6.12 does. `docs/lint.md` has all warnings, each with the kernel's
behaviour that causes it.

Source: mm/damon/core.c, vaddr.c, paddr.c and reclaim.c of Linux 6.12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid, to_kernel
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.lint.action import huge_pages, meeting
from autotune.lint.activity import apply_interval, watermarks
from autotune.lint.case import Case, Known
from autotune.lint.interplay import collisions
from autotune.lint.monitoring import attributes
from autotune.lint.newer_kernel import requirements
from autotune.lint.pattern import ages, rates, sizes
from autotune.lint.priority import priorities
from autotune.lint.quota import goals, limits, windows
from autotune.lint.warning import Code, Found, LintWarning

__all__ = ["Code", "Known", "LintWarning", "lint"]

_RULES: tuple[Callable[[Case], Found], ...] = (
    meeting,
    requirements,
    huge_pages,
    sizes,
    rates,
    ages,
    limits,
    windows,
    priorities,
    goals,
    apply_interval,
    watermarks,
)
"""The rules for each scheme, in the order of their warnings."""


def lint(
    schemes: Sequence[Scheme],
    monitoring: Monitoring,
    operations: OperationsSet,
    known: Known | None = None,
) -> tuple[LintWarning, ...]:
    """Say what Linux 6.12 will not do as *schemes* and *monitoring* seem to ask.

    Args:
        schemes: All schemes of the context, in their order.
        monitoring: DAMON's attributes.
        operations: The kind of address space.
        known: What is known of the workload; None if nothing is known.

    Returns:
        Warnings about the monitoring, then about single schemes, then about schemes that take memory
        from each other.

    Raises:
        ValueError: If the kernel can't express a scheme: if nothing is left between two bounds, or a
            limit would round to "no limit".

    >>> from autotune.testing import prcl
    >>> [found.code.value for found in lint([prcl()], Monitoring(), OperationsSet.VADDR)]
    []
    """
    facts = known or Known()
    cases = [
        Case(
            number=number,
            scheme=scheme,
            grid=on_grid(scheme, monitoring.intervals),
            kernel=to_kernel(scheme, monitoring.intervals),
            monitoring=monitoring,
            operations=operations,
            known=facts,
        )
        for number, scheme in enumerate(schemes, start=1)
    ]
    about_all = [
        LintWarning(code=code, scheme=None, text=text)
        for code, text in attributes(schemes, monitoring, operations, facts)
    ]
    about_each = [
        LintWarning(code=code, scheme=case.number, text=text)
        for case in cases
        for rule in _RULES
        for code, text in rule(case)
    ]
    return (*about_all, *about_each, *collisions(cases))
