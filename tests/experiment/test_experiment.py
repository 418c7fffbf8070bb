from __future__ import annotations

import pytest

from autotune.damon.damos import Action, Scheme
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.experiment.experiment import Experiment
from autotune.testing import pattern, prcl


def test_an_experiment_is_a_baseline_unless_it_monitors() -> None:
    baseline = Experiment(workload=pattern())

    assert baseline.monitoring is None
    assert baseline.schemes == ()


def test_monitoring_needs_no_scheme() -> None:
    assert Experiment(workload=pattern(), monitoring=Monitoring()).schemes == ()


def test_schemes_need_monitoring() -> None:
    message = "^schemes need monitoring: a baseline has none$"

    with pytest.raises(ValueError, match=message):
        Experiment(workload=pattern(), schemes=(prcl(),))


def test_every_scheme_must_meet_the_address_space() -> None:
    schemes = (prcl(), Scheme(action=Action.COLD))
    message = "^action cold does nothing under paddr: use it with vaddr or fvaddr$"

    with pytest.raises(ValueError, match=message):
        Experiment(
            workload=pattern(),
            monitoring=Monitoring(),
            schemes=schemes,
            operations=OperationsSet.PADDR,
        )
    Experiment(workload=pattern(), monitoring=Monitoring(), schemes=schemes)
