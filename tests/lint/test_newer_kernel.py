from __future__ import annotations

from dataclasses import replace

from autotune.damon.damos import Filter, FilterType, GoalMetric, QuotaGoal, Scheme
from autotune.damon.kernel_features import FEATURES, Feature
from autotune.lint import Code
from tests.lint.examples import ANON, MIB, PADDR, PART, Example, cold, each, fed, quota, use

EXAMPLES = [
    Example(
        Code.NEWER_KERNEL,
        1,
        use(cold(filters=(Filter(type=FilterType.UNMAPPED),)), operations=PADDR),
        use(cold(filters=(ANON,)), operations=PADDR),
    ),
    Example(
        Code.NEWER_KERNEL,
        1,
        use(cold(filters=(replace(PART, allow=True),))),
        use(cold(filters=(PART,))),
    ),
    Example(
        Code.NEWER_KERNEL,
        1,
        use(cold(quota=fed(GoalMetric.ACTIVE_MEM_BP))),
        use(cold(quota=fed(GoalMetric.SOME_MEM_PSI_US))),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()


def texts(scheme: Scheme) -> list[str]:
    warnings = use(scheme, operations=PADDR).warnings()
    return [warning.text for warning in warnings if warning.code is Code.NEWER_KERNEL]


def scheme_with(feature: Feature) -> Scheme:
    """A scheme that asks for a feature of a filter or a goal."""
    if feature.name == "a filter that allows":
        return cold(filters=(replace(PART, allow=True),))
    if feature.files == ("filters/N/type",):
        kind = FilterType(feature.word)
        size_range = (0, MIB) if kind is FilterType.HUGEPAGE_SIZE else None
        return cold(filters=(Filter(type=kind, size_range=size_range),))
    metric = GoalMetric(feature.word)
    goal = QuotaGoal(
        metric=metric,
        target_value=1,
        nid=0 if metric.value.startswith("node_") else None,
        memcg_path="/service" if metric.value.startswith("node_memcg_") else None,
    )
    return cold(quota=quota(goals=(goal,)))


TOLD_BY_THE_WORD_OF_THE_GOAL = {"goals of nodes", "goals of control groups"}
MADE_UP_FOR_BY_STAGING = {"a folder for each kind of filter"}


def test_every_feature_that_linux_6_12_lacks_is_warned_of() -> None:
    told_otherwise = TOLD_BY_THE_WORD_OF_THE_GOAL | MADE_UP_FOR_BY_STAGING
    newer = [
        feature
        for feature in FEATURES
        if feature.since > (6, 12) and feature.name not in told_otherwise
    ]

    told = {feature.name: texts(scheme_with(feature)) for feature in newer}

    assert told == {
        feature.name: [
            f"{feature.name} needs Linux {feature.since}, and 6.12 has none: leave it out there"
        ]
        for feature in newer
    }


def test_each_feature_is_told_once_filters_before_goals() -> None:
    unmapped = Filter(type=FilterType.UNMAPPED)
    allowing = Filter(type=FilterType.ACTIVE, allow=True)

    told = texts(
        cold(
            filters=(unmapped, allowing, replace(unmapped, matching=False)),
            quota=fed(GoalMetric.ACTIVE_MEM_BP),
        )
    )

    assert [text.partition(", and")[0] for text in told] == [
        "filter unmapped needs Linux 6.15",
        "filter active needs Linux 6.15",
        "a filter that allows needs Linux 6.14",
        "goal active_mem_bp needs Linux 7.0",
    ]


def test_what_linux_6_12_has_is_not_warned_of() -> None:
    scheme = cold(
        filters=(ANON, PART), quota=fed(GoalMetric.SOME_MEM_PSI_US), apply_interval_us=100_000
    )

    assert texts(scheme) == []
