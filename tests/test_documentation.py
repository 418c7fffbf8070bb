"""The documentation names only what is there, and its architecture names every part of the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import MODULES, part_of

ROOT = Path(__file__).parents[1]
TEXTS = [
    ROOT / "README.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
ARCHITECTURE = ROOT / "docs" / "architecture.md"

LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
BENCHMARK = re.compile(r"`(?:python )?benchmarks/(\w+\.py)([^`]*)`")
PATH = re.compile(r"[`>]((?:[\w-]+/)+[\w-]+\.\w+|(?:[\w-]+/)+)[`\"]")
"""A file or a folder as a text, or a box of a drawing, names it."""


def anchors(text: str) -> set[str]:
    """Give the anchors of a text's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def dead_links(path: Path) -> Iterator[str]:
    for name, anchor in LINK.findall(path.read_text()):
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            yield f"{name}#{anchor}"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    assert list(dead_links(path)) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_makes_figures_has_the_options_that_are_named(path: Path) -> None:
    commands = BENCHMARK.findall(path.read_text())

    lacking = [
        f"{name} {option}"
        for name, rest in commands
        for option in re.findall(r"--[a-z-]+", rest)
        if f'"{option}"' not in (ROOT / "benchmarks" / name).read_text()
    ]
    assert lacking == []


def test_every_path_of_the_architecture_is_there() -> None:
    named = PATH.findall(ARCHITECTURE.read_text())

    assert len(named) > 20
    assert [
        p for p in named if not any((top / p).exists() for top in (ROOT, ROOT / "autotune"))
    ] == []


def test_the_architecture_names_every_part_of_the_package() -> None:
    [tree] = re.findall(
        r"^autotune/\n(.+?)^```$", ARCHITECTURE.read_text(), re.MULTILINE | re.DOTALL
    )
    first_level = re.findall(r"^  (\w+)/", tree, re.MULTILINE)
    loose = re.findall(r"\b(\w+)\.py\b", tree.splitlines()[-1])

    parts = {part_of(module) for module in MODULES} - {"__init__", "__main__"}
    assert sorted(first_level + loose) == sorted(parts)
