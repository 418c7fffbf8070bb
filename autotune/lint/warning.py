"""The warnings of `autotune.lint`, and the codes of what they are about."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


class Code(enum.Enum):
    """What a warning is about. The values are stable. ``quota-`` begins codes about a scheme's quota."""

    ACTION_INERT = "action-inert"
    AGE_TOO_HIGH = "age-too-high"
    AGE_UNALIGNED = "age-unaligned"
    AGE_ZERO = "age-zero"
    AGGREGATION_ROUNDS = "aggregation-rounds"
    APPLY_ROUNDS = "apply-rounds"
    APPLY_SHORT = "apply-short"
    FILTER_IGNORED = "filter-ignored"
    FIRES_LESS = "fires-less"
    HUGE_PAGES_COARSE = "huge-pages-coarse"
    HUGEPAGE_INERT = "hugepage-inert"
    MODULE_INERT = "module-inert"
    NEVER_FIRES = "never-fires"
    NEWER_KERNEL = "newer-kernel"
    PAGEOUT_ANY_RATE = "pageout-any-rate"
    PAGEOUT_LATE = "pageout-late"
    QUOTA_EVERY_PASS = "quota-every-pass"  # noqa: S105 - no password
    QUOTA_FIRST_WINDOW = "quota-first-window"
    QUOTA_GOAL_STATIC = "quota-goal-static"
    QUOTA_NEVER_RESETS = "quota-never-resets"
    QUOTA_NO_PRIORITY = "quota-no-priority"
    QUOTA_SIZE_WEIGHT = "quota-size-weight"
    QUOTA_UNALIGNED = "quota-unaligned"
    QUOTA_WEIGHTS_IGNORED = "quota-weights-ignored"
    QUOTA_WINDOW_ROUNDS = "quota-window-rounds"
    RATE_COLD_ONLY = "rate-cold-only"
    RATE_TO_ZERO = "rate-to-zero"
    RATE_UNALIGNED = "rate-unaligned"
    REGIONS_BLIND = "regions-blind"
    REGIONS_NEVER_SPLIT = "regions-never-split"
    SIZE_NOTHING = "size-nothing"
    SIZE_TOO_LARGE = "size-too-large"
    SIZE_UNALIGNED = "size-unaligned"
    UPDATE_SLOW = "update-slow"
    WATERMARKS_NEVER = "watermarks-never"
    WATERMARKS_UNALIGNED = "watermarks-unaligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintWarning:
    """A warning.

    Attributes:
        code: What the warning is about.
        scheme: The scheme's number, counted from 1; None if the warning is not about a single scheme.
        text: One line, "what: remedy".
    """

    code: Code
    scheme: int | None
    text: str

    def at(self, place: object) -> str:
        """Write the warning with its place in front.

        >>> LintWarning(code=Code.AGE_ZERO, scheme=2, text="what: remedy").at("my.damos")
        'my.damos: scheme 2: what: remedy'
        """
        return f"{place}: " + (f"scheme {self.scheme}: " if self.scheme else "") + self.text


Found: TypeAlias = Iterator[tuple[Code, str]]
"""What a rule finds about a scheme, or about the monitoring: pairs of a code and a text."""
