from __future__ import annotations

import math
import signal

from autotune.runner.stopping import GRACE_S, Stops


def test_a_program_is_asked_twice_before_it_is_killed() -> None:
    stops = Stops(8.0)

    sent = [
        (time_s, number)
        for time_s in (0.0, 7.9, 8.0, 9.0, 8.0 + GRACE_S, 8.5 + GRACE_S, 20.0, 99.0)
        if (number := stops.due(time_s)) is not None
    ]

    assert sent == [
        (8.0, signal.SIGINT),
        (8.0 + GRACE_S, signal.SIGTERM),
        (20.0, signal.SIGKILL),
    ]
    assert stops.next_s == math.inf


def test_the_stop_has_begun_with_its_first_signal() -> None:
    stops = Stops(8.0)
    before = stops.begun

    stops.due(8.0)

    assert (before, stops.begun) == (False, True)
