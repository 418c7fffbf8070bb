from __future__ import annotations

import json

import pytest

from autotune.experiment.measurement import Measurement
from autotune.experiment.watched import Watched
from autotune.testing import measurement


def watched(**fields: object) -> Watched:
    return Watched(**{"processes": 3, "max_regions": 9, "max_regions_asked": 9, **fields})  # type: ignore[arg-type]  # of several kinds


def test_nothing_is_said_where_all_is_watched_as_asked() -> None:
    assert watched(unwatched_share=0.009, unwatched_names=("sh",)).notes == ()


def test_what_is_not_watched_is_said_with_its_size_and_its_names() -> None:
    [note] = watched(unwatched_share=0.38, unwatched_names=("cc1", "as")).notes

    assert note.startswith("DAMON did not watch 38 % of the workload's memory, that of cc1, as: ")
    assert "'ready'" in note
    assert "monitoring.update_interval" in note


def test_a_bound_that_was_raised_is_said() -> None:
    [note] = watched(max_regions=1040, max_regions_asked=1000).notes

    assert note.startswith("max_regions was raised from 1000 to 1040, since 3 processes were ")


def test_remedies_do_not_contradict_each_other() -> None:
    first, second = watched(unwatched_share=0.7, unwatched_names=("cc1",), restarts=3).notes

    assert "update_interval" not in first
    assert "raise monitoring.update_interval" in second


@pytest.mark.parametrize(("restarts", "times"), [(1, "once"), (3, "3 times")])
def test_a_damon_that_began_anew_is_said(restarts: int, times: str) -> None:
    [note] = watched(restarts=restarts).notes

    assert note.startswith(f"DAMON began anew {times}, with all ages at 0, since ")
    assert note.endswith("live: then they are not taken in")


def test_it_travels_with_a_measurement() -> None:
    measured = measurement(
        watched=watched(unwatched_share=0.25, unwatched_names=("sh",), restarts=2)
    )

    assert Measurement.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured


@pytest.mark.parametrize(
    "spoil",
    [
        {"processes": "3"},
        {"unwatched_share": 1.5},
        {"unwatched_share": None},
        {"unwatched_names": [7]},
        {"unwatched_names": None},
        {"more": 1},
    ],
)
def test_what_is_none_is_not_read_as_one(spoil: dict[str, object]) -> None:
    values = measurement(watched=watched()).to_dict()

    with pytest.raises(ValueError, match=r"watched|unwatched_share"):
        Measurement.from_dict({**values, "watched": {**values["watched"], **spoil}})
