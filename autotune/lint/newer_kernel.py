"""Warnings about features that came after Linux 6.12."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from autotune.damon.damos import Scheme
from autotune.damon.kernel_features import Feature, Release, feature_of
from autotune.lint.case import Case
from autotune.lint.warning import Code, Found

_KERNEL: Final = Release(6, 12)


def requirements(case: Case) -> Found:
    """Warn of features that Linux 6.12 doesn't have."""
    for feature in dict.fromkeys(_asked_for(case.scheme)):
        if feature.since > _KERNEL:
            yield (
                Code.NEWER_KERNEL,
                f"{feature.name} needs Linux {feature.since}, and {_KERNEL} has none: leave it out "
                "there",
            )


def _asked_for(scheme: Scheme) -> Iterator[Feature]:
    goals = scheme.quota.goals if scheme.quota is not None else ()
    found = (
        *(feature_of("type", item.type.value) for item in scheme.filters),
        *(feature_of("allow") for item in scheme.filters if item.allow),
        *(feature_of("target_metric", goal.metric.value) for goal in goals),
    )
    return (feature for feature in found if feature is not None)
