from __future__ import annotations

import pytest

from autotune.errors import InputError
from autotune.samplers.refaults import next_age_us
from tests.samplers.ages import AGE, S, ages, proposed_ages, space_of


def share_of(share: float) -> dict[str, float]:
    """Figures of a run of whose swapped-out pages a weighted *share* came back."""
    return {"swap_out_bytes": 3e6, "swap_in_bytes": 1e6 * share}


@pytest.mark.parametrize(
    ("share", "factor"),
    [(0.0, 0.9), (0.04, 0.94), (0.05, 0.95), (0.06, 1.01), (0.25, 1.2), (3.0, 3.95)],
)
def test_the_age_grows_by_the_excess_over_5_percent_or_falls(share: float, factor: float) -> None:
    figures = share_of(share)

    age = next_age_us(10 * S, figures["swap_out_bytes"], figures["swap_in_bytes"])

    assert age == pytest.approx(factor * 10 * S)


def test_where_nothing_was_paged_out_the_age_falls_most() -> None:
    assert next_age_us(10 * S, 0.0, 0.0) == pytest.approx(9 * S)


def test_it_begins_at_10_s_or_as_near_as_may_be() -> None:
    assert proposed_ages("refaults", space_of(ages(S, 60 * S)), lambda _: {}, trials=1) == [10 * S]
    assert proposed_ages("refaults", space_of(ages(S, 6 * S)), lambda _: {}, trials=1) == [6 * S]


def test_each_trial_follows_from_the_trial_before() -> None:
    found = proposed_ages(
        "refaults", space_of(ages(S, 60 * S)), lambda _: share_of(0.25), trials=4
    )

    assert found == [10 * S, 12 * S, 14_400_000, 17_280_000]


def test_it_settles_where_5_percent_come_back() -> None:
    # What comes back falls as the age grows: 5 % at 20 s.
    found = proposed_ages(
        "refaults",
        space_of(ages(S, 60 * S)),
        lambda age: share_of(S / age),
        trials=120,
    )

    assert all(0.9 * 20 * S <= age <= 1.01 * 20 * S for age in found[80:])


def test_the_age_stays_in_its_range() -> None:
    space = space_of(ages(9 * S, 12 * S))

    assert proposed_ages("refaults", space, lambda _: share_of(0.0), trials=4)[2:] == [9 * S] * 2
    assert proposed_ages("refaults", space, lambda _: share_of(9.0), trials=3)[1:] == [12 * S] * 2


def test_in_a_batch_the_last_outcome_is_taken_as_repeated() -> None:
    # The first batch knows nothing; the second knows the fourth trial, at 10 s.
    found = proposed_ages(
        "refaults", space_of(ages(S, 99 * S)), lambda _: share_of(0.55), trials=8, batch=4
    )

    assert found == [10 * S] * 4 + [15 * S, 22_500_000, 33_750_000, 50_625_000]


def test_it_goes_on_from_a_given_age() -> None:
    space = space_of(ages(S, 60 * S), initial=({AGE: 20 * S},))

    assert proposed_ages("refaults", space, lambda _: share_of(0.0), trials=2) == [20 * S, 18 * S]


def test_a_failed_trial_counts_as_if_it_had_repeated_the_last() -> None:
    found = proposed_ages(
        "refaults",
        space_of(ages(S, 60 * S)),
        lambda age: None if age == 9 * S else share_of(0.0),
        trials=3,
    )

    assert found == [10 * S, 9 * S, 8_100_000]


def test_a_workload_without_the_figures_is_told_so() -> None:
    with pytest.raises(
        InputError,
        match=r"^sampler refaults decides by swap_out_bytes, which this workload doesn't have: "
        r"use sampler sweep or tpe$",
    ):
        proposed_ages("refaults", space_of(ages(S, 60 * S)), lambda _: {}, trials=2)
