"""Schemes to warn of, built from one that nothing is to be said against."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from autotune.damon.damos import (
    MIGRATIONS,
    AccessPattern,
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Range,
    Scheme,
    Watermarks,
    Weights,
)
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.lint import Code, Known, LintWarning, lint

VADDR, PADDR = OperationsSet.VADDR, OperationsSet.PADDR
MIB, GIB = 1 << 20, 1 << 30
PAGE = 4096


def cold(
    *,
    size: Range[int] = Range(PAGE),  # noqa: B008 - frozen
    rate: Range[float] = Range(0.0, 0.0),  # noqa: B008
    age: Range[int] = Range(5_000_000),  # noqa: B008
    action: Action = Action.PAGEOUT,
    quota: Quota | None = None,
    watermarks: Watermarks | None = None,
    filters: tuple[Filter, ...] = (),
    apply_interval_us: int = 0,
) -> Scheme:
    """A scheme that nothing is to be said against; each argument changes one thing."""
    return Scheme(
        action=action,
        pattern=AccessPattern(size_bytes=size, access_rate=rate, age_us=age),
        quota=quota,
        watermarks=watermarks,
        filters=filters,
        apply_interval_us=apply_interval_us,
        target_nid=1 if action in MIGRATIONS else None,
    )


def quota(
    *,
    time_us: int | None = None,
    size_bytes: int | None = 4 * MIB,
    reset_interval_us: int | float = 1_000_000,
    weights: Weights = Weights(age=1),  # noqa: B008 - frozen
    goals: tuple[QuotaGoal, ...] = (),
) -> Quota:
    return Quota(
        time_us=time_us,
        size_bytes=size_bytes,
        reset_interval_us=reset_interval_us,
        weights=weights,
        goals=goals,
    )


def fed(metric: GoalMetric, current: int = 0) -> Quota:
    return quota(goals=(QuotaGoal(metric=metric, target_value=10_000, current_value=current),))


@dataclass(frozen=True, kw_only=True)
class Use:
    """Schemes where they are used."""

    schemes: tuple[Scheme, ...]
    monitoring: Monitoring = Monitoring()  # noqa: RUF009 - frozen
    operations: OperationsSet = VADDR
    known: Known = Known()  # noqa: RUF009

    def warnings(self) -> tuple[LintWarning, ...]:
        """What is warned of here; every warning is one line, with a remedy."""
        warnings = lint(self.schemes, self.monitoring, self.operations, self.known)
        for warning in warnings:
            assert re.fullmatch(r".+?: .+", warning.text), warning
        return warnings

    def codes(self) -> set[Code]:
        return {warning.code for warning in self.warnings()}

    def found(self) -> set[tuple[Code, int | None]]:
        return {(warning.code, warning.scheme) for warning in self.warnings()}


def use(*schemes: Scheme, **where: object) -> Use:
    return Use(schemes=schemes, **where)  # type: ignore[arg-type]


def intervals(
    sampling_us: int = 5_000, aggregation_us: int = 100_000, update_us: int = 1_000_000
) -> Monitoring:
    return Monitoring(
        intervals=Intervals(
            sampling_us=sampling_us, aggregation_us=aggregation_us, update_us=update_us
        )
    )


@dataclass(frozen=True)
class Example:
    """What gives a warning about a scheme, or about none, and what nearly does."""

    code: Code
    scheme: int | None
    trips: Use
    near_miss: Use


def each(examples: Sequence[Example]) -> pytest.MarkDecorator:
    """Run a test with each of them as its argument *example*."""
    names = [f"{example.code.value}-{number}" for number, example in enumerate(examples)]
    return pytest.mark.parametrize("example", examples, ids=names)


HOT = Range(0.05)
HUGE = cold(action=Action.HUGEPAGE, rate=HOT, age=Range(0))
YOUNG = Filter(type=FilterType.YOUNG)
ANON = Filter(type=FilterType.ANON)
PART = Filter(type=FilterType.ADDR, address_range=(0, GIB))
