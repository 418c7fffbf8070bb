"""Warnings about schemes that take memory before another scheme can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autotune.damon.damos import Action
from autotune.lint.case import Case
from autotune.lint.warning import Code, LintWarning
from autotune.units import format_duration


def _covers(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _meets(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def _keeps_young(actor: Case, other: Case) -> bool:
    """Say whether memory that *actor* takes never becomes old enough for *other*.

    Every action but `stat` sets a region's age to 0, even if the action failed. If a quota, watermarks
    or a filter on regions hold *actor* back, some memory still becomes old enough.
    """
    scheme = actor.scheme
    if scheme.action is Action.STAT or actor.limited is not None:
        return False
    if scheme.watermarks is not None and scheme.watermarks != other.scheme.watermarks:
        return False
    if actor.region_filters and actor.region_filters != other.region_filters:
        return False
    # In each pass all schemes look at a region, in their order, before they look at the next region.
    last_age = other.kernel.age[0] - (0 if actor.number < other.number else 1)
    ages = min(actor.kernel.age[1], last_age) - max(actor.kernel.age[0], 1) + 1
    return ages >= -(-actor.apply_us // actor.aggregation_us)


def collisions(cases: Sequence[Case]) -> Iterator[LintWarning]:
    """Warn of a scheme if another scheme takes its memory before the memory is old enough for it.

    Args:
        cases: All schemes of a context, in their order.
    """
    for other in cases:
        actors = [
            actor
            for actor in cases
            if actor is not other
            and _meets(actor.sizes, other.sizes)
            and _meets(actor.counts, other.counts)
            and _keeps_young(actor, other)
        ]
        whole = [
            actor
            for actor in actors
            if _covers(actor.sizes, other.sizes) and _covers(actor.counts, other.counts)
        ]
        for actor in (whole or actors)[:1]:
            age = format_duration(actor.grid.pattern.age_us.min)
            never = "never fires" if whole else f"fires only on what scheme {actor.number} leaves"
            where = "the same memory" if whole else "the rest of it"
            yield LintWarning(
                code=Code.NEVER_FIRES if whole else Code.FIRES_LESS,
                scheme=other.number,
                text=f"{never}: scheme {actor.number} acts on {where} from age {age} on, which sets "
                f"the age back to 0: give scheme {actor.number} the higher min age, or keep their "
                "sizes or access rates apart",
            )
