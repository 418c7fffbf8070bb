from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.experiment.activity import PlayedPhase, accesses_at, busy_cpu_s

PHASES = (PlayedPhase(100, 2.0), PlayedPhase(0, 3.0), PlayedPhase(600, 1.5))
TIMES = tuple(step / 4 for step in range(27))


def test_spinning_while_idle_is_no_work() -> None:
    cpu_s = tuple(0.9 * at_s for at_s in TIMES)

    busy = busy_cpu_s(TIMES, cpu_s, PHASES)

    assert busy == pytest.approx(
        [0.9 * (min(at_s, 2.0) + min(1.5, max(0.0, at_s - 5.0))) for at_s in TIMES]
    )


def test_a_sample_within_an_idle_phase_shares_what_was_used_around_it() -> None:
    phases = (PlayedPhase(1, 0.5), PlayedPhase(0, 1.0), PlayedPhase(1, 0.5))

    assert busy_cpu_s((0.0, 1.0, 2.0), (0.0, 1.0, 2.0), phases) == (0.0, 0.5, 1.0)


@given(st.lists(st.floats(0.0, 1.0), min_size=27, max_size=27))
def test_a_program_keeps_its_cpu_time(used: list[float]) -> None:
    total, cpu_s = 0.0, []
    for one in used:
        total += one
        cpu_s.append(total)

    assert busy_cpu_s(TIMES, cpu_s, ()) == pytest.approx(cpu_s)


def test_accesses_grow_evenly_within_a_phase_and_not_while_it_idles() -> None:
    found = dict(zip(TIMES, accesses_at(TIMES, PHASES), strict=True))

    assert [found[at_s] for at_s in (0.0, 0.5, 2.0, 3.5, 5.0, 5.75, 6.5)] == pytest.approx(
        [0.0, 25.0, 100.0, 100.0, 100.0, 400.0, 700.0]
    )


def test_without_samples_there_is_nothing() -> None:
    assert busy_cpu_s((), (), PHASES) == accesses_at((), PHASES) == ()
