"""Tuners compared: problem x method x seed, into a folder that a repeated command continues.

python benchmarks/tuner.py FOLDER [--quick] [--problem GLOB ...] [--method NAME ...] [--seeds N]
    [--budget N ...] [--judging N] [--workers N] [--minutes M] [--add FILE] [--report]
python benchmarks/tuner.py FOLDER --wall [--problem GLOB ...] [--method NAME ...]
python benchmarks/tuner.py FOLDER --proposals FILE

FOLDER gets references/NAME.json (the best that a problem has, computed once), runs.jsonl (a line a run,
judged), report.md and curve-KIND.svg. `--quick` takes five minutes: few problems, three seeds, smaller
references; it needs a folder of its own. `--minutes` starts nothing more after so long. `--add` takes
runs over that another version of the program made, in the format of runs.jsonl. `--report` only writes
the tables. `live/NAME` runs and judges in the micro-VM, and must be asked for by name: take few seeds,
and `--judging 10`. `--wall` prints the wall time of `python -m autotune run` on the simulator's
problems. `--proposals` writes what was found best on the kernel's problems, for
kernel_tables.py.

docs/comparing-tuners.md says what the problems and the figures are.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune import samplers
from autotune.evaluation.kernel_table import read_table, schemes_of, stored
from autotune.evaluation.stored_kernel import StoredKernel
from autotune.evaluation.tuner_judging import Judge, Judged
from autotune.evaluation.tuner_kernel_model import cross_validated
from autotune.evaluation.tuner_plot import Curve, curves_svg
from autotune.evaluation.tuner_problems import Kind, Problem, problems, simulated
from autotune.evaluation.tuner_reference import (
    Best,
    Effort,
    Reference,
    find_reference,
    slowdown_limit,
    with_found,
)
from autotune.evaluation.tuner_responses import RecordedResponse
from autotune.evaluation.tuner_runs import (
    METHODS,
    Run,
    judge_run,
    judged_dict,
    run_method,
)
from autotune.evaluation.tuner_tables import (
    Results,
    median,
    number,
    response_table,
    table,
    ways,
)
from autotune.space.space import ParameterSet

PROBLEMS = Path(__file__).parent / "tuner"
_REFERENCE_SEED = 9
_TRIED = 8
_JUDGING_SEEDS = 40
_POLITE = 10
_QUICK_MINUTES = 4.0
_QUICK_PROBLEMS = (
    "simulator/hot-cold",
    "simulator/drift",
    "simulator/hot",
    "bent/drift-true",
    "kernel/return",
    "responses/*",
)
_QUICK_EFFORT = Effort(lineages=2, design=128, varied=128, joint=256, rounds=2, seeds=20)

_BUDGETS: dict[Kind, tuple[int, ...]] = {
    Kind.SIMULATOR: (60,),
    Kind.BENT: (8, 16, 32, 64),
    Kind.KERNEL: (4, 8, 16, 32, 64, 128),
    Kind.LIVE: (8, 16),
    Kind.RESPONSE: (10, 20),
}
_AUTOS_BUDGETS: dict[Kind, tuple[int | None, ...]] = {
    Kind.SIMULATOR: (None,),
    Kind.BENT: (4, 8, 16),
    Kind.KERNEL: (4, 6, 8, 16),
    Kind.LIVE: (8,),
    Kind.RESPONSE: (10, 20),
}
"""A study without a number of trials takes the default of its sampler."""
_QUICK_BUDGETS = {Kind.BENT: (8,), Kind.KERNEL: (8, 16)}
_WITHOUT_SIMULATOR = (Kind.SIMULATOR, Kind.KERNEL, Kind.LIVE, Kind.RESPONSE)
_ONLY: dict[str, tuple[Kind, ...]] = {
    "auto": (Kind.SIMULATOR, Kind.BENT, Kind.KERNEL, Kind.LIVE),
    "auto, no prior": (Kind.BENT, Kind.KERNEL, Kind.LIVE, Kind.RESPONSE),
    "auto, wrong prior": (Kind.KERNEL, Kind.LIVE),
    "polyfit, its peak": (Kind.RESPONSE,),
    **dict.fromkeys(("nsga2", "random", "sweep", "polyfit", "refaults"), _WITHOUT_SIMULATOR),
}
"""The kinds of problems on which a method says something. Nobody knows the programs of the recorded
responses; and whether the simulator is wrong says nothing of methods that don't look at it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A run that a folder should have."""

    problem: str
    method: str
    budget: int | None
    seed: int

    @property
    def key(self) -> tuple[str, str, int | None, int]:
        """As `Run.key`."""
        return self.problem, self.method, self.budget, self.seed


