from __future__ import annotations

import copy
from dataclasses import fields, replace

import numpy as np
import pytest

from autotune.backends.simulator.samples import ArraySeries
from autotune.experiment.measurement import Series
from autotune.objective.samples import samples

PLAIN = Series(
    time_s=(0.0, 0.1),
    rss_bytes=(8192, 4096),
    pss_bytes=(8192, 4096),
    swap_bytes=(0, 4096),
    pool_bytes=(0, 124),
    used_bytes=(8208, 4228),
    wss_bytes=(None, 4096),
    cpu_s=(0.0, 0.05),
    major_faults=(0, 3),
)


@pytest.fixture
def kept() -> ArraySeries:
    arrays = {f.name: np.array(getattr(PLAIN, f.name)) for f in fields(Series)}
    return ArraySeries.of(**{**arrays, "wss_bytes": np.array([-1, 4096])})


def test_samples_are_plain_numbers_and_none_where_unknown(kept: ArraySeries) -> None:
    assert kept.wss_bytes == (None, 4096)
    assert [type(sample) for sample in kept.rss_bytes] == [int, int]
    assert kept.work_done == ()


def test_a_series_of_arrays_equals_one_of_tuples(kept: ArraySeries) -> None:
    assert kept == PLAIN
    assert replace(PLAIN) == kept
    assert hash(kept) == hash(PLAIN)
    assert kept != replace(PLAIN, rss_bytes=(8192, 8192))
    assert replace(PLAIN, rss_bytes=(8192, 8192)) != kept


def test_arrays_are_given_as_they_are_and_unknown_samples_never_as_numbers(
    kept: ArraySeries,
) -> None:
    assert isinstance(samples(kept, "rss_bytes"), np.ndarray)
    assert samples(kept, "wss_bytes") == (None, 4096)
    assert samples(PLAIN, "rss_bytes") == (8192, 4096)


def test_what_is_changed_or_copied_keeps_its_samples(kept: ArraySeries) -> None:
    assert copy.deepcopy(kept) == PLAIN
    shorter = replace(kept, major_faults=())
    assert shorter == replace(PLAIN, major_faults=())
    assert samples(shorter, "rss_bytes") == (8192, 4096)


def test_a_series_has_no_other_attributes(kept: ArraySeries) -> None:
    with pytest.raises(AttributeError, match="rss"):
        kept.rss  # noqa: B018
