"""One run of a method on a problem: what it recommends, what it took, and how good that is.

Every method runs through `autotune.study.study`, as users' runs do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from autotune import samplers
from autotune.backends.base import Backend, RecordingBackend
from autotune.damon.recording import Recording
from autotune.errors import InputError
from autotune.evaluation.kernel_table import schemes_of
from autotune.evaluation.tuner_judging import Judge, Judged
from autotune.evaluation.tuner_problems import Kind, Problem
from autotune.evaluation.tuner_responses import RecordedResponse, regret
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.formats import masim
from autotune.space.space import ParameterSet
from autotune.study import study
from autotune.study.correcting import CorrectingSearch
from autotune.study.outcome import Outcome
from autotune.study.simulated_prior import Foreknowledge, foreknowledge, nothing_known
from autotune.workload_file.workload_file import WorkloadFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way of tuning.

    Attributes:
        name: Its name in tables.
        sampler: The sampler's name in a workload file.
        last: Whether its answer is its last trial, and not what the study recommends.
        prior: What a search that simulates first simulates: the workload, nothing, or another workload.
    """

    name: str
    sampler: str
    last: bool = False
    prior: Literal["own", "none", "other"] = "own"

    def missing(self) -> str | None:
        """Say in a sentence why the method can't run here; None if it can."""
        if self.sampler not in (samplers.AUTO, *samplers.NAMES):
            return f"There is no sampler {self.sampler} yet."
        if package := samplers.missing_package(self.sampler):
            return (
                f"The sampler {self.sampler} needs the package {package}, which is not installed."
            )
        return None


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method(name="auto", sampler=samplers.AUTO),
            Method(name="auto, no prior", sampler=samplers.AUTO, prior="none"),
            Method(name="auto, wrong prior", sampler=samplers.AUTO, prior="other"),
            Method(name="tpe", sampler="tpe"),
            Method(name="nsga2", sampler="nsga2"),
            Method(name="random", sampler="random"),
            Method(name="sweep", sampler="sweep"),
            Method(name="polyfit", sampler="polyfit"),
            Method(name="polyfit, its peak", sampler="polyfit", last=True),
            Method(name="refaults", sampler="refaults"),
            Method(name="gp", sampler="gp"),
        )
    }
)
"""All methods by name, the method of this program first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run came to.

    Attributes:
        problem: The problem's name.
        method: The method's name.
        budget: The number of trials that it was given; None is the method's own default.
        seed: The seed of the run.
        trials: How many schemes it tried.
        starts: How often it started the workload, baselines and confirmations included.
        seconds: Its wall time.
        suggesting_s: The part of it in which no workload ran, with one measurement at a time.
        recommended: The parameter sets that it recommends, the best by the first objective first.
        judged: What the judging seeds say of each; empty as long as they are not judged.
        regret: Of a recorded response: the best recorded score less that of the answer.
        failure: Why there is no result; None if there is one.
    """

    problem: str
    method: str
    budget: int | None
    seed: int
    trials: int = 0
    starts: int = 0
    seconds: float = 0.0
    suggesting_s: float | None = None
    recommended: tuple[ParameterSet, ...] = ()
    judged: tuple[Judged, ...] = ()
    regret: float | None = None
    failure: str | None = None

    @property
    def key(self) -> tuple[str, str, int | None, int]:
        """What distinguishes it from other runs."""
        return self.problem, self.method, self.budget, self.seed

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "problem": self.problem,
            "method": self.method,
            "budget": self.budget,
            "seed": self.seed,
            "trials": self.trials,
            "starts": self.starts,
            "seconds": round(self.seconds, 3),
            "suggesting_s": None if self.suggesting_s is None else round(self.suggesting_s, 4),
            "recommended": [dict(parameters) for parameters in self.recommended],
            "judged": [judged_dict(one) for one in self.judged],
            "regret": self.regret,
            "failure": self.failure,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Run:
        """Read what `to_dict` gave; what is missing has its default.

        Raises:
            TypeError: If a field is unknown, or an essential one is missing.
        """
        judged = tuple(Judged(**one) for one in values.get("judged", ()))
        return cls(
            **{**values, "recommended": tuple(values.get("recommended", ())), "judged": judged}
        )


def judged_dict(judged: Judged) -> dict[str, float | int]:
    """Give plain JSON values of judged figures."""
    return {
        "saving": judged.saving,
        "slowdown": judged.slowdown,
        "within": judged.within,
        "seeds": judged.seeds,
    }


