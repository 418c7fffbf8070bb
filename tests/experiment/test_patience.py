from __future__ import annotations

import pytest

from autotune.experiment.experiment import Experiment
from autotune.experiment.patience import Patience
from autotune.testing import pattern

CPU = Patience(of="cpu", baseline_s=8.0, most=0.25)


def test_patience_ends_above_what_it_allows() -> None:
    assert CPU.lost(cpu_s=10.0, time_s=99.0) is None
    assert CPU.lost(cpu_s=12.0, time_s=0.0) == 0.5


def test_time_counts_where_time_is_lost() -> None:
    time = Patience(of="time", baseline_s=8.0, most=0.0)

    assert time.lost(cpu_s=99.0, time_s=8.0) is None
    assert time.lost(cpu_s=0.0, time_s=16.0) == 1.0


@pytest.mark.parametrize(
    ("baseline_s", "most", "message"),
    [
        (0.0, 0.1, r"^baseline_s is 0: it must be above 0$"),
        (1.0, -0.1, r"^most is -0\.1: it must be 0 or more$"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    baseline_s: float, most: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Patience(of="cpu", baseline_s=baseline_s, most=most)


def test_a_baseline_runs_to_its_end() -> None:
    assert Experiment(workload=pattern(), patience=CPU).baseline().patience is None
