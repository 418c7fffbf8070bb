from __future__ import annotations

from autotune.experiment.program import Program
from autotune.objective.served_together import served_together

SERVER = Program(command=("serve-it",), client=("ask-it",))


def test_a_server_s_slowdown_on_one_cpu_can_be_too_low() -> None:
    assert served_together(SERVER, slowdown="own_cpu_slowdown") == (
        "slowdown of a server can be several points too low here: requests that wait for the "
        "kdamond's turn on the one CPU are served together after it, which takes less CPU time: "
        "measure without a scheme, and take what that shows off"
    )


def test_where_time_is_compared_it_is_not() -> None:
    assert served_together(SERVER, slowdown="wall_slowdown") is None


def test_a_program_that_nobody_asks_has_no_requests_that_wait() -> None:
    alone = Program(command=("compute-it",))

    assert served_together(alone, slowdown="own_cpu_slowdown") is None