@cache
def _all_problems() -> dict[str, Problem]:
    return problems(PROBLEMS)


@cache
def _judge(name: str) -> Judge:
    problem = _all_problems()[name]
    return Judge(problem.plain, problem.make())


def _run(task: Task, seeds: int) -> Run:
    problem = _all_problems()[task.problem]
    judge = _judge(task.problem)
    run = run_method(
        problem, judge.backend, METHODS[task.method], budget=task.budget, seed=task.seed
    )
    return judge_run(run, problem, judge, seeds=seeds)


def _judged(run: Run, seeds: int) -> Run:
    return judge_run(run, _all_problems()[run.problem], _judge(run.problem), seeds=seeds)


def _reference(name: str, effort: Effort) -> tuple[str, Reference]:
    judge = _judge(name)
    if isinstance(judge.backend, StoredKernel):
        effort = replace(effort, tried=_TRIED)
    found = find_reference(_all_problems()[name].plain, judge, seed=_REFERENCE_SEED, effort=effort)
    return name, found


def _live_reference(name: str, of_stored: Reference, seeds: int) -> tuple[str, Reference]:
    """Run what the stored problem's reference has, live: there it may be worth less."""
    problem, judge = _all_problems()[name], _judge(name)
    found = [
        Best(parameters=one.parameters, judged=judge.judge(schemes, seeds))
        for one in of_stored.handful
        if (schemes := schemes_of(problem.plain, one.parameters)) is not None
    ]
    nothing = Reference(
        handful=(), volume=0.0, whole=0.0, most_saved=0.0, tried=len(found), judged=len(found)
    )
    return name, with_found(nothing, found, slowdown_limit(problem.plain))


def _of_stored(name: str) -> str:
    """Give the stored problem of a live one."""
    return name.replace("live/", "kernel/")