class Timed:
    """A backend round a backend: counts the time that its runs take.

    Args:
        inner: Runs the experiments.
    """

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.seconds = 0.0

    @property
    def starts(self) -> int:
        """How often the backend inside has started a workload."""
        return self._inner.starts

    @property
    def name(self) -> str:
        """The name of the backend inside."""
        return self._inner.name

    @property
    def machine(self) -> str:
        """The machine of the backend inside."""
        return self._inner.machine

    @property
    def slowdown_metric(self) -> Literal["own_cpu_slowdown", "wall_slowdown"]:
        """The slowdown metric of the backend inside."""
        return self._inner.slowdown_metric

    @property
    def drifts(self) -> bool:
        """Whether the figures of the backend inside depend on when a run is made."""
        return self._inner.drifts

    @property
    def most_at_once(self) -> int | None:
        """How many runs the backend inside can do at once."""
        return self._inner.most_at_once

    def check(self, experiment: Experiment) -> None:
        """Let the backend inside check."""
        self._inner.check(experiment)

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Run the experiment, and count its time."""
        began_s = time.perf_counter()
        try:
            return self._inner.run(experiment, seed=seed)
        finally:
            with self._lock:
                self.seconds += time.perf_counter() - began_s

    def stop(self) -> None:
        """Stop the backend inside."""
        self._inner.stop()


def run_method(
    problem: Problem, backend: Backend, method: Method, *, budget: int | None, seed: int
) -> Run:
    """Run a method once. What it recommends is not judged yet."""
    this = Run(problem=problem.name, method=method.name, budget=budget, seed=seed)
    try:
        file = problem.load(sampler=method.sampler, trials=budget, seed=seed)
        # A search at the simulator's speed wants the simulator itself.
        timed = None if problem.kind is Kind.SIMULATOR else Timed(backend)
        began_s = time.perf_counter()
        outcome = study.run(_prepared(file, timed or backend, method), threads=1)
        seconds = time.perf_counter() - began_s
    except InputError as error:
        return replace(this, failure=str(error))
    return replace(
        this,
        trials=len(outcome.trials),
        starts=outcome.starts,
        seconds=seconds,
        suggesting_s=None if timed is None else seconds - timed.seconds,
        recommended=_answer(outcome, last=method.last),
    )


def _prepared(file: WorkloadFile, backend: Backend, method: Method) -> study.Prepared:
    """Prepare a study as for a user, but for what its search knows beforehand."""
    prepared = study.prepare(file, backend)
    if method.prior == "own":
        return prepared
    know = _know_nothing if method.prior == "none" else _know_another_workload
    return replace(prepared, search=CorrectingSearch(backend, seed=file.seed, know=know))


def _know_nothing(
    file: WorkloadFile,
    backend: Backend,
    baseline: Measurement,
    _record: Callable[[RecordingBackend], Recording],
) -> Foreknowledge:
    return nothing_known(file, backend, baseline, "so it was wanted")


def _know_another_workload(
    file: WorkloadFile,
    backend: Backend,
    baseline: Measurement,
    record: Callable[[RecordingBackend], Recording],
) -> Foreknowledge:
    """Simulate the pattern that comes next in the folder of the problem's pattern."""
    patterns = sorted(path for path in file.path.parent.glob("*.cfg"))
    place = patterns.index(file.path.with_suffix(".cfg"))
    other = masim.load(patterns[(place + 1) % len(patterns)])
    return foreknowledge(replace(file, workload=other), backend, baseline, record)


def _answer(outcome: Outcome, *, last: bool) -> tuple[ParameterSet, ...]:
    if last:
        return tuple(dict(trial.parameters) for trial in outcome.trials[-1:])
    return tuple(dict(one.trial.parameters) for one in outcome.recommendation.front)


def judge_run(run: Run, problem: Problem, judge: Judge, *, seeds: int) -> Run:
    """Judge what a run recommends; for a recorded response, look up what was lost.

    Raises:
        ValueError: If it recommends a parameter set that has no schemes.
    """
    file = problem.plain
    several = []
    for parameters in run.recommended:
        schemes = schemes_of(file, parameters)
        if schemes is None:
            raise ValueError(f"{run.key}: {parameters} was recommended and is impossible")
        several.append(schemes)
    if isinstance(judge.backend, RecordedResponse):
        # The age as the kernel runs it, which was measured: it may be nearer to another second.
        age_us = several[0][0].pattern.age_us.min if several else None
        return replace(run, regret=regret(judge.backend.scores, age_us))
    judged = tuple(judge.judge(schemes, seeds) for schemes in several)
    return replace(run, judged=judged)
