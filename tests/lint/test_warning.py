from __future__ import annotations

import re
from pathlib import Path

from autotune.lint import Code
from autotune.lint.scheme_file import RECLAIM_INERT
from tests.lint import (
    test_action,
    test_activity,
    test_interplay,
    test_monitoring,
    test_newer_kernel,
    test_pattern,
    test_priority,
    test_quota,
)

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    example
    for module in (
        test_action,
        test_activity,
        test_interplay,
        test_monitoring,
        test_newer_kernel,
        test_pattern,
        test_priority,
        test_quota,
    )
    for example in module.EXAMPLES
]


def test_every_warning_has_an_example() -> None:
    assert {example.code for example in EXAMPLES} | {RECLAIM_INERT.code} == set(Code)


def test_every_warning_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "lint.md").read_text()

    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == sorted(
        code.value for code in Code
    )