class Folder:
    """Where references and runs are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "references").mkdir(parents=True, exist_ok=True)

    def _reference_path(self, name: str) -> Path:
        return self.path / "references" / f"{name.replace('/', '.')}.json"

    def reference(self, name: str) -> Reference | None:
        """Give a kept reference; None if there is none."""
        path = self._reference_path(name)
        if not path.is_file():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("fingerprint") != _all_problems()[name].fingerprint:
            sys.exit(f"{path}: {name} has changed since then: take another folder")
        handful = tuple(
            Best(parameters=one["parameters"], judged=Judged(**one["judged"]))
            for one in kept.pop("handful")
        )
        return Reference(handful=handful, **kept)

    def keep_reference(self, name: str, found: Reference) -> None:
        """Keep a reference."""
        kept = {
            "fingerprint": _all_problems()[name].fingerprint,
            "handful": [
                {"parameters": dict(one.parameters), "judged": judged_dict(one.judged)}
                for one in found.handful
            ],
            "volume": found.volume,
            "whole": found.whole,
            "most_saved": found.most_saved,
            "tried": found.tried,
            "judged": found.judged,
        }
        text = json.dumps(kept, indent=1) + "\n"
        self._reference_path(name).write_text(text, encoding="utf-8")

    def runs(self) -> list[Run]:
        """Give the kept runs; of runs with equal keys, the last."""
        path = self.path / "runs.jsonl"
        if not path.is_file():
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        by_key = {run.key: run for run in (Run.from_dict(json.loads(line)) for line in lines)}
        return list(by_key.values())

    def keep_run(self, run: Run) -> None:
        """Keep a run."""
        with (self.path / "runs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(run.to_dict()) + "\n")


def _budgets(
    problem: Problem, method: str, asked: Sequence[int], *, quick: bool
) -> tuple[int | None, ...]:
    if problem.kind not in _ONLY.get(method, tuple(Kind)):
        return ()
    if asked:
        return tuple(asked)
    if quick and problem.kind in _QUICK_BUDGETS:
        return _QUICK_BUDGETS[problem.kind]
    return (_AUTOS_BUDGETS if METHODS[method].sampler == samplers.AUTO else _BUDGETS)[problem.kind]


def _tasks(
    chosen: Sequence[Problem],
    methods: Sequence[str],
    seeds: int,
    budgets: Sequence[int],
    *,
    quick: bool,
) -> Iterator[Task]:
    """Give all runs: each seed of everything before the next seed, and what takes no time first."""
    at_once = (Kind.RESPONSE, Kind.KERNEL)
    in_order = sorted(chosen, key=lambda problem: problem.kind not in at_once)
    for seed in range(seeds):
        for problem in in_order:
            for method in methods:
                for budget in _budgets(problem, method, budgets, quick=quick):
                    yield Task(problem.name, method, budget, seed)


class Work:
    """Fills a folder, with several processes, until a time."""

    def __init__(self, folder: Folder, workers: int, minutes: float | None) -> None:
        self.folder = folder
        self._workers = workers
        self._end_s = None if minutes is None else time.monotonic() + 60.0 * minutes

    def _in_time(self) -> bool:
        return self._end_s is None or time.monotonic() < self._end_s

    def _each(self, function: Any, arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Call a function in other processes; give results as they come, until the time is over."""
        context = multiprocessing.get_context("spawn")
        waiting = list(arguments)[::-1]
        with ProcessPoolExecutor(self._workers, mp_context=context) as pool:
            running: set[Future[Any]] = set()
            while (waiting and self._in_time()) or running:
                while waiting and len(running) < 2 * self._workers and self._in_time():
                    running.add(pool.submit(function, *waiting.pop()))
                done = next(as_completed(running))
                running.remove(done)
                yield done.result()

    def references(self, chosen: Sequence[Problem], effort: Effort, seeds: int) -> None:
        """Compute the references that are missing; live ones are judged with *seeds* seeds."""
        names = [problem.name for problem in chosen if problem.kind is not Kind.RESPONSE]
        missing = [
            (name, effort)
            for name in dict.fromkeys(_of_stored(name) for name in names)
            if self.folder.reference(name) is None
        ]
        self._keep(self._each(_reference, missing))
        live = [
            (name, of_stored, seeds)
            for name in names
            if _all_problems()[name].kind is Kind.LIVE
            and self.folder.reference(name) is None
            and (of_stored := self.folder.reference(_of_stored(name))) is not None
        ]
        self._keep(self._each(_live_reference, live))

    def _keep(self, references: Iterable[tuple[str, Reference]]) -> None:
        for name, found in references:
            self.folder.keep_reference(name, found)
            print(f"reference of {name}: {found.most_saved:.3f} saved", file=sys.stderr)

    def runs(self, tasks: Sequence[Task], seeds: int) -> None:
        """Make the runs that are missing."""
        had = {run.key for run in self.folder.runs()}
        missing = [(task, seeds) for task in tasks if task.key not in had]
        for done, run in enumerate(self._each(_run, missing), 1):
            self.folder.keep_run(run)
            print(f"{done}/{len(missing)} {run.key}", file=sys.stderr)

    def judge(self, seeds: int) -> None:
        """Judge runs that were taken over."""
        missing = [
            (run, seeds)
            for run in self.folder.runs()
            if run.recommended
            and not run.judged
            and run.regret is None
            and run.problem in _all_problems()
        ]
        for run in self._each(_judged, missing):
            self.folder.keep_run(run)


def _curves(results: Results) -> dict[str, Curve]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for way in ways(results.runs, list(METHODS)):
        runs = results.of(way=way)
        shares = [
            median(results.score(run).share for run in results.of(problem, way))
            for problem in results.problems()
        ]
        known = [share for share in shares if share is not None]
        trials = median(float(run.trials) for run in runs)
        if known and trials:
            curves.setdefault(way[0], []).append((trials, sum(known) / len(known)))
    return {name: sorted(curve) for name, curve in curves.items()}


