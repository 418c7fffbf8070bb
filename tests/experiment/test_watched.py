from __future__ import annotations

import json

import pytest

from autotune.damon.monitoring import Intervals
from autotune.experiment.measurement import Measurement
from autotune.experiment.watched import Watched, unwatched_note
from autotune.testing import measurement

INTERVALS = Intervals()


def watched(**fields: object) -> Watched:
    return Watched(**{"processes": 3, "max_regions": 9, "max_regions_asked": 9, **fields})  # type: ignore[arg-type]  # of several kinds


def test_nothing_is_said_where_all_is_watched_as_asked() -> None:
    assert watched(unwatched_share=0.009, unwatched_names=("sh",)).notes(INTERVALS) == ()


def test_what_is_not_watched_is_said_with_its_size_and_its_names() -> None:
    [note] = watched(unwatched_share=0.38, unwatched_names=("cc1", "as")).notes(INTERVALS)

    assert note.startswith("DAMON did not watch 38 % of the workload's memory, that of cc1, as: ")
    assert "'ready'" in note
    assert "monitoring.update_interval" in note


@pytest.mark.parametrize(
    ("life_s", "update_us", "remedy"),
    [
        (None, 1_000_000, "or 'start_after', or lower monitoring.update_interval"),
        (None, 100_000, "all processes are there, or 'start_after'"),
        (40.0, 1_000_000, "40.0 s on average: lower monitoring.update_interval to 500ms"),
        (4.8, 5_000_000, "lived for 4.8 s on average: lower monitoring.update_interval to 1200ms"),
        (2.0, 1_000_000, "lived for 2.0 s on average: lower monitoring.update_interval to 500ms"),
        (4.0, 600_000, "lived for 4.0 s on average: lower monitoring.update_interval to 500ms"),
        (0.4, 1_000_000, "for longer (a pool of workers)"),
        (9.0, 500_000, "so that this is a smaller part of their lives"),
    ],
)
def test_the_remedy_fits_how_long_processes_live(
    life_s: float | None, update_us: int, remedy: str
) -> None:
    intervals = Intervals(update_us=update_us)
    kept = watched(unwatched_share=0.38, unwatched_names=("cc1",), unwatched_life_s=life_s)

    [note] = kept.notes(intervals)

    assert note.endswith(remedy)


def test_processes_too_short_lived_get_no_setting_that_can_not_help() -> None:
    kept = watched(unwatched_share=0.9, unwatched_names=("sh",), unwatched_life_s=0.4)

    [note] = kept.notes(INTERVALS)

    assert "these lived for 0.4 s on average, too short for that" in note
    assert not any(word in note for word in ("lower ", "'ready'", "'start_after'"))


def test_where_lives_are_not_known_each_kind_gets_its_remedy() -> None:
    note = unwatched_note(0.4, ("worker",))

    assert note is not None
    assert note.startswith("DAMON did not watch 40 % of the workload's memory, that of worker: ")
    assert "if they came late and stay, give 'ready' such that" in note
    assert note.endswith("if they live shorter, no setting helps")


def test_a_bound_that_was_raised_is_said() -> None:
    [note] = watched(max_regions=1040, max_regions_asked=1000).notes(INTERVALS)

    assert note.startswith("max_regions was raised from 1000 to 1040, since 3 processes were ")


def test_remedies_do_not_contradict_each_other() -> None:
    first, second = watched(unwatched_share=0.7, unwatched_names=("cc1",), restarts=3).notes(
        INTERVALS
    )

    assert "update_interval" not in first
    assert "raise monitoring.update_interval" in second


@pytest.mark.parametrize(("restarts", "times"), [(1, "once"), (3, "3 times")])
def test_a_damon_that_began_anew_is_said(restarts: int, times: str) -> None:
    [note] = watched(restarts=restarts).notes(INTERVALS)

    assert note.startswith(f"DAMON began anew {times}, with all ages at 0, since ")
    assert note.endswith("live: then they are not taken in")


def test_it_travels_with_a_measurement() -> None:
    measured = measurement(
        watched=watched(
            unwatched_share=0.25, unwatched_names=("sh",), unwatched_life_s=0.5, restarts=2
        )
    )

    assert Measurement.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured


@pytest.mark.parametrize(
    "spoil",
    [
        {"processes": "3"},
        {"unwatched_share": 1.5},
        {"unwatched_share": None},
        {"unwatched_life_s": "0.4"},
        {"unwatched_names": [7]},
        {"unwatched_names": None},
        {"more": 1},
    ],
)
def test_what_is_none_is_not_read_as_one(spoil: dict[str, object]) -> None:
    values = measurement(watched=watched()).to_dict()

    with pytest.raises(ValueError, match=r"watched|unwatched_share"):
        Measurement.from_dict({**values, "watched": {**values["watched"], **spoil}})
