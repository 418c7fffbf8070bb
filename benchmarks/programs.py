"""Real programs in the simulator and on the real kernel: errors, rankings, and what a choice is worth.

python benchmarks/programs.py [--programs A,B] [--schemes N] [--json] [--cells] [--times]
                              [--without-windows] [--spreads] [--aggregations]
                              [--measure [--again] [--seeds N]]

The programs are the workload files in benchmarks/programs/. `--measure` records each program once in the
micro-VM and measures it there without and with each scheme; recordings/ and kernel.csv in that folder
keep what is done, so that an interrupted run goes on where it was. `--again` records anew and keeps the
measured figures. Without `--measure` only the simulator runs, on the kept recordings.

- error: median over the schemes of the absolute difference, in percentage points.
- tau: Kendall's, over the pairs of schemes that the kernel tells apart: their means differ by more than
  either scheme's figures do from seed to seed, in this program or in the median of the programs that
  were measured with several seeds (`--spreads`).
- transfer: the hypervolume, measured in the kernel, of the schemes on the simulator's front, divided by
  the hypervolume of all schemes, from the reference of 0 % saving and 50 % slowdown.
- times: the kernel's slowdown over the simulated one, of what the kernel slows down by more than 1 %.
- aggregations: how long they took in the recording, and take in the replay of it without a scheme.
- sign: how many schemes save memory on one side and cost memory on the other side.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy

from autotune import catalog
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.backends.vm.vm import Vm
from autotune.cache import cache_folder
from autotune.damon.recording import Recording
from autotune.errors import AutotuneError
from autotune.evaluation.agreement import Ranking
from autotune.evaluation.fidelity import Beside, Verdict, verdict
from autotune.evaluation.program_figures import (
    COLUMNS,
    FIGURES,
    Cell,
    beside,
    between_seeds,
    kept_figures,
    on_grid_schemes,
    usual_spreads,
    wrong_signs,
)
from autotune.experiment.measurement import Measurement
from autotune.formats import damo_record
from autotune.objective import metrics
from autotune.study.recording_run import load_for_recording, record_workload
from autotune.workload_file.workload_file import WorkloadFile

FOLDER = ROOT / "benchmarks" / "programs"
RECORDINGS = FOLDER / "recordings"
KERNEL = FOLDER / "kernel.csv"
_POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
_AT_ONCE = 2
_POLITE = 10
_SIMULATED_SEEDS = range(6)
_BASELINE = "off"
_LEAST_SLOWDOWN = 0.01


def _names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _load(name: str) -> WorkloadFile:
    """A program's workload file; in it SITE_PACKAGES stands for the folder that holds numpy."""
    path = FOLDER / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    if "SITE_PACKAGES" not in text:
        return load_for_recording(path, backend="vm", warn=partial(print, file=sys.stderr))
    filled = FOLDER / f".{name}.filled.yaml"
    filled.write_text(
        text.replace("SITE_PACKAGES", str(Path(numpy.__file__).parents[1])), encoding="utf-8"
    )
    try:
        return load_for_recording(filled, backend="vm", warn=partial(print, file=sys.stderr))
    finally:
        filled.unlink()


def _make_inputs() -> None:
    """Make what programs read and what is not kept: a class, a map, a source text, a database."""
    _make_database()
    subprocess.run(["javac", "-d", str(FOLDER), str(FOLDER / "Orders.java")], check=True)
    redirects = (f"/old/{n} /new/place/{n * 7 % 150_000}/of/page;\n" for n in range(150_000))
    (FOLDER / "redirects.map").write_text("".join(redirects), encoding="utf-8")
    functions = (
        f"int f{n}(int *a, int n) {{ int s = {n}; for (int i = 0; i < n; i++) "
        f"{{ a[i] ^= s * {n % 17 + 1}; s += a[i] > {n % 31} ? a[i] * 3 : i; }} return s; }}\n"
        for n in range(150)
    )
    (FOLDER / "generated.c").write_text("".join(functions), encoding="utf-8")


def _make_database() -> None:
    """Make PostgreSQL's files, with the accounts of its benchmark. It refuses to be run by root."""
    if (FOLDER / "database").is_dir():
        return
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder:
        if user is not None:
            shutil.chown(folder, user)
        server = f"pg_ctl -s -w -D database -l log -o '-k {folder} -p 5433'"
        for command in (
            "initdb -D database -A trust -U postgres --no-locale -E UTF8",
            f"{server} start",
            f"pgbench -q -h {folder} -p 5433 -U postgres -i -s 2 postgres",
            f"{server} stop",
        ):
            program, *arguments = shlex.split(command)
            subprocess.run(
                [str(_POSTGRESQL / program), *arguments],
                check=True,
                cwd=folder,
                user=user,
                stdout=subprocess.DEVNULL,
            )
        shutil.copytree(Path(folder) / "database", FOLDER / "database")


def _figures(measured: Measurement, baseline: Measurement) -> dict[str, float]:
    values = metrics.compute(measured, baseline, slowdown="own_cpu_slowdown")
    return {
        **{name: values[name] for name in FIGURES},
        "major_faults": float(measured.major_faults),
    }