_TITLES = {
    Kind.SIMULATOR: "The simulator, tuned at its own speed",
    Kind.BENT: "Stand-ins for a kernel, about which the simulator is wrong",
    Kind.KERNEL: "Stored runs of the real kernel",
    Kind.LIVE: "The real kernel, live",
}


def report(folder: Folder, asked: Sequence[str]) -> str:
    """Write the tables and the plots; give the tables."""
    every = _all_problems()
    runs = [run for run in folder.runs() if run.problem in every]
    order = ["before", *METHODS]
    parts = ["# Tuners compared\n"]
    notes = [missing for name in asked if (missing := METHODS[name].missing())]
    notes += sorted({f"{run.method}: {run.failure}" for run in runs if run.failure is not None})
    parts += [f"{note}\n" for note in notes]
    for kind, title in _TITLES.items():
        of_kind = [run for run in runs if every[run.problem].kind is kind]
        names = sorted({run.problem for run in of_kind})
        kept = {name: one for name in names if (one := folder.reference(name)) is not None}
        limits = {name: slowdown_limit(every[name].plain) for name in kept}
        references = {
            name: with_found(one, _found(of_kind, name), limits[name])
            for name, one in kept.items()
        }
        results = Results(of_kind, references, limits, order)
        if not results.runs:
            continue
        parts += [f"## {title}\n", results.summary()]
        parts += ["Volume, of the reference's best seven:\n"]
        parts += [results.by_problem(lambda score: score.share, percent=False)]
        parts += ["Loss of the best under the limit, points:\n"]
        parts += [results.by_problem(lambda score: score.loss, percent=True)]
        if kind is not Kind.SIMULATOR:
            parts += ["Trials (starts of the workload) to 95 %:\n", results.trials_to_enough()]
        parts += ["References:\n", results.reference_rows()]
        svg = curves_svg(title, _curves(results))
        (folder.path / f"curve-{kind.value}.svg").write_text(svg, encoding="utf-8")
    if validated := _validated({run.problem for run in runs}):
        parts += ["Cross-validated error of the models between stored schemes:\n", validated]
    if answers := [run for run in runs if run.regret is not None]:
        best = {run.problem: _best_score(run.problem) for run in answers}
        parts += ["## Recorded responses\n", response_table(answers, best, order)]
    text = "\n".join(parts)
    (folder.path / "report.md").write_text(text, encoding="utf-8")
    return text


def _found(runs: Iterable[Run], problem: str) -> Iterator[Best]:
    """Give every scheme that a run on a problem recommended."""
    for run in runs:
        if run.problem == problem:
            for parameters, judged in zip(run.recommended, run.judged, strict=True):
                yield Best(parameters=parameters, judged=judged)


def _best_score(name: str) -> float:
    backend = _all_problems()[name].make()
    return max(backend.scores) if isinstance(backend, RecordedResponse) else 0.0


def _validated(ran: set[str]) -> str:
    rows = []
    for problem in _all_problems().values():
        if problem.kind is Kind.KERNEL and problem.name in ran:
            file = problem.plain
            schemes = stored(read_table(problem.path.with_suffix(".csv"), file.search_space), file)
            rows += [
                [
                    f"{problem.name}, {one.name}",
                    str(one.schemes),
                    number(one.error, 2, percent=True),
                    number(one.mean_error, 2, percent=True),
                    number(one.simulated, 2, percent=True),
                    number(one.noise, 2, percent=True),
                    number(one.rank),
                ]
                for one in cross_validated(schemes, simulated(problem.path))
            ]
    header = [
        "problem, figure",
        "schemes",
        "median error, points",
        "mean error, points",
        "simulator alone, points",
        "two runs apart, points",
        "rank",
    ]
    return table(header, rows) if rows else ""


