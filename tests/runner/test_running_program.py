from __future__ import annotations

from pathlib import Path

import pytest

from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes
from autotune.runner.running import check_end
from tests.runner.measured_parts import (
    PYTHON,
    SLEEP,
    measured_part,
    measured_until_stopped,
    start,
)
from tests.runner.programs import python

INTERRUPTED = """import time
try:
    time.sleep(1000)
except KeyboardInterrupt:
    print("did 42 requests", flush=True)
    raise SystemExit(130)
"""


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


def test_a_client_that_does_not_exist_is_named(processes: Processes) -> None:
    running = start(processes, SLEEP, client=("no-such-client",))

    with pytest.raises(WorkloadError, match="no program 'no-such-client'"):
        running.begin(1)


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
