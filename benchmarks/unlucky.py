"""What is said of 100 wrong or unlucky programs, and whether it helps to do what is said.

python benchmarks/unlucky.py [--list] [--faults] [NAME...]

The programs are in benchmarks/unlucky/: before_boot.yaml has those that are told of before a machine
boots, running.yaml the others. Each program is measured in the micro-VM with the scheme prcl-3s. It must
give figures, with resident memory as the case says, or a sentence; then the program runs again as the
remedy of that sentence says, and must give figures, and the sentence must be gone. Where a micro-VM has
no remedy, the sentence is all.

Prints a row for each program while it runs, and a table at the end; ends with status 1 if one is not as
it should be. `--faults` leaves out of the table what is. A program takes 30 to 60 s on an idle machine,
all of them some 90 minutes. A program that needs what is not installed is left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autotune.evaluation.unlucky import (
    Case,
    command_in,
    make_files,
    read_cases,
    write_workload_file,
)

FOLDER = ROOT / "benchmarks" / "unlucky"
_TIMEOUT_S = 1800
_MIB = 1 << 20
_LONGEST_ROW = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What measuring a program gave.

    Attributes:
        record: What was printed as JSON; None if the measurement failed.
        printed: The last error, or all warnings, as one line.
        traceback: Whether the command itself failed with a traceback.
    """

    record: Mapping[str, Any] | None
    printed: str
    traceback: bool

    @property
    def resident_mib(self) -> float | None:
        """The mean of resident memory without a scheme, in MiB; None if the measurement failed."""
        return None if self.record is None else self.record["baseline"]["rss_mean_bytes"] / _MIB

    @property
    def figures(self) -> str:
        """The figures in words."""
        if self.record is None or self.resident_mib is None:
            return "no figures"
        slowdown = self.record["metrics"]["slowdown"]
        known = "unknown" if slowdown is None else f"{100 * slowdown:.1f} %"
        return f"{self.resident_mib:.1f} MiB resident, slowdown {known}"


class Measured:
    """Measures programs. What has been measured is not measured again: many remedies are alike.

    Args:
        folder: Where the workload files are written. It is the same for all cases, since a path that
            differs makes another machine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Answer] = {}

    def answer(self, case: Case, workload: Mapping[str, Any], vm: Mapping[str, Any]) -> Answer:
        """Measure a program of a case, whose files are there."""
        key = json.dumps([workload, vm, dict(case.files), case.prepare])
        if key not in self._known:
            self._known[key] = self._measure(workload, vm)
        return self._known[key]

    def forget(self) -> None:
        """Measure anew from now on: a remedy has changed the files."""
        self._known.clear()

    def _measure(self, workload: Mapping[str, Any], vm: Mapping[str, Any]) -> Answer:
        path = write_workload_file(self._folder, workload, vm)
        command = [sys.executable, "-m", "autotune", "measure", str(path)]
        done = subprocess.run(
            [*command, "--scheme", "prcl-3s", "--json"],
            cwd=ROOT,
            env=os.environ
            | {"PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        record = None if done.returncode else json.loads(done.stdout)
        said = [line for line in done.stderr.splitlines() if not line.startswith("note:")]
        failed = any(line.startswith("Traceback") for line in said)
        beside = [] if record is None else [record["missing"], record["doubts"], record["reason"]]
        printed = " ".join((*said, *map(str, beside)))
        return Answer(record=record, printed=printed, traceback=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        name: The case.
        faults: What is not as it should be.
        said: What was said of the program.
        after: The figures, after the remedy if there is one.
        took_s: How long it took, in seconds.
    """

    name: str
    faults: tuple[str, ...]
    said: str
    after: str
    took_s: float


def _short(said: str) -> str:
    text = said.removeprefix("error: ")
    return text if len(text) <= _LONGEST_ROW else text[:_LONGEST_ROW] + "..."


def judge(name: str, case: Case, folder: Path, measured: Measured) -> Row:
    """Measure a program, and again after its remedy."""
    began_s = time.monotonic()
    make_files(case, folder)
    faults = []
    first = last = measured.answer(case, case.workload, case.vm)
    if first.traceback:
        faults.append("a traceback")
    if case.told is not None and case.told not in first.printed:
        faults.append(f"does not say '{case.told}': {_short(first.printed)}")
    remedy, command = case.remedy, None
    if case.told is not None and remedy is None and (command := command_in(first.printed)):
        subprocess.run(command, shell=True, cwd=folder, check=True)  # noqa: S602  # the remedy
        remedy = case.workload
        measured.forget()
    if remedy is not None:
        last = measured.answer(case, remedy, case.remedy_vm or case.vm)
        if case.told is not None and case.told in last.printed:
            faults.append("says the same after its remedy")
    if (case.told is None or remedy is not None) and last.record is None:
        faults.append(f"gives no figures: {last.printed}")
    if case.resident_mib is not None and last.resident_mib is not None:
        low, high = case.resident_mib
        if not low <= last.resident_mib <= high:
            faults.append(f"{last.resident_mib:.1f} MiB is not between {low} and {high}")
    return Row(
        name=name,
        faults=tuple(faults),
        said=first.printed if case.told is not None else "",
        after=last.figures,
        took_s=time.monotonic() - began_s,
    )


def main() -> int:
    """Measure the programs whose names were given, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="Print the names only.")
    parser.add_argument("--faults", action="store_true", help="Only what is not as it should be.")
    options = parser.parse_args()
    files = (FOLDER / "before_boot.yaml", FOLDER / "running.yaml")
    cases = {name: case for file in files for name, case in read_cases(file).items()}
    if options.list:
        print("\n".join(cases))
        return 0
    rows: list[Row] = []
    left_out = []
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "case")
        measured = Measured(folder)
        for name in options.names or cases:
            if name not in cases:
                parser.error(f"no case '{name}': --list prints all")
            if lacks := [need for need in cases[name].needs if shutil.which(need) is None]:
                left_out.append(f"{name} (needs {', '.join(lacks)})")
                continue
            folder.mkdir()
            row = judge(name, cases[name], folder, measured)
            shutil.rmtree(folder)
            rows.append(row)
            verdict = "as it should be" if not row.faults else f"NOT: {'; '.join(row.faults)}"
            print(f"{name}: {verdict} ({row.took_s:.0f} s): {row.after}", flush=True)
    wrong = [row for row in rows if row.faults]
    print("\n| program | what was said | then |\n|---|---|---|")
    for row in wrong if options.faults else rows:
        said = _short(row.said).replace("|", "\\|") or "-"
        print(f"| {row.name} | {said} | {'; '.join((*row.faults, row.after))} |")
    for text in left_out:
        print(f"left out: {text}")
    print(f"{len(wrong)} of {len(rows)} not as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
