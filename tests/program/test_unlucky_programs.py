"""Programs that can't run as a workload file says: each gets a sentence, and its remedy helps.

What is told here is told before a machine boots. `benchmarks/unlucky.py` has what is told later.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from autotune.backends.vm.files import files_for
from autotune.errors import InputError
from autotune.experiment.program import Program
from autotune.workload_file.workload_file import load_workload_file


@dataclass(frozen=True, kw_only=True)
class Unlucky:
    """A program that can't run.

    Attributes:
        keys: Keys of `workload`.
        told: Where in the message the remedy begins.
        mended: The keys after the remedy was followed; None if it is a command, which the message has.
    """

    keys: str
    told: str
    mended: str | None = None


CASES = {
    "a typo": Unlucky(
        keys="command: [serve-itt]",
        told="no program 'serve-itt': did you mean 'serve-it'? If not, install it, or give its path",
        mended="command: [serve-it]",
    ),
    "a client with a typo": Unlucky(
        keys="command: [serve-it], client: [serve-i]",
        told="no program 'serve-i': did you mean 'serve-it'?",
        mended="command: [serve-it], client: [serve-it]",
    ),
    "a folder": Unlucky(
        keys="command: [./bin]",
        told="it is a folder: name the program in it",
        mended="command: [./bin/serve-it]",
    ),
    "a file here": Unlucky(
        keys="command: [run.sh]",
        told="it is in the folder of the workload: write ./run.sh",
        mended="command: [./run.sh]",
    ),
    "not executable": Unlucky(keys="command: [./plain]", told="make it executable: chmod +x "),
    "not executable, by its name": Unlucky(
        keys="command: [./work.py]",
        told="put the program in front that runs it, as [python3, ",
        mended="command: [python3, ./work.py]",
    ),
    "no first line": Unlucky(
        keys="command: [./bare]",
        told="put the program in front that runs it: for a shell script, [sh, ",
        mended="command: [sh, ./bare]",
    ),
    "ends of lines": Unlucky(
        keys="command: [./windows.sh]", told=r"write them as on Linux: sed -i 's/\r$//' "
    ),
    "a byte order mark": Unlucky(
        keys="command: [./mark.sh]", told=r"remove the mark: sed -i '1s/^\xef\xbb\xbf//' "
    ),
    "no interpreter": Unlucky(
        keys="command: [./lost]",
        told="'#!/usr/bin/env serve-itt': no program 'serve-itt': did you mean 'serve-it'?",
    ),
    "a link to itself": Unlucky(
        keys="command: [./loop]",
        told="it is a link to 'loop', where nothing is: mend the link",
        mended="command: [./run.sh]",
    ),
    "a tilde": Unlucky(
        keys="command: [~/serve-it]",
        told="write the path out, or the command as one text, with 'shell: true'",
        mended="command: '~/serve-it', shell: true",
    ),
    "a variable": Unlucky(
        keys="command: [$HOME/serve-it]",
        told="write the path out, or the command as one text, with 'shell: true'",
        mended="command: '$HOME/serve-it', shell: true",
    ),
    "one item": Unlucky(
        keys="command: ['serve-it --port 1']",
        told="it has spaces: write each word of a command as an item of its own",
        mended="command: [serve-it, --port, 1]",
    ),
    "a variable in front": Unlucky(
        keys="command: [A=b, serve-it]",
        told="it gives a variable a value: put env in front: [env, A=b, ...]",
        mended="command: [env, A=b, serve-it]",
    ),
    "a part of the shell": Unlucky(
        keys="command: [cd, /tmp]",
        told="it is a part of the shell: write the command as one text, with 'shell: true'",
        mended="command: 'cd /tmp', shell: true",
    ),
    "another user": Unlucky(
        keys="command: [sudo, serve-it]",
        told="leave 'sudo' out of the command",
        mended="command: [serve-it]",
    ),
    "a text without a shell": Unlucky(
        keys="command: serve-it --port 1",
        told="one text needs 'shell: true' beside it: add it, or write a list",
        mended="command: serve-it --port 1, shell: true",
    ),
    "no number in work": Unlucky(
        keys="command: [serve-it], work: did items",
        told="put round brackets around the number, once",
        mended="command: [serve-it], work: 'did ([0-9]+) items'",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "bin/serve-it": "#!/bin/sh\n",
        "run.sh": "#!/bin/sh\n",
        "plain": "#!/bin/sh\n",
        "work.py": "import sys\n",
        "bare": "exit\n",
        "windows.sh": "#!/bin/sh\r\nexit\r\n",
        "mark.sh": "\ufeff#!/bin/sh\n",
        "lost": "#!/usr/bin/env serve-itt\n",
    }
    (tmp_path / "bin").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content, newline="")
        (tmp_path / name).chmod(0o644 if name in {"plain", "work.py"} else 0o755)
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return tmp_path


def prepare(folder: Path, keys: str) -> None:
    """Read a workload file, and find what its programs need in a micro-VM."""
    path = folder / "w.yaml"
    path.write_text(f"workload: {{{keys}}}\nbackend: vm\n")
    workload = load_workload_file(path).workload
    assert isinstance(workload, Program)
    files_for(workload)


@pytest.mark.parametrize("name", CASES)
def test_what_can_not_run_is_told_of_and_runs_after_its_remedy(folder: Path, name: str) -> None:
    case = CASES[name]

    with pytest.raises(InputError, match=re.escape(case.told)) as error:
        prepare(folder, case.keys)

    assert "\n" not in str(error.value)
    if case.mended is not None:
        prepare(folder, case.mended)
    elif command := re.search(r"(?:chmod|sed) .*", str(error.value)):
        subprocess.run(command[0], shell=True, check=True)  # noqa: S602  # the remedy
        prepare(folder, case.keys)
