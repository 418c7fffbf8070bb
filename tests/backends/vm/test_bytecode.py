from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

from autotune.backends.vm.bytecode import lasting


def compiled(folder: Path, mode: py_compile.PycInvalidationMode) -> Path:
    source = folder / "module.py"
    source.write_text("print('old')\n")
    return Path(py_compile.compile(str(source), doraise=True, invalidation_mode=mode) or "")


def test_a_compiled_module_is_used_whatever_the_time_of_its_source(tmp_path: Path) -> None:
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    content = lasting(pyc)
    assert content is not None
    pyc.write_bytes(content)
    (tmp_path / "module.py").write_text("print('new')\n")

    answer = subprocess.run(
        (sys.executable, "-c", "import module"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == "old\n"


def test_a_compiled_module_that_is_older_than_its_source_is_left_out(tmp_path: Path) -> None:
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    os.utime(tmp_path / "module.py", (1, 1))

    assert lasting(pyc) is None


def test_a_compiled_module_without_a_source_or_a_header_is_left_out(tmp_path: Path) -> None:
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    (tmp_path / "module.py").unlink()
    (short := tmp_path / "short.pyc").write_bytes(b"x")

    assert lasting(pyc) is None
    assert lasting(short) is None


def test_a_compiled_module_that_has_a_hash_stays(tmp_path: Path) -> None:
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH)

    assert lasting(pyc) == pyc.read_bytes()
