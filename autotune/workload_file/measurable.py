"""Which schemes do something in the address space that is measured."""

from __future__ import annotations

from dataclasses import replace

from autotune.damon.damos import EFFECTIVE_ACTIONS, Scheme, check_meeting
from autotune.damon.monitoring import OperationsSet


def check_measurable(scheme: Scheme, operations: OperationsSet) -> None:
    """Check that *scheme* does something in the address space that is measured here.

    Raises:
        ValueError: If the action does nothing there, or a filter is ignored there.

    >>> from autotune.damon.damos import Action
    >>> check_measurable(Scheme(action=Action.LRU_PRIO), OperationsSet.VADDR)
    Traceback (most recent call last):
    ValueError: lru_prio does nothing under vaddr, and only that can be measured here: take cold, \
hugepage, nohugepage, pageout, stat or willneed
    """
    here = operations.value
    actions = EFFECTIVE_ACTIONS[operations]
    if scheme.action not in actions:
        *others, last = sorted(action.value for action in actions)
        raise ValueError(
            f"{scheme.action.value} does nothing under {here}, and only that can be measured here: "
            f"take {', '.join(others)} or {last}"
        )
    for item in scheme.filters:
        try:
            check_meeting(replace(scheme, filters=(item,)), operations)
        except ValueError as error:
            raise ValueError(
                f"filter {item.type.value} looks at pages, which DAMON does not do under {here}, and "
                "only that can be measured here: leave the filter out"
            ) from error
