"""Warnings about which regions go first if a quota is too small for all."""

from __future__ import annotations

import itertools

from autotune.damon.damos import Quota
from autotune.damon.kernel_rules import hot_score, is_ordered
from autotune.lint.case import Case
from autotune.lint.warning import Code, Found


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
    if not is_ordered(action, case.operations):
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
    intervals, weights = case.monitoring.intervals, quota.weights
    scores = {
        hot_score(
            count,
            age,
            intervals.samples,
            intervals.aggregation_us,
            weights.access_rate,
            weights.age,
        )
        for count, age in itertools.product(case.counts, case.kernel.age)
    }
    return len(scores) > 1