def _measure(name: str, schemes: int, seeds: range, *, again: bool) -> None:
    """Record a program, and measure what the kept file lacks."""
    file = _load(name)
    vm = Vm(file.backend.vm, cache_folder(), partial(print, f"{name}:", file=sys.stderr))
    try:
        recording = RECORDINGS / f"{name}.damon.data"
        if again:
            recording.unlink(missing_ok=True)
        if not recording.is_file():
            RECORDINGS.mkdir(exist_ok=True)
            damo_record.save(replace(record_workload(file, vm), name=name), recording)
            print(f"{name}: recorded", file=sys.stderr)
        kept = kept_figures(KERNEL)
        chosen = on_grid_schemes(file.monitoring.intervals, schemes)
        for seed in seeds:
            missing = [one for one in chosen if Cell(name, one, seed) not in kept]
            if not missing:
                continue
            baseline = vm.run(file.experiment(None), seed=seed)
            for scheme in missing:
                measured = vm.run(file.experiment((chosen[scheme],)), seed=seed)
                _keep(Cell(name, scheme, seed), _figures(measured, baseline))
    finally:
        vm.stop()


def _keep(cell: Cell, figures: Mapping[str, float]) -> None:
    is_new = not KERNEL.is_file()
    with KERNEL.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        row = {name: f"{value:.6g}" for name, value in figures.items()}
        writer.writerow({"program": cell.program, "scheme": cell.scheme, "seed": cell.seed, **row})
    print(cell.program, cell.scheme, cell.seed, row, file=sys.stderr)


def _simulate(
    simulator: Simulator, file: WorkloadFile, recording: Recording, schemes: int
) -> dict[str, dict[str, float]]:
    """Means over the simulator's seeds, by scheme."""
    offline = replace(file, workload=recording)
    chosen = on_grid_schemes(file.monitoring.intervals, schemes)
    means = {}
    baselines = [simulator.run(offline.experiment(None), seed=s) for s in _SIMULATED_SEEDS]
    for name, scheme in chosen.items():
        rows = [
            _figures(simulator.run(offline.experiment((scheme,)), seed=s), baseline)
            for s, baseline in zip(_SIMULATED_SEEDS, baselines, strict=True)
        ]
        means[name] = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
    return means


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _row(name: str, judged: Verdict, signs: int) -> dict[str, Any]:
    saving, slowdown = (judged.figures[figure] for figure in FIGURES)
    return {
        "program": name,
        "saving_error": saving.error,
        "saving_tau": saving.ranking.tau,
        "saving_pairs": saving.ranking.pairs,
        "slowdown_error": slowdown.error,
        "slowdown_tau": slowdown.ranking.tau,
        "transfer": judged.transfer,
        "wrong_signs": signs,
    }


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    print(
        f"{'program':<12} {'saving: error':>13} {'tau':>5} {'pairs':>5} {'slowdown: error':>15} "
        f"{'tau':>5} {'transfer':>8} {'sign':>4}"
    )
    for row in rows:
        print(
            f"{row['program']:<12} {_points(row['saving_error']):>13} "
            f"{_number(row['saving_tau']):>5} {row['saving_pairs']:>5} "
            f"{_points(row['slowdown_error']):>15} {_number(row['slowdown_tau']):>5} "
            f"{_number(row['transfer']):>8} {row['wrong_signs']:>4}"
        )


def _print_cells(
    programs: Sequence[Beside],
    faults: Mapping[str, Mapping[str, tuple[float, float]]],
) -> None:
    print(
        f"\n{'program':<12} {'scheme':<22} {'saving: sim':>11} {'kernel':>8} "
        f"{'slowdown: sim':>13} {'kernel':>8} {'faults: sim':>11} {'kernel':>8}"
    )
    for one in programs:
        for number, scheme in enumerate(one.schemes):
            predicted, kernel = one.predicted[number], one.kernel[number].mean(axis=0)
            simulated, real = faults[one.pattern][scheme]
            print(
                f"{one.pattern:<12} {scheme:<22} {_points(predicted[0]):>11} "
                f"{_points(kernel[0]):>8} {_points(predicted[1]):>13} {_points(kernel[1]):>8} "
                f"{simulated:>11.0f} {real:>8.0f}"
            )


def _print_times(programs: Sequence[Beside]) -> None:
    """Print how many times as large as the simulated slowdowns the kernel's are."""
    times = sorted(
        float(kernel.mean(axis=0)[1]) / max(float(predicted[1]), _LEAST_SLOWDOWN)
        for one in programs
        for predicted, kernel in zip(one.predicted, one.kernel, strict=True)
        if kernel.mean(axis=0)[1] > _LEAST_SLOWDOWN
    )
    tenths = statistics.quantiles(times, n=10)
    print(
        f"\nkernel's slowdown over the simulated one: a tenth below {tenths[0]:.2f}, median "
        f"{statistics.median(times):.2f}, a tenth above {tenths[-1]:.2f} ({len(times)} cells)"
    )


