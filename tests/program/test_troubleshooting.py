"""docs/troubleshooting.md quotes what the program says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line.split(" | ")[0].removeprefix("| ")
    for line in (ROOT / "docs/troubleshooting.md").read_text().splitlines()
    if line.startswith("| `")
]
QUOTES = [quote for row in ROWS for quote in re.findall(r"`([^`]+)`", row)]
VARIABLE = re.compile(
    r"'[^']*'|[-\d.]+ ?%?|\.\.\.|\([A-Z]+\)|: |, (?:and )?|\bports? |\bwith (?=signal|exit)|"
    r"\bunknown\b"
)
"""What differs from message to message: names, numbers, signals; and where messages are put together."""


def texts() -> str:
    """All texts of the program's code."""
    return "\n".join(
        node.value
        for path in sorted((ROOT / "autotune").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


SAID = texts()


@pytest.mark.parametrize("quote", QUOTES)
def test_what_the_docs_quote_is_said(quote: str) -> None:
    pieces = [piece.strip() for piece in VARIABLE.split(quote.replace("\\|", "|"))]

    assert [piece for piece in pieces if piece and piece not in SAID] == []


def test_each_row_quotes_something() -> None:
    assert len(ROWS) > 30
