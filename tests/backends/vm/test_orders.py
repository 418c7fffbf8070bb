from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.vm.orders import (
    FIRST_ORDERS,
    ORDERS_BYTES,
    decode_orders,
    encode_orders,
    make_orders,
)
from autotune.damon.damos import Action, Filter, FilterType, Scheme
from autotune.damon.monitoring import OperationsSet
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.patience import Patience
from autotune.runner.running import runnable
from autotune.testing import pattern, prcl
from tests.strategies import MONITORING, schemes

BASELINE = Experiment(workload=pattern())


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    monitoring = draw(st.none() | MONITORING)
    chosen = [] if monitoring is None else draw(st.lists(schemes(max_filters=1), max_size=2))
    return Experiment(
        workload=BASELINE.workload,
        monitoring=monitoring,
        schemes=tuple(replace(scheme, action=Action.STAT, target_nid=None) for scheme in chosen),
        operations=OperationsSet.PADDR,
        start_after_us=draw(st.integers(0, 10**9)),
        timeout_us=draw(st.integers(1, 10**9)),
        sampling_period_us=draw(st.integers(1, 10**9)),
        patience=draw(
            st.none()
            | st.builds(
                Patience,
                of=st.sampled_from(["cpu", "time"]),
                baseline_s=st.floats(1e-6, 1e6),
                most=st.floats(0, 10),
            )
        ),
    )


@given(experiments(), st.integers(0, 2**32 - 1))
def test_what_is_ordered_is_what_was_to_be_measured(experiment: Experiment, seed: int) -> None:
    sent = encode_orders(make_orders(experiment, seed))

    orders = decode_orders(sent)

    assert orders.experiment(runnable(experiment.workload)) == experiment
    assert orders.seed == seed


@given(experiments())
def test_orders_have_one_length(experiment: Experiment) -> None:
    assert len(encode_orders(make_orders(experiment, 1))) == ORDERS_BYTES
    assert len(encode_orders(FIRST_ORDERS)) == ORDERS_BYTES


def test_seeds_differ_in_their_entropy_and_nothing_else_does() -> None:
    monitored = replace(BASELINE, start_after_us=1)

    entropies = [make_orders(BASELINE, seed).entropy for seed in range(100)]

    assert len(set(entropies)) == 100
    assert all(len(bytes.fromhex(entropy)) == 64 for entropy in entropies)
    assert make_orders(monitored, 5).entropy == entropies[5]


def test_the_first_orders_can_be_read() -> None:
    assert decode_orders(encode_orders(FIRST_ORDERS)) == FIRST_ORDERS


def test_orders_that_are_too_long_fail_their_trial() -> None:
    names = [f"/{number:x}{number * 7919:x}{number * 104_729:x}" for number in range(1, 2000)]
    filters = tuple(
        Filter(type=FilterType.MEMCG, matching=True, allow=False, memcg_path=name)
        for name in names
    )
    experiment = Experiment(
        workload=pattern(),
        monitoring=FIRST_ORDERS.monitoring,
        operations=OperationsSet.PADDR,
        schemes=(Scheme(action=Action.PAGEOUT, filters=filters),),
    )

    with pytest.raises(
        TrialError,
        match=r"^the orders of this trial take [0-9]+ bytes, and a micro-VM takes 4092: use fewer "
        r"schemes or filters$",
    ):
        encode_orders(make_orders(experiment, 1))


def test_orders_to_record_differ_in_nothing_else() -> None:
    measure, record = (make_orders(BASELINE, 1, record=record) for record in (False, True))

    assert decode_orders(encode_orders(record)) == replace(measure, record=True)


def test_a_scheme_in_the_orders_is_not_the_one_before() -> None:
    ages = {
        decode_orders(
            encode_orders(
                make_orders(
                    replace(
                        BASELINE,
                        monitoring=FIRST_ORDERS.monitoring,
                        schemes=(prcl(min_age_us=age_us),),
                    ),
                    1,
                )
            )
        )
        .schemes[0]
        .pattern.age_us.min
        for age_us in (1_000_000, 2_000_000)
    }

    assert ages == {1_000_000, 2_000_000}
