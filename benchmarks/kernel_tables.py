"""Measures the stored tables of the tuner's real-kernel problems, in the micro-VM, one run at a time.

python benchmarks/kernel_tables.py [--problem NAME ...] [--schemes N] [--simulated N] [--seeds N]
    [--proposals FILE]

The tables are benchmarks/tuner/kernel/NAME.csv. What they have is not measured again; so the command can
be ended at any time and started once more. First come N schemes of a quasi-random design with two seeds,
problem by problem in turn; then N schemes that are best in the simulator; then what FILE proposes: one
JSON object a line, with `problem`, `origin` and `parameters`, and `seeds` if more than two are wanted. A
run takes about five seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune.backends.factory import make_backend
from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.cache import cache_folder
from autotune.errors import TrialError
from autotune.evaluation.kernel_table import (
    BASELINE,
    Row,
    Schemes,
    append_row,
    read_table,
    schemes_of,
)
from autotune.evaluation.tuner_judging import Judge
from autotune.evaluation.tuner_reference import Effort, promising_sets
from autotune.space.space import ParameterSet
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.unit_cube import UnitCube
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file

FOLDER = Path(__file__).parent / "tuner" / "kernel"
PROBLEMS = ("return", "graded", "descend")
DESIGN = "design"
SIMULATED = "simulator"
_DESIGN_SEED = 20
_EFFORT = Effort(lineages=2, design=256, varied=256, joint=512, rounds=2, seeds=10)


class Wanted(NamedTuple):
    """A measurement that a table should have."""

    problem: str
    origin: str
    parameters: ParameterSet
    seed: int


def load(problem: str) -> WorkloadFile:
    """Read the workload file of a problem."""
    return load_workload_file(FOLDER / f"{problem}.yaml")


def design(file: WorkloadFile, count: int) -> list[ParameterSet]:
    """Give the schemes that a space tries first, then a quasi-random design: *count* in all.

    A smaller design is the beginning of a larger one.
    """
    space = file.search_space
    proposing = Evolution(UnitCube(space), (0.0, 0.02), seed=_DESIGN_SEED)
    return [*space.initial, *proposing.design(1024)][:count]


def simulated(problem: str, count: int) -> list[ParameterSet]:
    """Give *count* schemes of those that are best in the simulator."""
    path = FOLDER / f"{problem}.yaml"
    file = load_workload_file(path, Overrides(backend="simulator"))
    judge = Judge(file, make_backend(file.backend))
    return promising_sets(file, judge, count, seed=_DESIGN_SEED, effort=_EFFORT)


def _in_turn(
    origin: str, by_problem: dict[str, list[ParameterSet]], seeds: int
) -> Iterator[Wanted]:
    for several in itertools.zip_longest(*by_problem.values()):
        for name, parameters in zip(by_problem, several, strict=True):
            for seed in range(seeds if parameters is not None else 0):
                yield Wanted(name, origin, parameters, seed)


def wanted(
    problems: list[str], count: int, best: int, seeds: int, proposals: Path | None
) -> Iterator[Wanted]:
    """Give everything that the tables should have, in the order in which it is measured."""
    yield from _in_turn(DESIGN, {name: design(load(name), count) for name in problems}, seeds)
    if best:
        by_problem = {name: simulated(name, best) for name in problems}
        yield from _in_turn(SIMULATED, by_problem, seeds)
    if proposals is not None:
        for line in proposals.read_text(encoding="utf-8").splitlines():
            asked = json.loads(line)
            if asked["problem"] in problems:
                for seed in range(asked.get("seeds", seeds)):
                    yield Wanted(asked["problem"], asked["origin"], asked["parameters"], seed)


class Tables:
    """The tables, and the machine that fills them."""

    def __init__(self, problems: list[str]) -> None:
        self._files = {name: load(name) for name in problems}
        self._vm = Vm(VmSettings(), cache_folder(), partial(print, file=sys.stderr))
        self._had: set[tuple[str, Schemes | None, int]] = set()
        for name, file in self._files.items():
            self._vm.check(file.experiment(None))
            for row in read_table(self.path(name), file.search_space):
                schemes = None if row.origin == BASELINE else schemes_of(file, row.parameters)
                self._had.add((name, schemes, row.seed))

    @staticmethod
    def path(problem: str) -> Path:
        """The file of a problem's table."""
        return FOLDER / f"{problem}.csv"

    def fill(self, one: Wanted) -> bool:
        """Measure what is wanted, and the baseline of its seed; say whether anything ran."""
        schemes = schemes_of(self._files[one.problem], one.parameters)
        if schemes is None:
            return False
        ran = self._measure(Wanted(one.problem, BASELINE, {}, one.seed), None)
        return self._measure(one, schemes) or ran

    def _measure(self, one: Wanted, schemes: Schemes | None) -> bool:
        if (one.problem, schemes, one.seed) in self._had:
            return False
        file = self._files[one.problem]
        try:
            measured = self._vm.run(file.experiment(schemes), seed=one.seed)
        except TrialError as error:
            print(f"{one}: {error}", file=sys.stderr)
            return True
        row = Row(
            origin=one.origin, parameters=one.parameters, seed=one.seed, measurement=measured
        )
        comment = f"Measured by benchmarks/kernel_tables.py on {self._vm.machine}."
        append_row(self.path(one.problem), file.search_space, row, comment=comment)
        self._had.add((one.problem, schemes, one.seed))
        return True

    def stop(self) -> None:
        """End the machine."""
        self._vm.stop()


def main() -> None:
    """Measure what the tables lack."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--problem", choices=PROBLEMS, nargs="+", default=list(PROBLEMS))
    parser.add_argument("--schemes", type=int, default=200, help="of the design, a problem")
    parser.add_argument("--simulated", type=int, default=0, help="of the simulator's best")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--proposals", type=Path, help="what to measure after the design")
    arguments = parser.parse_args()
    tables = Tables(arguments.problem)
    ran, began_s = 0, time.monotonic()
    try:
        for one in wanted(
            arguments.problem,
            arguments.schemes,
            arguments.simulated,
            arguments.seeds,
            arguments.proposals,
        ):
            ran += tables.fill(one)
            if ran and ran % 20 == 0:
                each_s = (time.monotonic() - began_s) / ran
                print(f"{ran} runs, {each_s:.1f} s each", file=sys.stderr, flush=True)
    finally:
        tables.stop()


if __name__ == "__main__":
    main()
