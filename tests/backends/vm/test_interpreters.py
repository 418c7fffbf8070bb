from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.backends.vm.files import files_for
from autotune.backends.vm.interpreters import ask_for_library
from autotune.backends.vm.programs import find_program
from autotune.experiment.program import Program
from tests.backends.vm.empty_root import lay_out, run_in

SMALL_PROGRAMS = {
    "python3": ("-c", "import json, decimal, sqlite3, multiprocessing; print(json.dumps([1]))"),
    "perl": ("-e", "use strict; use POSIX; use List::Util 'sum'; print sum(1, 2), qq(\n)"),
    "ruby": ("-e", "require 'set'; puts Set.new([1]).size"),
    "lua": ("-e", "print(#package.path > 0)"),
}


@pytest.mark.parametrize("name", SMALL_PROGRAMS)
def test_an_interpreter_runs_in_a_root_with_its_files_only(tmp_path: Path, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"NOT TESTED: this machine has no {name}")
    command = (name, *SMALL_PROGRAMS[name])
    outside = subprocess.run(command, capture_output=True, text=True, check=True)
    files = files_for(Program(command=command))
    lay_out(files.entries, tmp_path)
    (tmp_path / "dev").mkdir(exist_ok=True)
    (tmp_path / "dev/null").touch()

    answer = run_in(tmp_path, command, {"PATH": files.search_path})

    assert answer.stdout == outside.stdout, answer.stderr


def test_a_virtual_environment_brings_its_packages(tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", home), check=True)
    library = ask_for_library(home / "bin/python")
    assert library is not None
    [packages] = library.own
    (packages / "mine.py").write_text("print('mine')\n")
    command = (str(home / "bin/python"), "-c", "import mine")
    (tmp_path / "root").mkdir()
    lay_out(files_for(Program(command=command)).entries, tmp_path / "root")

    answer = run_in(tmp_path / "root", command)

    assert packages.is_relative_to(home)
    assert answer.stdout == "mine\n", answer.stderr


def test_a_python_comes_without_its_tests_and_its_packages() -> None:
    python = find_program("python3")
    library = ask_for_library(python)
    assert library is not None
    [standard] = library.standard

    files = files_for(Program(command=(str(python), "-c", "1")))

    inside = [
        Path(entry.path).relative_to(standard.resolve()).parts[0]
        for entry in files.entries
        if entry.path.startswith(f"{standard.resolve()}/")
    ]
    assert {"encodings", "os.py", "json"} <= set(inside)
    assert not {"test", "site-packages", "dist-packages"} & set(inside)


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho nothing\n"])
def test_what_gives_no_answer_has_no_library(tmp_path: Path, text: str) -> None:
    program = tmp_path / "python3"
    program.write_text(text)
    program.chmod(0o755)

    library = ask_for_library(program)

    assert library is None or library.folders == ()


def test_another_program_is_not_asked(tmp_path: Path) -> None:
    program = tmp_path / "serve"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    program.chmod(0o755)

    assert ask_for_library(program) is None
    assert not (tmp_path / "asked").exists()
