"""Samplers by name. A sampler proposes the next parameters; it is an `optuna.samplers.BaseSampler`."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import optuna
from optuna.samplers import BaseSampler

from autotune.errors import InputError, nearest
from autotune.samplers.grid import GridSampler
from autotune.samplers.polyfit import PolyfitSampler
from autotune.samplers.refaults import RefaultsSampler
from autotune.samplers.sobol import SobolSampler
from autotune.samplers.sweep import SweepSampler
from autotune.space.space import SearchSpace

AUTO = "auto"
"""The name of the search that is no sampler: it goes by what the backend is (`autotune.study`)."""

ASSUMED_TRIALS = 60
"""How many trials a study is taken to have where time alone ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a sampler is made for.

    Attributes:
        seed: Seed, from 0 to 2^32 - 1.
        space: The search space.
        n_trials: Number of trials; None if only time limits it.
        n_objectives: Number of objectives, at least 1.
    """

    seed: int
    space: SearchSpace
    n_trials: int | None
    n_objectives: int

    @property
    def population(self) -> int:
        """Size of a generation. It is small for few trials, so that there are several generations."""
        return min(max((self.n_trials or ASSUMED_TRIALS) // 5, 8), 50)


def _tpe(task: _Task) -> BaseSampler:
    conditional = any(parameter.when for parameter in task.space.parameters)
    startup = min(10, max((task.n_trials or ASSUMED_TRIALS) // 4, 4))
    # If a parameter has a condition, only `group` models the parameters jointly. Without conditions
    # Optuna's default is kept, which models each parameter by itself if there are several objectives.
    return optuna.samplers.TPESampler(
        seed=task.seed,
        n_startup_trials=startup,
        multivariate=True if conditional else None,
        group=conditional,
    )


def _nsga2(task: _Task) -> BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=task.seed, population_size=task.population)


def _nsga3(task: _Task) -> BaseSampler:
    return optuna.samplers.NSGAIIISampler(seed=task.seed, population_size=task.population)


def _random(task: _Task) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=task.seed)


def _qmc(task: _Task) -> BaseSampler:
    return SobolSampler(task.space, seed=task.seed)


def _grid(task: _Task) -> BaseSampler:
    if task.n_trials is None:
        raise InputError("sampler grid needs a number of trials: give budget.trials")
    return GridSampler(task.space, seed=task.seed, n_trials=task.n_trials)


def _sweep(task: _Task) -> BaseSampler:
    if task.n_trials is None:
        raise InputError("sampler sweep needs a number of trials: give budget.trials")
    return SweepSampler(task.space, seed=task.seed, n_trials=task.n_trials)


def _polyfit(task: _Task) -> BaseSampler:
    if task.n_trials is None:
        raise InputError("sampler polyfit needs a number of trials: give budget.trials")
    return PolyfitSampler(task.space, seed=task.seed, n_trials=task.n_trials)


def _refaults(task: _Task) -> BaseSampler:
    return RefaultsSampler(task.space, seed=task.seed)


def _cmaes(task: _Task) -> BaseSampler:
    if task.n_objectives > 1:
        raise InputError(
            f"sampler cmaes takes one objective, and here are {task.n_objectives}: use tpe or nsga2"
        )
    return optuna.samplers.CmaEsSampler(seed=task.seed, warn_independent_sampling=False)


def _gp(task: _Task) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=task.seed, warn_independent_sampling=False)


_MAKERS: Mapping[str, Callable[[_Task], BaseSampler]] = MappingProxyType(
    {
        "tpe": _tpe,
        "nsga2": _nsga2,
        "nsga3": _nsga3,
        "random": _random,
        "qmc": _qmc,
        "grid": _grid,
        "sweep": _sweep,
        "polyfit": _polyfit,
        "refaults": _refaults,
        "cmaes": _cmaes,
        "gp": _gp,
    }
)
_PACKAGES: Mapping[str, str] = MappingProxyType({"cmaes": "cmaes", "gp": "torch"})

NAMES: tuple[str, ...] = tuple(_MAKERS)
"""The names of all samplers, also of samplers whose packages are not installed."""


def missing_package(name: str) -> str | None:
    """Give the package that the sampler *name* needs and that is not installed, if there is one."""
    package = _PACKAGES.get(name)
    return package if package and importlib.util.find_spec(package) is None else None


def make_sampler(
    name: str, *, seed: int, space: SearchSpace, n_trials: int | None, n_objectives: int
) -> BaseSampler:
    """Make a sampler. Samplers made with equal arguments make equal proposals.

    Args:
        name: One of `NAMES`.
        seed: Seed, from 0 to 2^32 - 1.
        space: The search space.
        n_trials: Number of trials; None if only time limits it.
        n_objectives: Number of objectives, at least 1.

    Raises:
        InputError: If there is no such sampler, or it can't work with these arguments.
    """
    if name not in _MAKERS:
        raise InputError(f"no sampler '{name}': {nearest(name, (AUTO, *NAMES))}")
    if package := missing_package(name):
        raise InputError(f"sampler {name} needs the package {package}: pip install {package}")
    task = _Task(seed=seed, space=space, n_trials=n_trials, n_objectives=n_objectives)
    with warnings.catch_warnings():
        # For years Optuna has called NSGA-III, QMC and TPE's `group` experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _MAKERS[name](task)
