from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.simulator.damon.schemes import hot_score
from autotune.damon.damos import Action, Range, Weights
from autotune.lint import Code, lint
from tests.lint.examples import PADDR, VADDR, Example, cold, each, intervals, quota, use

EXAMPLES = [
    Example(
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(quota=quota(weights=Weights(size=1)))),
        use(cold(quota=quota(weights=Weights(size=1, age=1)))),
    ),
    Example(  # with a single rate, only the age tells regions apart
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(quota=quota(weights=Weights(access_rate=1)))),
        use(cold(rate=Range(0.0, 0.05), quota=quota(weights=Weights(access_rate=1)))),
    ),
    Example(  # priorities double with the age: 4 s to 7 s is one
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(age=Range(4_000_000, 7_900_000), quota=quota())),
        use(cold(age=Range(4_000_000, 8_000_000), quota=quota())),
    ),
    Example(
        Code.QUOTA_NO_PRIORITY,
        1,
        use(cold(quota=quota(weights=Weights()))),
        use(cold(action=Action.COLD, quota=quota(weights=Weights()))),
    ),
    Example(
        Code.QUOTA_SIZE_WEIGHT,
        1,
        use(cold(quota=quota(weights=Weights(size=1, age=1)))),
        use(cold(quota=quota(weights=Weights(access_rate=1, age=1)))),
    ),
    Example(
        Code.QUOTA_WEIGHTS_IGNORED,
        1,
        use(cold(action=Action.COLD, quota=quota())),
        use(cold(action=Action.LRU_DEPRIO, quota=quota()), operations=PADDR),
    ),
]


@each(EXAMPLES)
def test_what_trips_a_warning_gives_it_and_what_nearly_does_gives_none(example: Example) -> None:
    found = example.trips.found()

    assert (example.code, example.scheme) in found
    assert example.code not in example.near_miss.codes()


@given(
    st.integers(1, 40).map(lambda samples: samples * 5),
    st.tuples(st.integers(0, 200), st.integers(0, 200)).map(sorted),
    st.tuples(st.integers(0, 600), st.integers(0, 600)).map(sorted),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_priorities_are_missed_where_all_scores_are_equal(
    samples: int, counts: list[int], seconds: list[int], rate_weight: int, age_weight: int
) -> None:
    low, high = (min(count, samples) for count in counts)
    where = intervals(1_000, samples * 1_000)
    ages = [second * 1_000_000 // (samples * 1_000) * samples * 1_000 for second in seconds]
    scheme = cold(
        rate=Range(low / samples, high / samples),
        age=Range(ages[0], ages[1]),
        quota=quota(weights=Weights(access_rate=rate_weight, age=age_weight)),
    )
    scores = {
        hot_score(count, age, samples, samples * 1_000, rate_weight, age_weight)
        for count in range(low, high + 1)
        for age in {age_us // (samples * 1_000) for age_us in (*ages, *between(ages))}
    }

    codes = {warning.code for warning in lint([scheme], where, VADDR)}

    assert (Code.QUOTA_NO_PRIORITY in codes) == (len(scores) == 1)


def between(ages: list[int]) -> list[int]:
    """Ages at which the score may step: powers of two of a second."""
    steps = [1_000_000 << power for power in range(12)]
    return [step for step in steps if ages[0] <= step <= ages[1]]
