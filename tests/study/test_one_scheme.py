from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.errors import InputError, RunError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Pattern
from autotune.objective.metrics import METRICS, notable
from autotune.study.confirming import confirmation_seeds
from autotune.study.one_scheme import measure_scheme
from autotune.testing import prcl
from tests.closed_form import ClosedForm, make_file


def test_scheme_and_baseline_are_measured_with_equal_seeds(tmp_path: Path) -> None:
    backend = ClosedForm()
    workload = replace(make_file(tmp_path), seed=9)

    compared = measure_scheme(workload, (prcl(min_age_us=2_000_000),), backend)

    assert compared.measurement == backend.run(
        workload.experiment((prcl(min_age_us=2_000_000),)), seed=9
    )
    assert compared.baseline == backend.run(workload.experiment(None), seed=9)
    assert list(compared.spreads) == list(METRICS)
    assert notable(compared.to_dict()["missing"]) == {}
    assert len(backend.seeds) == 2 * 3 + 2
    assert set(backend.seeds) == set(compared.seeds) == {9, *confirmation_seeds(9, 2)}
    assert (compared.seeds[0], compared.scheme_text) == (9, "4K max 0 0 2s max pageout")


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


def test_figures_are_means_over_seeds_with_their_range(tmp_path: Path) -> None:
    scheme = prcl(min_age_us=5_000_000)
    workload = make_file(tmp_path)
    alone = [
        measure_scheme(
            replace(workload, seed=seed), (scheme,), ClosedForm(amplitude=0.02), seeds=1
        ).metrics["slowdown"]
        or 0.0
        for seed in (0, *confirmation_seeds(0, 2))
    ]

    compared = measure_scheme(workload, (scheme,), ClosedForm(amplitude=0.02), seeds=3)

    assert len(set(alone)) == 3
    values = compared.to_dict()
    assert values["seed"] == values["seeds"][0] == 0
    assert values["metrics"]["slowdown"] == pytest.approx(sum(alone) / 3)
    assert values["metrics_low"]["slowdown"] == min(alone)
    assert values["metrics_high"]["slowdown"] == max(alone)
    # Noise of up to 2 % hides a slowdown of 0.3 %, and not a saving of 36 %.
    assert values["more_than_noise"]["slowdown"] is False
    assert values["more_than_noise"]["memory_saving"] is True


def test_no_result_depends_on_which_measurement_ends_first(tmp_path: Path) -> None:
    workload, scheme = make_file(tmp_path), prcl(min_age_us=2_000_000)

    mixed = [
        measure_scheme(
            workload, (scheme,), ClosedForm(amplitude=0.1, shuffle=shuffle), seeds=6
        ).to_dict()
        for shuffle in (False, True)
    ]

    assert mixed[0] == mixed[1]


def test_one_seed_says_nothing_about_noise(tmp_path: Path) -> None:
    compared = measure_scheme(make_file(tmp_path), (prcl(),), ClosedForm(), seeds=1)

    assert compared.seeds == (0,)
    assert set(compared.to_dict()["more_than_noise"].values()) == {None}


@pytest.mark.parametrize(("name", "count"), [("simulator", 3), ("vm", 1), ("host", 1)])
def test_the_number_of_seeds_follows_from_the_backend(
    tmp_path: Path, name: str, count: int
) -> None:
    backend = ClosedForm()
    backend.name = name

    assert len(measure_scheme(make_file(tmp_path), (prcl(),), backend).seeds) == count


@pytest.mark.parametrize("seeds", [0, -1, 1001])
def test_a_number_of_seeds_out_of_range_is_refused(tmp_path: Path, seeds: int) -> None:
    with pytest.raises(InputError) as error:
        measure_scheme(make_file(tmp_path), (), ClosedForm(), seeds=seeds)

    assert str(error.value) == f"{seeds} seeds can't be measured: give from 1 to 1000"


def test_each_seed_that_is_done_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    measure_scheme(
        make_file(tmp_path), (), ClosedForm(), seeds=2, progress=lambda *both: told.append(both)
    )

    assert told == [(1, 2), (2, 2)]


def test_on_a_machine_that_drifts_one_runs_at_a_time_and_neither_is_always_first(
    tmp_path: Path,
) -> None:
    order: list[str] = []
    backend = ClosedForm(hook=lambda _, schemes, __: order.append("B" if schemes else "A"))
    backend.drifts = True

    measure_scheme(make_file(tmp_path), (prcl(),), backend, seeds=2)

    assert "".join(order) == "ABBA"


def test_an_interrupt_ends_all_measurements(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    backend = ClosedForm()

    with pytest.raises(KeyboardInterrupt):
        measure_scheme(make_file(tmp_path), (), backend, seeds=50, progress=interrupt)
    assert backend.stopped


class Broken(ClosedForm):
    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        assert isinstance(experiment.workload, Pattern)
        raise TrialError(f"{experiment.workload.phases[0].name} crashed with seed {seed}")


def test_a_failed_measurement_fails_the_command(tmp_path: Path) -> None:
    workload = make_file(tmp_path)

    with pytest.raises(RunError) as error:
        measure_scheme(workload, (), Broken())

    assert str(error.value) == f"{workload.path}: with seed 0: sweep crashed with seed 0"
