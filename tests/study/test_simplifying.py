"""Tests for schemes that are as good without some of their knobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotune.damon.damos import Scheme
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.recommendation.simplicity import knobs
from autotune.testing import measurement
from tests.closed_form import CPU_S, RSS_BYTES, ClosedForm, Tuned, noise, tune

SEARCH = {
    "sampler": "auto",
    "search_space": "prcl-quota",
    "budget": "{trials: 900}",
    "confirmations": None,
    "constraints": "[slowdown <= 5%]",
}


class Governed(ClosedForm):
    """Age and quota decide; sizes, weights and intervals make no difference."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        if not experiment.schemes:
            return super().run(experiment, seed=seed)
        (scheme,) = experiment.schemes
        saved, lost = figures(scheme)
        text = repr(scheme)
        return measurement(
            rss_mean_bytes=RSS_BYTES * (1.0 - saved - 0.001 * noise("saving" + text, seed)),
            system_used_mean_bytes=RSS_BYTES * (1.0 - saved),
            workload_cpu_s=CPU_S * (1.0 + lost + 0.0002 * noise("slowdown" + text, seed)),
            kdamond_cpu=0.01,
        )


def figures(scheme: Scheme) -> tuple[float, float]:
    age_s = scheme.pattern.age_us.min / 1e6
    saved = 0.5 / (1.0 + age_s / 5.0)
    return saved, 0.2 * saved**2


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tune(tmp_path_factory.mktemp("searched"), SEARCH, backend=Governed())


def test_what_makes_no_difference_goes_back_to_its_plain_value(searched: Tuned) -> None:
    front = searched.recommendation.front

    assert len(front) > 3
    # An upper access rate and a min age are left.
    assert {knobs(option.trial.schemes) for option in front} == {2}


@pytest.mark.parametrize("trials", [100, 400])
def test_a_budget_leaves_room_for_plain_values(tmp_path: Path, trials: int) -> None:
    outcome = tune(tmp_path, {**SEARCH, "budget": f"{{trials: {trials}}}"}, backend=Governed())
    front = outcome.recommendation.front

    assert 0.9 * trials < len(outcome.trials) <= trials
    assert min(knobs(option.trial.schemes) for option in front) == 2


def test_the_budget_is_kept(tmp_path: Path) -> None:
    outcome = tune(tmp_path, {**SEARCH, "budget": "{trials: 80}"}, backend=Governed())

    assert len(outcome.trials) <= 80
    assert outcome.recommendation.front


def test_a_knob_that_makes_a_difference_stays(tmp_path: Path) -> None:
    class Needed(Governed):
        """Without a quota the workload thrashes."""

        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            if any(scheme.quota is None for scheme in experiment.schemes):
                return measurement(
                    rss_mean_bytes=0.5 * RSS_BYTES,
                    system_used_mean_bytes=0.5 * RSS_BYTES,
                    workload_cpu_s=2.0 * CPU_S,
                    kdamond_cpu=0.01,
                )
            return super().run(experiment, seed=seed)

    outcome = tune(tmp_path, SEARCH, backend=Needed())

    assert outcome.recommendation.front
    for option in outcome.recommendation.front:
        (scheme,) = option.trial.schemes
        assert scheme.quota is not None
        assert scheme.pattern.size_bytes.min == 4096
