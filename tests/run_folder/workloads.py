"""A user's folder with a pattern, search spaces and objectives of many names."""

from __future__ import annotations

from pathlib import Path

from autotune import catalog

PATTERN = "a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n"


def make_home(parent: Path) -> Path:
    """Make the folder, and a file beside it."""
    home = parent / "home"
    for folder in ("patterns", "deep"):
        (home / folder).mkdir(parents=True)
    quota = (catalog.shipped("search_spaces") / "prcl-quota.yaml").read_text()
    for name in ("tiny.cfg", "patterns/deep.cfg", "../outside.cfg", "trials.csv"):
        (home / name).write_text(PATTERN)
    for name in ("mine.yaml", "prcl.yaml", "prcl"):
        (home / name).write_text(quota)
    (home / "deep" / "mine.yaml").write_text(
        "objectives: [{metric: cpu_use, direction: minimize, reference: 1}]\n"
    )
    machine = (catalog.shipped("machines") / "server.yaml").read_text()
    (home / "machine.yaml").write_text(machine)
    return home
