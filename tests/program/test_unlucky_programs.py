"""Programs that can't run as a workload file says: each gets a sentence, and its remedy helps.

What is told here is told before a machine boots. `benchmarks/unlucky.py` measures these programs after
their remedies, and has what is told later.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autotune.backends.vm.files import files_for
from autotune.errors import InputError
from autotune.evaluation.unlucky import command_in, make_files, read_cases, write_workload_file
from autotune.experiment.program import Program
from autotune.workload_file.workload_file import load_workload_file

FOLDER = Path(__file__).parents[2] / "benchmarks/unlucky"
CASES = read_cases(FOLDER / "before_boot.yaml")


def prepare(folder: Path, keys: Mapping[str, Any]) -> None:
    """Read a workload file, and find what its programs need in a micro-VM."""
    workload = load_workload_file(write_workload_file(folder, keys)).workload
    assert isinstance(workload, Program)
    files_for(workload)


@pytest.mark.parametrize("name", CASES)
def test_what_can_not_run_is_told_of_and_runs_after_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    make_files(case, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")

    with pytest.raises(InputError, match=re.escape(case.told or "")) as error:
        prepare(tmp_path, case.workload)

    assert "\n" not in str(error.value)
    if case.remedy is not None:
        prepare(tmp_path, case.remedy)
    elif command := command_in(str(error.value)):
        subprocess.run(command, shell=True, check=True)  # noqa: S602  # the remedy
        prepare(tmp_path, case.workload)


def test_each_case_of_the_benchmark_says_what_is_right() -> None:
    for name, case in read_cases(FOLDER / "running.yaml").items():
        assert case.told is not None or case.resident_mib is not None, name
