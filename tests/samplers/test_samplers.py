from __future__ import annotations

import logging
import warnings

import pytest

from autotune.errors import InputError
from autotune.samplers import NAMES, make_sampler, missing_package
from tests.samplers.contract import SamplerContract, propose, shipped_space

INSTALLED = [name for name in NAMES if missing_package(name) is None]
ONE_PARAMETER = ("sweep", "polyfit", "refaults")
"""These vary the min age of one scheme only, and two of them have nothing random."""
EVERYWHERE = [name for name in INSTALLED if name not in ONE_PARAMETER]


class TestForSeveralObjectives(SamplerContract):
    @pytest.fixture(params=[name for name in EVERYWHERE if name != "cmaes"])
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestForOneObjective(SamplerContract):
    n_objectives = 1

    @pytest.fixture(params=EVERYWHERE)
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


@pytest.mark.parametrize("name", INSTALLED)
def test_nothing_is_warned_of_or_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("optuna").addHandler(caplog.handler)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        propose(name, shipped_space("prcl-quota"), n_objectives=1)

    logging.getLogger("optuna").removeHandler(caplog.handler)
    assert caught == []
    assert caplog.records == []


@pytest.mark.parametrize("name", INSTALLED)
def test_without_a_number_of_trials_only_those_work_that_plan_none(name: str) -> None:
    space = shipped_space("prcl")

    if name in {"grid", "sweep", "polyfit"}:
        with pytest.raises(
            InputError,
            match=rf"^sampler {name} needs a number of trials: give budget\.trials$",
        ):
            make_sampler(name, seed=0, space=space, n_trials=None, n_objectives=1)
    else:
        make_sampler(name, seed=0, space=space, n_trials=None, n_objectives=1)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"^no sampler 'nsga': did you mean 'nsga3'\?$"):
        make_sampler("nsga", seed=0, space=shipped_space("prcl"), n_trials=8, n_objectives=2)


@pytest.mark.parametrize(("name", "package"), [("cmaes", "cmaes"), ("gp", "torch")])
def test_a_missing_package_is_named(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(
        InputError, match=f"^sampler {name} needs the package {package}: pip install {package}$"
    ):
        make_sampler(name, seed=0, space=shipped_space("prcl"), n_trials=8, n_objectives=1)


def test_cmaes_is_refused_for_several_objectives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())

    with pytest.raises(
        InputError,
        match=r"^sampler cmaes takes one objective, and here are 3: use tpe or nsga2$",
    ):
        make_sampler("cmaes", seed=0, space=shipped_space("prcl"), n_trials=8, n_objectives=3)
