from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.errors import InputError, RunError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.objective.metrics import METRICS
from autotune.study.one_scheme import measure_scheme
from autotune.testing import prcl
from tests.closed_form import ClosedForm, make_file


def test_scheme_and_baseline_are_measured_with_one_seed(tmp_path: Path) -> None:
    backend = ClosedForm()
    workload = replace(make_file(tmp_path), seed=9)

    compared = measure_scheme(workload, (prcl(min_age_us=2_000_000),), backend)

    assert compared.measurement == backend.run(
        workload.experiment((prcl(min_age_us=2_000_000),)), seed=9
    )
    assert compared.baseline == backend.run(workload.experiment(None), seed=9)
    assert list(compared.metrics) == list(METRICS)
    assert compared.to_dict()["missing"] == {}
    assert (compared.seed, compared.scheme_text) == (9, "4K max 0 0 2s max pageout")


def test_the_scheme_is_measured_as_the_kernel_would_run_it(tmp_path: Path) -> None:
    compared = measure_scheme(make_file(tmp_path), (prcl(min_age_us=1_930_000),), ClosedForm())

    assert compared.scheme_text == "4K max 0 0 2s max pageout"


def test_without_schemes_it_only_monitors(tmp_path: Path) -> None:
    compared = measure_scheme(make_file(tmp_path), (), ClosedForm())

    assert compared.scheme_text is None
    assert compared.to_dict()["scheme"] is None


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (
            Scheme(action=Action.LRU_PRIO),
            "scheme: action lru_prio does nothing under vaddr: use it with paddr",
        ),
        (
            Scheme(action=Action.STAT, pattern=AccessPattern(size_bytes=Range(1, 100))),
            "scheme: size_bytes from 1B to 100B holds no whole number of pages (4K): widen it",
        ),
    ],
)
def test_a_scheme_that_makes_no_sense_here_is_the_users_to_mend(
    tmp_path: Path, scheme: Scheme, message: str
) -> None:
    with pytest.raises(InputError) as error:
        measure_scheme(make_file(tmp_path), (scheme,), ClosedForm())

    assert str(error.value) == message


class Broken(ClosedForm):
    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        assert isinstance(experiment.workload, Pattern)
        raise TrialError(f"{experiment.workload.phases[0].name} crashed with seed {seed}")


def test_a_failed_measurement_fails_the_command(tmp_path: Path) -> None:
    workload = make_file(tmp_path)

    with pytest.raises(RunError) as error:
        measure_scheme(workload, (), Broken())

    assert str(error.value) == f"{workload.path}: sweep crashed with seed 0"
