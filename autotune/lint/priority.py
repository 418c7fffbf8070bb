"""Warnings about which regions go first if a quota is too small for all."""

from __future__ import annotations

import itertools

from autotune.damon.damos import EFFECTIVE_ACTIONS, Action, Quota
from autotune.damon.monitoring import OperationsSet
from autotune.lint.case import Case
from autotune.lint.warning import Code, Found

_COLDEST_FIRST = {
    OperationsSet.VADDR: frozenset({Action.PAGEOUT}),
    OperationsSet.FVADDR: frozenset({Action.PAGEOUT}),
    OperationsSet.PADDR: EFFECTIVE_ACTIONS[OperationsSet.PADDR] - {Action.STAT},
}
"""The actions for which a quota orders regions. For any other action all regions are alike.

Source: ``damon_va_scheme_score`` and ``damon_pa_scheme_score``.
"""


def priorities(case: Case) -> Found:
    """Warn of weights that do nothing, and of matching regions that all get one score."""
    if (quota := case.limited) is None:
        return
    weights, action = quota.weights, case.scheme.action
    weighted = weights.access_rate or weights.age
    if weights.size:
        yield (
            Code.QUOTA_SIZE_WEIGHT,
            f"quota weight of size {weights.size} does nothing, since the kernel reads and ignores "
            "it: write 0",
        )
    if action not in _COLDEST_FIRST[case.operations]:
        if weighted:
            yield (
                Code.QUOTA_WEIGHTS_IGNORED,
                f"quota weights do nothing for {action.value} under {case.operations.value}, which "
                "takes regions in the order of addresses: write 0",
            )
    elif not _tells_apart(case, quota):
        why = "give all regions the same priority" if weighted else "are 0"
        yield (
            Code.QUOTA_NO_PRIORITY,
            f"quota weights of access rate and age {why}, so that low addresses go first where the "
            "quota is too small for all: give age a weight, such as 1",
        )


def _tells_apart(case: Case, quota: Quota) -> bool:
    """Say whether two regions that match can have different scores."""
    # It is enough to compare the ends of both ranges: all other scores lie between their scores.
    samples = case.monitoring.intervals.samples
    ages = [age * case.monitoring.intervals.aggregation_us // 1_000_000 for age in case.kernel.age]
    weights = quota.weights
    scores = {
        _heat(count * 100 // samples, seconds, weights.access_rate, weights.age)
        for count, seconds in itertools.product(case.counts, ages)
    }
    return len(scores) > 1


def _heat(rate: int, seconds: int, rate_weight: int, age_weight: int) -> int:
    """Give the score of a region, 0 to 99: high if hot. The order for cold memory is its mirror image.

    Source: ``damon_hot_score``, mm/damon/ops-common.c of Linux 6.12.
    """
    doublings = min(32, seconds.bit_length()) * (1 if rate else -1)
    steady = (doublings + 32) * 100 // 32 // 2
    heat = rate_weight * rate + age_weight * steady
    return heat // max(1, rate_weight + age_weight) * 99 // 100
