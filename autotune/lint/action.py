"""Warnings about an action and filters. What they do depends on the kind of address space."""

from __future__ import annotations

from dataclasses import replace

from autotune.damon.damos import Action, Filter, FilterType, Scheme, check_meeting
from autotune.damon.monitoring import OperationsSet
from autotune.lint.case import Case
from autotune.lint.warning import Code, Found
from autotune.units import format_duration

OF_HUGE_PAGES = frozenset({Action.HUGEPAGE, Action.NOHUGEPAGE})
"""The actions that decide whether memory may have huge pages."""


def meeting(case: Case) -> Found:
    """Warn of an action and filters that do not work in this kind of address space as they seem to."""
    scheme, operations = case.scheme, case.operations
    # `check_meeting` has the texts, but stops at the first problem: so each part is checked alone.
    for code, part in (
        (Code.ACTION_INERT, replace(scheme, filters=())),
        *(
            (Code.FILTER_IGNORED, Scheme(action=Action.STAT, filters=(item,)))
            for item in case.page_filters
        ),
    ):
        try:
            check_meeting(part, operations)
        except ValueError as error:
            yield code, str(error)
    if (
        scheme.action is Action.PAGEOUT
        and operations is OperationsSet.PADDR
        and case.kernel.age[0] > 0
        and not any(_lets_young_through(item) for item in scheme.filters)
    ):
        twice = format_duration(2 * case.kernel.age[0] * case.monitoring.intervals.aggregation_us)
        yield (
            Code.PAGEOUT_LATE,
            "page-out of physical addresses spares most pages at the first try and takes them at "
            f"the next, which is after about {twice}: give half of the min age that is meant",
        )


def _lets_young_through(item: Filter) -> bool:
    # Any filter on young pages that has this effect will do.
    return item.type is FilterType.YOUNG and item.matching is item.allow


def huge_pages(case: Case) -> Found:
    """Warn of an action that does nothing under the machine's setting of transparent huge pages."""
    action, setting = case.scheme.action, case.known.huge_pages
    if setting == "never" and action in OF_HUGE_PAGES:
        yield (
            Code.HUGEPAGE_INERT,
            f"{action.value} does nothing where huge pages are off: set vm.huge_pages to madvise"
            + ("" if action is Action.HUGEPAGE else ", or to always"),
        )
    elif setting == "always" and action is Action.HUGEPAGE:
        yield (
            Code.HUGEPAGE_INERT,
            "hugepage does nothing where all memory may have huge pages: set vm.huge_pages to "
            "madvise",
        )
