"""A backend whose figures are formulas, so that the true front is known; and runs on it."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from autotune.damon.damos import Scheme
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.recommendation.front import Recommendation
from autotune.run_folder.writer import run_into
from autotune.study.events import Listener
from autotune.study.outcome import Outcome, RunState
from autotune.testing import measurement
from autotune.trial import Trial
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file

RSS_BYTES = float(100 << 20)
CPU_S = 9.0

PATTERN = "a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n"

EIGHT = """
  schemes:
    - action: pageout
      pattern.max_access_rate: 0%
      parameters:
        pattern.min_age: {choices: [1s, 2s, 5s, 10s]}
        pattern.min_size: {choices: [4K, 1M]}
"""
"""Eight combinations: by the formulas, of each age the one with 4K is better."""

SAVING_AND_SLOWDOWN = """
  - {metric: memory_saving, direction: maximize, reference: 0%}
  - {metric: slowdown, direction: minimize, reference: 50%}
"""


NOISY = {
    "search_space": "prcl",
    "sampler": "tpe",
    "budget": "{trials: 30}",
    "constraints": "[slowdown <= 5%]",
    "confirmations": 3,
}
"""Thirty trials of TPE within a bound; for a backend with noise."""


def saving(scheme: Scheme) -> float:
    """What a scheme saves: less the longer it waits, and the larger regions must be."""
    age_s = scheme.pattern.age_us.min / 1e6
    return 0.6 * math.exp(-age_s / 10.0) * (0.9 if scheme.pattern.size_bytes.min > 4096 else 1.0)


def slowdown(scheme: Scheme) -> float:
    """What it costs: 18 % at an age of 1 s, 7 % at 2 s, 0.3 % at 5 s."""
    return 0.5 * math.exp(-scheme.pattern.age_us.min / 1e6)


def noise(text: str, seed: int) -> float:
    """A number from -1 to 1 that depends on nothing else."""
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**47 - 1.0


class ClosedForm:
    """Measures by `saving` and `slowdown`.

    Args:
        amplitude: Of the noise in both, which the seed decides.
        fail: Gives the reason for schemes that can't be measured.
        hook: Is called before each run with the count of those before, the schemes and the seed.
        shuffle: Whether runs take different times, so that they end in another order than they began.
    """

    name: str = "simulator"
    machine = "closed form"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts: bool = False
    most_at_once: int | None = None

    def __init__(
        self,
        *,
        amplitude: float = 0.0,
        fail: Callable[[Scheme], str | None] = lambda _: None,
        hook: Callable[[int, tuple[Scheme, ...], int], None] = lambda *_: None,
        shuffle: bool = False,
    ) -> None:
        self._amplitude = amplitude
        self._fail = fail
        self._hook = hook
        self._shuffle = shuffle
        self.stopped = False
        self._lock = threading.Lock()
        self.seeds: list[int] = []

    @property
    def starts(self) -> int:
        return len(self.seeds)

    def check(self, experiment: Experiment) -> None:
        """Take everything."""

    def stop(self) -> None:
        self.stopped = True

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Compute one measurement."""
        with self._lock:
            count = len(self.seeds)
            self.seeds.append(seed)
        self._hook(count, experiment.schemes, seed)
        if not experiment.schemes:
            return measurement(
                rss_mean_bytes=RSS_BYTES, system_used_mean_bytes=RSS_BYTES, workload_cpu_s=CPU_S
            )
        (scheme,) = experiment.schemes
        text = repr(scheme)
        if self._shuffle:
            time.sleep(0.004 * (1.0 + noise(text, seed)))
        if reason := self._fail(scheme):
            raise TrialError(reason)
        saved = saving(scheme) + self._amplitude * noise("saving" + text, seed)
        lost = slowdown(scheme) + self._amplitude * noise("slowdown" + text, seed)
        return measurement(
            rss_mean_bytes=RSS_BYTES * (1.0 - saved),
            system_used_mean_bytes=RSS_BYTES * (1.0 - saved),  # nothing else runs there
            workload_cpu_s=CPU_S * (1.0 + lost),
            kdamond_cpu=0.01,
        )


class Slower(ClosedForm):
    """A machine on which each run takes a little more CPU time than the run before."""

    drifts = True
    drift = 0.01

    def __init__(self) -> None:
        super().__init__()
        self._runs = 0

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        factor = 1.0 + self.drift * self._runs
        self._runs += 1
        measured = super().run(experiment, seed=seed)
        return replace(measured, workload_cpu_s=measured.workload_cpu_s * factor)


class Tuned(NamedTuple):
    """A run, and its folder."""

    out: Path
    outcome: Outcome

    @property
    def state(self) -> RunState:
        return self.outcome.state

    @property
    def trials(self) -> tuple[Trial, ...]:
        return self.outcome.trials

    @property
    def failed(self) -> int:
        return self.outcome.failed

    @property
    def recommendation(self) -> Recommendation:
        return self.outcome.recommendation


def make_file(folder: Path, keys: Mapping[str, Any] | None = None) -> WorkloadFile:
    """Write a workload of 8 trials on a grid of 8 points, two objectives, no bound; and load it."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.cfg").write_text(PATTERN)
    texts: dict[str, Any] = {
        "workload": "{pattern: tiny.cfg}",
        "search_space": EIGHT,
        "objectives": SAVING_AND_SLOWDOWN,
        "budget": "{trials: 8}",
        "sampler": "grid",
        "confirmations": 2,
        **(keys or {}),
    }
    path = folder / "my.yaml"
    path.write_text("".join(f"{k}: {v}\n" for k, v in texts.items() if v is not None))
    return load_workload_file(path)


def tune(
    tmp_path: Path,
    keys: Mapping[str, Any] | None = None,
    *,
    backend: ClosedForm | None = None,
    listeners: Sequence[Listener] = (),
    threads: int | None = None,
    name: str = "out",
) -> Tuned:
    """Run `make_file` into a new folder."""
    file = make_file(tmp_path / "user", keys)
    return tune_file(file, tmp_path / name, backend=backend, listeners=listeners, threads=threads)


def tune_file(
    file: WorkloadFile,
    out: Path,
    *,
    backend: ClosedForm | None = None,
    listeners: Sequence[Listener] = (),
    threads: int | None = None,
) -> Tuned:
    """Run a workload file into a new folder."""
    outcome = run_into(out, file, backend or ClosedForm(), listeners=listeners, threads=threads)
    return Tuned(out, outcome)


def table(tuned: Tuned, name: str) -> pd.DataFrame:
    """Read a table of a run with pandas alone."""
    return pd.read_csv(tuned.out / name)


def kept_bytes(folder: Path) -> dict[str, bytes]:
    """Everything that equal runs have in common."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"run.json", "study.db"}
    }
