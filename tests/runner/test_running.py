from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from autotune.experiment.pattern import Pattern, PatternRegion
from autotune.experiment.program import Program, Ready
from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes, Started
from autotune.runner.running import RunningWorkload, check_end, start_workload
from autotune.testing import pattern
from tests.runner.programs import DETACHED, exists, python, wait_for

PYTHON = python("")[0]
LONG_US = 20_000_000
UP = "import time; print('up', flush=True); time.sleep(0.3)\n"
"""Ready, and there for long enough to be found so."""

SLEEP = "import time; time.sleep(1000)"
READY = Ready(line="^up$")


def start(processes: Processes, code: str, **parts: object) -> RunningWorkload:
    program = Program(command=python(UP + code), ready=READY, **parts)  # type: ignore[arg-type]
    return start_workload(program, processes, player=None, timeout_us=LONG_US)


def measured_part(running: RunningWorkload) -> None:
    """Begin it, and wait for its end as who measures does."""
    running.begin(1)
    waiting = select.poll()
    for waker in running.wakers:
        waiting.register(waker, select.POLLIN)
    while not running.has_ended():
        assert waiting.poll(20_000)


def measured_until_stopped(running: RunningWorkload) -> float:
    """Measure what a clock stops; give how long it ran, in seconds."""
    running.begin(1)
    began_s = time.monotonic()
    while not running.has_ended():
        now_s = time.monotonic() - began_s
        assert now_s < 20.0
        time.sleep(min(0.02, running.stop_if_due(now_s)))
    return time.monotonic() - began_s


def verdict(running: RunningWorkload, processes: Processes, oom_kills: int = 0) -> str:
    with pytest.raises(WorkloadError) as error:
        check_end(running, processes, oom_kills)
    return str(error.value)


def test_a_pattern_waits_with_its_memory_until_it_begins(
    processes: Processes, player: Path
) -> None:
    size = 16 << 20
    played = pattern(regions=2, size_bytes=size, duration_us=100_000)

    running = start_workload(played, processes, player=player, timeout_us=LONG_US)

    assert processes.procfs.memory(processes.measured()).rss_bytes >= 2 * size
    assert not running.has_ended()


def test_a_pattern_ends_while_its_memory_is_there_still(
    processes: Processes, player: Path
) -> None:
    size = 16 << 20
    played = pattern(regions=2, size_bytes=size, duration_us=100_000)
    running = start_workload(played, processes, player=player, timeout_us=LONG_US)

    measured_part(running)

    assert processes.procfs.memory(processes.measured()).rss_bytes >= 2 * size
    assert running.last is running.measured
    check_end(running, processes, 0)


