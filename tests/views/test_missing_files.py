from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from autotune.backends.vm.missing import Lack
from autotune.experiment.program import Program
from autotune.views.missing_files import files_key


def test_the_lines_are_yaml_with_what_was_listed_before() -> None:
    program = Program(command=("cat",), folder="/home/me", files=("/home/me/a", "/usr/x"))
    lack = Lack(
        files=(Path("/home/me/b: c"), Path("/usr/x"), Path("/home/me")), problem=None, runs=1
    )

    read = YAML().load("workload:\n" + files_key(program, lack))

    assert list(read["workload"]["files"]) == ["a", "/usr/x", "b: c", "/home/me"]
