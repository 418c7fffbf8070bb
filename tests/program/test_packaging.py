"""What is installed from a wheel works without the checkout; only this notices a missing file."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was unpacked, away from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def autotune(installed: Path, *arguments: str) -> str:
    """Run the installed program, from another folder, without the checkout on the path.

    It computes in plain Python: Numba would compile the simulator once more for its new place.
    """
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        "from autotune.__main__ import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", script, str(installed), *arguments],
        cwd=installed.parent,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_wheel_carries_the_data_and_nothing_else(installed: Path) -> None:
    shipped = {
        str(path.relative_to(ROOT))
        for folder in ("objectives", "search_spaces")
        for path in (ROOT / folder).glob("*.yaml")
    }

    packed = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}

    assert {f"autotune/{name}" for name in shipped} <= packed
    assert {"autotune/py.typed", "autotune/catalog/machines/server.yaml"} <= packed
    assert {path.split("/")[0].split("-")[0] for path in packed} == {"autotune", "damos_autotune"}


def test_an_installed_program_finds_what_it_ships(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text("a, 4000000\n\np\n1000\na, 0, 4096, 1\n")
    workload = tmp_path / "a.yaml"
    workload.write_text("workload: {pattern: a.cfg}\n")

    spaces = autotune(installed, "spaces")
    measured = autotune(installed, "measure", str(workload), "--scheme", "prcl-talk")

    assert "prcl-quota" in spaces
    assert "4K max 0 0 10s max pageout" in measured