def wall(folder: Folder, chosen: Sequence[Problem], methods: Sequence[str]) -> None:
    """Print the wall time of whole runs from the command line, one at a time."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for problem in chosen:
            if problem.kind is Kind.SIMULATOR:
                for method in methods:
                    out = Path(scratch) / f"{problem.path.stem}-{method}"
                    command = [sys.executable, "-m", "autotune", "run", str(problem.path)]
                    command += ["--sampler", METHODS[method].sampler, "--out", str(out)]
                    began, began_s = os.times(), time.perf_counter()
                    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
                    took_s, ended = time.perf_counter() - began_s, os.times()
                    cpu_s = ended[2] + ended[3] - began[2] - began[3]
                    rows.append([f"{problem.name}, {method}", number(took_s), number(cpu_s)])
    text = table(["run", "wall, s", "CPU, s"], rows)
    (folder.path / "wall.md").write_text(text, encoding="utf-8")
    print(text)


def proposals(folder: Folder, path: Path) -> None:
    """Write what was found best on the kernel's problems, each parameter set once."""
    found: dict[str, dict[str, Any]] = {}
    for problem, origin, parameters in _found_best(folder):
        line = {"problem": problem, "origin": origin, "parameters": dict(parameters)}
        found.setdefault(json.dumps([problem, line["parameters"]], sort_keys=True), line)
    text = "".join(json.dumps(line) + "\n" for line in found.values())
    path.write_text(text, encoding="utf-8")


def _found_best(folder: Folder) -> Iterator[tuple[str, str, ParameterSet]]:
    """Give the references' schemes, and what methods recommended, seed by seed."""
    kernels = [one for one in _all_problems().values() if one.kind is Kind.KERNEL]
    for problem in kernels:
        reference = folder.reference(problem.name)
        for one in reference.handful if reference is not None else ():
            yield problem.path.stem, "reference", one.parameters
    names = {problem.name: problem.path.stem for problem in kernels}
    for run in sorted(folder.runs(), key=lambda run: (run.seed, str(run.key))):
        for parameters in run.recommended if run.problem in names else ():
            yield names[run.problem], run.method.replace(",", ""), parameters


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="five minutes")
    parser.add_argument("--problem", nargs="+", metavar="GLOB")
    parser.add_argument("--method", nargs="+", choices=METHODS)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--budget", type=int, nargs="+", default=(), help="trials, not as usual")
    parser.add_argument("--judging", type=int, default=_JUDGING_SEEDS, help="seeds a scheme")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, help="start nothing more after so long")
    parser.add_argument("--add", type=Path, help="take runs over from a file")
    parser.add_argument("--report", action="store_true", help="only write the tables")
    parser.add_argument("--wall", action="store_true", help="time whole runs")
    parser.add_argument("--proposals", type=Path, help="write what kernel_tables.py may measure")
    return parser.parse_args()


def main() -> None:
    """Fill the folder, and print its tables."""
    arguments = _parsed()
    quick: bool = arguments.quick
    globs = arguments.problem or (_QUICK_PROBLEMS if quick else ("*",))
    chosen = [
        problem
        for name, problem in _all_problems().items()
        if any(fnmatch.fnmatch(name, glob) for glob in globs)
        and (problem.kind is not Kind.LIVE or any(glob.startswith("live/") for glob in globs))
    ]
    asked = arguments.method or list(METHODS)
    methods = [name for name in asked if METHODS[name].missing() is None]
    folder = Folder(arguments.folder)
    if arguments.wall:
        wall(folder, chosen, methods)
        return
    if arguments.proposals is not None:
        proposals(folder, arguments.proposals)
        return
    if arguments.add is not None:
        for line in arguments.add.read_text(encoding="utf-8").splitlines():
            folder.keep_run(Run.from_dict(json.loads(line)))
    if not arguments.report:
        minutes = arguments.minutes or (_QUICK_MINUTES if quick else None)
        judging = _QUICK_EFFORT.seeds if quick else arguments.judging
        os.nice(_POLITE)
        work = Work(folder, arguments.workers, minutes)
        work.references(chosen, _QUICK_EFFORT if quick else Effort(), judging)
        work.judge(judging)
        seeds = arguments.seeds or (3 if quick else 20)
        work.runs(list(_tasks(chosen, methods, seeds, arguments.budget, quick=quick)), judging)
    print(report(folder, asked))


if __name__ == "__main__":
    main()