def test_a_patterns_work_is_what_the_player_says_of_all_phases(
    processes: Processes, player: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    start = processes.start

    def start_and_hear(command: Sequence[str], on_line: Callable[[str], None]) -> Started:
        def also(line: str) -> None:
            heard.append(line)
            on_line(line)

        return start(command, also)

    monkeypatch.setattr(processes, "start", start_and_hear)
    played = pattern(regions=3, size_bytes=1 << 20, duration_us=50_000)
    running = start_workload(played, processes, player=player, timeout_us=LONG_US)
    measured_part(running)

    phases = [line.split() for line in heard if line.startswith("phase")]
    assert len(phases) == 3
    assert running.work_done() == sum(int(fields[2]) for fields in phases) > 0


def test_a_pattern_whose_data_is_missing_is_told_with_the_players_reason(
    processes: Processes, player: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    region = PatternRegion(name="a", size_bytes=4096, data_file=str(gone))
    played = Pattern(regions=(region,), phases=pattern(regions=1).phases)

    with pytest.raises(WorkloadError) as error:
        start_workload(played, processes, player=player, timeout_us=LONG_US)

    assert "ended before it was ready, with exit status 3" in str(error.value)
    assert str(gone) in str(error.value)


def test_a_player_that_dies_has_not_done_its_work(processes: Processes, player: Path) -> None:
    played = pattern(regions=1, size_bytes=4096, duration_us=LONG_US)
    running = start_workload(played, processes, player=player, timeout_us=LONG_US)
    running.begin(1)

    os.kill(running.measured.pid, 9)
    wait_for(running.has_ended)

    assert verdict(running, processes) == (
        f"workload: '{player}' failed with signal 9 (SIGKILL): ready: something in the workload killed "
        "it, or a limit of its CPU time (ulimit -t) did: leave that out; if it is meant to end "
        "so, list 137 under accept_exit"
    )
    with pytest.raises(WorkloadError, match="the pattern's player did not end as it should"):
        running.work_done()


def test_a_pattern_needs_its_player(processes: Processes) -> None:
    with pytest.raises(ValueError, match="a pattern needs its player"):
        start_workload(pattern(), processes, player=None, timeout_us=LONG_US)


def test_a_program_is_measured_to_its_own_end_and_its_last_figure_counts(
    processes: Processes,
) -> None:
    code = "import time; print('done 1'); time.sleep(0.3); print('done 2,000.5')"
    running = start(processes, code, work=r"^done ([0-9.,]+)$")

    measured_part(running)

    assert running.measured.status == 0
    assert running.last is running.measured
    assert running.work_done() == 2000.5
    check_end(running, processes, 0)


def test_a_program_without_a_figure_has_none(processes: Processes) -> None:
    running = start(processes, "")

    measured_part(running)

    assert running.work_done() is None


def test_a_program_has_no_input(processes: Processes) -> None:
    running = start(processes, "import sys; sys.exit(len(sys.stdin.read()))")

    measured_part(running)

    check_end(running, processes, 0)


def test_with_a_client_the_measured_part_lasts_as_long_as_that_and_its_work_counts(
    processes: Processes,
) -> None:
    client = python("print('requests: 12')")
    running = start(
        processes,
        f"print('requests: 99', flush=True); {SLEEP}",
        client=client,
        work=r"requests: (\d+)",
    )
    served = processes.measured()

    measured_part(running)

    assert running.last is not running.measured
    assert not running.measured.has_ended()
    assert running.work_done() == 12.0
    assert processes.measured() == served == (running.measured.pid,)
    check_end(running, processes, 0)


def test_the_client_begins_with_the_measured_part(processes: Processes, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    running = start(processes, SLEEP, client=("touch", str(flag)))
    assert not flag.exists()

    measured_part(running)

    assert flag.exists()


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


def test_a_client_that_does_not_exist_is_named(processes: Processes) -> None:
    running = start(processes, SLEEP, client=("no-such-client",))

    with pytest.raises(WorkloadError, match="no program 'no-such-client'"):
        running.begin(1)


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


def test_work_that_is_nowhere_in_the_output_is_told_with_the_last_line(
    processes: Processes,
) -> None:
    running = start(processes, "print('bye')", work=r"(\d+) requests")
    measured_part(running)

    with pytest.raises(WorkloadError) as error:
        running.work_done()

    assert str(error.value) == (
        f"workload: 'work' matched nothing that '{PYTHON}' printed: mend the expression; the last "
        "line was 'bye'"
    )


def test_the_slowest_request_is_the_longest_time_that_the_client_prints(
    processes: Processes,
) -> None:
    client = "print('max 5 ms'); print('max 2500us'); print('max 4.5ms')"
    program = "import time; print('max 1 s', flush=True); time.sleep(60)"
    running = start(
        processes,
        program,
        client=(PYTHON, "-c", client),
        latency=r"max ([0-9.]+ ?\w+)",
    )
    measured_part(running)

    assert running.latency_max_s() == 0.005


@pytest.mark.parametrize(
    ("printed", "unit", "message"),
    [
        (
            "max 5",
            None,
            "workload: 'latency' matched no time: '5' has no unit: let the group match the unit too, "
            "or add latency_unit: ms",
        ),
        (
            "mean 5 ms",
            "ms",
            f"workload: 'latency' matched nothing that '{PYTHON}' printed: mend the expression; the "
            "last line was 'mean 5 ms'",
        ),
    ],
)
def test_a_latency_that_is_not_to_be_had_is_told(
    processes: Processes, printed: str, unit: str | None, message: str
) -> None:
    running = start(processes, f"print('{printed}')", latency=r"max (\d+ ?\w*)", latency_unit=unit)
    measured_part(running)

    with pytest.raises(WorkloadError) as error:
        running.latency_max_s()

    assert str(error.value) == message


def test_without_an_expression_there_is_no_latency(processes: Processes) -> None:
    running = start(processes, "print('max 5 ms')")
    measured_part(running)

    assert running.latency_max_s() is None


def test_work_that_is_no_number_is_told(processes: Processes) -> None:
    running = start(processes, "print('many requests')", work=r"(\w+) requests")
    measured_part(running)

    with pytest.raises(WorkloadError) as error:
        running.work_done()

    assert str(error.value) == (
        "workload: 'work' matched no number: could not convert string to float: 'many': mend the "
        "expression"
    )


def test_megabytes_of_output_are_read_while_it_is_measured(processes: Processes) -> None:
    code = (
        "import sys\nfor _ in range(300): sys.stdout.write('y' * 99_999 + chr(10))\nprint('n 7')"
    )
    running = start(processes, code, work=r"^n (\d)$")

    measured_part(running)

    assert running.work_done() == 7.0


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


def test_a_client_that_a_clock_stops_has_time_to_say_what_it_did(processes: Processes) -> None:
    running = start(
        processes,
        SLEEP,
        client=python(INTERRUPTED),
        work="did ([0-9]+) requests",
        duration_us=400_000,
    )

    took_s = measured_until_stopped(running)

    assert 0.4 <= took_s < 2.0
    check_end(running, processes, 0)
    assert running.work_done() == 42.0


def test_without_a_client_the_clock_stops_the_program(processes: Processes) -> None:
    running = start(processes, INTERRUPTED, work="did ([0-9]+) requests", duration_us=400_000)

    measured_until_stopped(running)

    check_end(running, processes, 0)
    assert running.work_done() == 42.0


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
