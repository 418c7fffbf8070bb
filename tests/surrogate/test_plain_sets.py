from __future__ import annotations

from pathlib import Path

import pytest

from autotune.space.space import load_search_space
from autotune.surrogate.plain_sets import plain_sets

SPACES = Path(__file__).parents[2] / "search_spaces"


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: path.stem)
def test_they_are_in_the_space_and_differ(path: Path) -> None:
    space = load_search_space(path)

    found = plain_sets(space)

    assert len(found) == 4
    for number, values in enumerate(found):
        space.check(values)
        assert values not in found[:number]


def test_they_set_as_little_as_possible() -> None:
    for values in plain_sets(load_search_space(SPACES / "prcl-quota.yaml")):
        assert values["limit"] == "none"
        assert values["pattern.min_size"] == 4096
        assert len(values) == 3