def _print_spreads(programs: Sequence[Beside], kernel: Mapping[Cell, Mapping[str, float]]) -> None:
    """Print how far apart the kernel's seeds are: by scheme, in the median of programs, and in order."""
    print(
        f"\n{'scheme':<22} {'saving: seeds apart':>19} {'slowdown: seeds apart':>21} {'programs':>8}"
    )
    for scheme, spreads in usual_spreads(kernel).items():
        seeds = Counter(cell.program for cell in kernel if cell.scheme == scheme)
        several = sum(count > 1 for count in seeds.values())
        saving, slowdown = (_points(spreads[figure]) for figure in FIGURES)
        print(f"{scheme:<22} {saving:>19} {slowdown:>21} {several:>8}")
    by_kernel = by_prediction = Ranking(score=0, pairs=0)
    for one in programs:
        found = between_seeds(one)
        by_kernel, by_prediction = by_kernel + found[0], by_prediction + found[1]
    print(
        f"\nsavings over a point apart in one seed: ranked by another seed {_number(by_kernel.tau)}, by "
        f"the simulator {_number(by_prediction.tau)} ({by_kernel.pairs} pairs)"
    )


def _print_aggregations(simulator: Simulator, names: Sequence[str]) -> None:
    """Print how long aggregations were in each recording, and are in its replay without a scheme."""
    print(f"\n{'program':<12} {'aggregation: recorded':>21} {'replayed':>9}")
    for name in names:
        file, recording = _load(name), damo_record.load(RECORDINGS / f"{name}.damon.data")
        ends = [snapshot.end_us for snapshot in recording.snapshots]
        recorded_ms = (ends[-1] - ends[0]) / (len(ends) - 1) / 1000
        replayed = simulator.run(replace(file, workload=recording).experiment(()), seed=0)
        if (conditions := replayed.conditions) is not None:
            replayed_ms = 1000 * conditions.monitored_s / conditions.aggregations
            print(f"{name:<12} {recorded_ms:>18.1f} ms {replayed_ms:>6.1f} ms")


def _measure_all(names: Sequence[str], arguments: argparse.Namespace) -> None:
    """Measure what the kept files lack, two programs at a time; a program that fails is named."""
    os.nice(_POLITE)
    _make_inputs()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = {
            name: pool.submit(
                _measure,
                name,
                arguments.schemes,
                range(arguments.seeds),
                again=arguments.again,
            )
            for name in names
        }
    for name, job in jobs.items():
        if isinstance(error := job.exception(), AutotuneError):
            print(f"{name}: {error}", file=sys.stderr)
        else:
            job.result()


def main() -> None:
    """Measure what is missing if asked to; print a row a program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", default=",".join(_names()), help="names, with commas")
    parser.add_argument("--schemes", type=int, default=8, help="only the first N")
    parser.add_argument("--seeds", type=int, default=1, help="of the kernel")
    parser.add_argument("--measure", action="store_true", help="what the kept files lack")
    parser.add_argument("--again", action="store_true", help="record anew")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--times", action="store_true", help="slowdowns, kernel over simulator")
    parser.add_argument("--spreads", action="store_true", help="how far the kernel's seeds differ")
    parser.add_argument("--aggregations", action="store_true", help="how long they are")
    parser.add_argument("--without-windows", action="store_true", help="play only what DAMON saw")
    parser.add_argument("--cells", action="store_true", help="each scheme of each program too")
    arguments = parser.parse_args()
    names = arguments.programs.split(",")
    if arguments.measure:
        _measure_all(names, arguments)
    simulator = Simulator(load_machine(catalog.find("micro-vm", "machines", Path())))
    kernel = kept_figures(KERNEL)
    programs: list[Beside] = []
    faults: dict[str, dict[str, tuple[float, float]]] = {}
    for name in names:
        path = RECORDINGS / f"{name}.damon.data"
        if not path.is_file():
            continue
        recording = damo_record.load(path)
        if arguments.without_windows:
            recording = replace(recording, references=())
        simulated = _simulate(simulator, _load(name), recording, arguments.schemes)
        one = beside(name, kernel, simulated)
        if one is None:
            continue
        programs.append(one)
        faults[name] = {
            scheme: (
                simulated[scheme]["major_faults"],
                statistics.mean(
                    figures["major_faults"]
                    for cell, figures in kernel.items()
                    if (cell.program, cell.scheme) == (name, scheme)
                ),
            )
            for scheme in one.schemes
        }
    rows = [_row(one.pattern, verdict([one]), len(wrong_signs(one))) for one in programs]
    if programs:
        signs = sum(row["wrong_signs"] for row in rows)
        rows.append(_row("all", verdict(programs), signs))
    if arguments.json:
        print(json.dumps({"programs": rows}, indent=1))
        return
    _print_table(rows)
    if arguments.cells:
        _print_cells(programs, faults)
    if arguments.times:
        _print_times(programs)
    if arguments.spreads:
        _print_spreads(programs, kernel)
    if arguments.aggregations:
        _print_aggregations(simulator, [one.pattern for one in programs])


if __name__ == "__main__":
    main()
