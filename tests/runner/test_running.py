from __future__ import annotations

import os

import pytest

from autotune.runner.processes import Processes
from autotune.runner.running import check_end, start_workload
from autotune.testing import pattern
from tests.runner.measured_parts import (
    LONG_US,
    PYTHON,
    SLEEP,
    measured_part,
    measured_until_stopped,
    start,
    verdict,
)
from tests.runner.programs import DETACHED, exists, python, wait_for


def test_a_pattern_needs_its_player(processes: Processes) -> None:
    with pytest.raises(ValueError, match="a pattern needs its player"):
        start_workload(pattern(), processes, player=None, timeout_us=LONG_US)


def test_a_server_that_ends_first_is_to_blame(processes: Processes) -> None:
    code = "import sys, time; time.sleep(0.2); sys.exit('no luck')"
    running = start(processes, code, client=python(SLEEP))

    measured_part(running)

    assert verdict(running, processes) == (
        f"workload: '{PYTHON}' ended before its client, with exit status 1: up | no luck: let it "
        "go on until its client has ended"
    )


def test_a_server_may_end_as_soon_as_its_client_goes(processes: Processes) -> None:
    running = start(
        processes, "import time; time.sleep(0.2)", client=python("import time; time.sleep(0.5)")
    )

    measured_part(running)

    assert not running.last.has_ended()
    check_end(running, processes, 0)


def test_a_client_that_fails_is_to_blame(processes: Processes) -> None:
    client = python("import sys; sys.exit('no luck')")
    running = start(processes, SLEEP, client=client)

    measured_part(running)

    assert verdict(running, processes) == (
        f"workload: '{PYTHON}' failed with exit status 1: no luck: mend the command; if it is meant "
        "to end so, list 1 under accept_exit"
    )


def test_a_crash_is_told_with_its_signal(processes: Processes) -> None:
    running = start(processes, "import os, time; time.sleep(0.2); os.kill(os.getpid(), 11)")

    measured_part(running)

    assert verdict(running, processes) == (
        f"workload: '{PYTHON}' failed with signal 11 (SIGSEGV): up: it crashed: run it alone, with "
        "the same input: if it crashes there, too, mend it, else give it more memory (vm.memory); if it "
        "is meant to end so, list 139 under accept_exit"
    )


def test_who_was_killed_for_want_of_memory_is_told_so(processes: Processes) -> None:
    running = start(processes, SLEEP)
    running.begin(1)
    os.kill(running.measured.pid, 9)
    wait_for(running.has_ended)

    assert verdict(running, processes, oom_kills=1) == (
        f"workload: '{PYTHON}' was killed by the kernel for want of memory: give the machine more "
        "(vm.memory), or make the workload smaller"
    )
    assert "failed with signal 9" in verdict(running, processes, oom_kills=0)


def test_a_program_that_detaches_itself_while_it_is_measured_is_told_to_stay(
    processes: Processes,
) -> None:
    running = start(processes, "import time; time.sleep(0.1)\n" + DETACHED.format(then=""))

    measured_part(running)

    message = verdict(running, processes)
    [left] = [pid for pid in processes.measured() if processes.procfs.has_memory(pid)]
    assert message == (
        f"workload: '{PYTHON}' has left process {left} "
        f"('{processes.procfs.name(left)}') behind and ended: run it in the foreground, not as a daemon"
    )
    processes.end()
    assert not exists(left)


def test_a_helper_that_ends_a_moment_after_its_program_makes_no_daemon(
    processes: Processes,
) -> None:
    code = "import os, time\nif os.fork(): os._exit(0)\nos.setsid(); time.sleep(0.5)"
    running = start(processes, code)

    measured_part(running)
    left = processes.left_behind(running.measured)
    check_end(running, processes, 0)

    assert len(left) == 1
    assert not processes.procfs.has_memory(left[0])


def test_a_server_that_goes_into_the_background_while_its_client_runs_is_told_to_stay(
    processes: Processes,
) -> None:
    code = "import time; time.sleep(0.1)\n" + DETACHED.format(then="")
    running = start(processes, code, client=python(SLEEP))

    measured_part(running)

    assert verdict(running, processes).endswith("run it in the foreground, not as a daemon")


INTERRUPTED = """import time
try:
    time.sleep(1000)
except KeyboardInterrupt:
    print("did 42 requests", flush=True)
    raise SystemExit(130)
"""


def test_what_a_clock_stops_may_leave_behind_what_ignores_signals(processes: Processes) -> None:
    helper = "import subprocess; subprocess.Popen(['sh', '-c', 'trap : INT; sleep 9; sleep 9']); "
    running = start(processes, helper + INTERRUPTED, duration_us=400_000)

    measured_until_stopped(running)

    assert processes.left_behind(running.measured)
    check_end(running, processes, 0)


def test_what_ends_before_its_duration_with_an_error_has_failed(processes: Processes) -> None:
    running = start(processes, SLEEP, client=python("raise SystemExit(3)"), duration_us=LONG_US)

    measured_until_stopped(running)

    assert "failed with exit status 3" in verdict(running, processes)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(130)", 130),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 128 + 15),
    ],
)
def test_an_exit_status_that_is_fine_is_no_failure(
    processes: Processes, code: str, status: int
) -> None:
    running = start(processes, SLEEP, client=python(code), accept_exit=(0, status))

    measured_part(running)

    check_end(running, processes, 0)


def test_only_the_accepted_exit_statuses_are_fine(processes: Processes) -> None:
    running = start(processes, SLEEP, client=python("pass"), accept_exit=(130,))

    measured_part(running)

    assert "failed with exit status 0" in verdict(running, processes)
