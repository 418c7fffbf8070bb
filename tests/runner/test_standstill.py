from __future__ import annotations

import socket

import pytest

from autotune.experiment.program import Program, Ready
from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes
from autotune.runner.running import RunningWorkload, start_workload
from autotune.runner.standstill import Standstill
from tests.runner.programs import python, wait_for

READY = Ready(line="^up$")
LONG_US = 20_000_000
UP = "import os, signal, sys, time; print('up', flush=True)\n"
LISTENS = "import socket; s = socket.socket(); s.bind(('127.0.0.1', {port})); s.listen()\n"
NOBODY = (
    "import time; print('Could not connect: Connection refused', flush=True); time.sleep(1000)"
)
STOP_IT = "let a clock stop it (workload.duration)"


def begun(processes: Processes, code: str, client: str | None = None) -> RunningWorkload:
    program = Program(
        command=python(code), client=None if client is None else python(client), ready=READY
    )
    running = start_workload(program, processes, player=None, timeout_us=LONG_US)
    running.begin(1)
    return running


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def standstill(running: RunningWorkload, processes: Processes) -> Standstill:
    return Standstill(running, processes, processes.procfs.usage(processes.measured()).cpu_s)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("time.sleep(1000)", f": raise workload.timeout, or make it shorter, or {STOP_IT}"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", ": leave out what stops it"),
        (
            "signal.pause()",
            f": give it what it waits for, start it in a mode without that, or {STOP_IT}",
        ),
        (
            "print('input is not from a terminal', flush=True); signal.pause()",
            ": it wants a terminal, and there is none: start it in a mode that needs none (as top -b or "
            "vim -es)",
        ),
    ],
)
def test_what_helps_a_program_that_waits_follows_from_what_it_waits_for(
    processes: Processes, code: str, remedy: str
) -> None:
    running = begun(processes, f"{UP}{code}")
    watch = standstill(running, processes)

    wait_for(lambda: str(watch.no_end(LONG_US)).endswith(remedy))

    assert str(watch.no_end(LONG_US)).startswith(
        "workload: not at its end after 20s: it used 0.00 s of CPU time, and process "
    )


def test_a_program_that_works_on_needs_more_time(processes: Processes) -> None:
    running = begun(processes, f"{UP}while True: pass")
    watch = standstill(running, processes)
    before_s = processes.procfs.usage(processes.measured()).cpu_s
    wait_for(lambda: processes.procfs.usage(processes.measured()).cpu_s > before_s + 0.2)

    assert str(watch.no_end(1_000_000)) == (
        f"workload: not at its end after 1s: raise workload.timeout, or make it shorter, or {STOP_IT}"
    )


def test_a_server_without_a_client_is_told_that_it_never_ends(processes: Processes) -> None:
    port = free_port()
    running = begun(processes, f"{LISTENS.format(port=port)}{UP}time.sleep(1000)")

    assert str(standstill(running, processes).no_end(LONG_US)) == (
        f"workload: not at its end after 20s: '{python('')[0]}' listens on port {port}, as a server, "
        f"which ends only when it is told to: give it a client (workload.client), or {STOP_IT}"
    )


def test_a_client_that_finds_no_server_is_told_of_soon(processes: Processes) -> None:
    port = free_port()
    running = begun(processes, f"{LISTENS.format(port=port)}{UP}time.sleep(1000)", NOBODY)
    wait_for(lambda: "refused" in running.last.output.telling())
    watch = standstill(running, processes)
    watch.look(14.9)

    with pytest.raises(WorkloadError) as error:
        watch.look(15.0)

    name = python("")[0]
    assert str(error.value) == (
        f"workload: '{name}' had not ended after 15 s, in which '{name}' used 0.00 s of CPU time: Could "
        f"not connect: Connection refused, and '{name}' listens on port {port}: nothing listens there: "
        "start the server as a part of the workload, give server and client one port, and wait for that "
        "with 'ready: {port: N}'"
    )


@pytest.mark.parametrize(
    ("code", "client"),
    [
        ("time.sleep(1000)", "import time; print('working', flush=True); time.sleep(1000)"),
        ("while True: pass", NOBODY),
        ("time.sleep(1000)", None),
    ],
)
def test_what_may_come_to_an_end_goes_on(
    processes: Processes, code: str, client: str | None
) -> None:
    running = begun(processes, f"{UP}{code}", client)
    watch = standstill(running, processes)
    before_s = processes.procfs.usage(processes.measured()).cpu_s
    if "while" in code:
        wait_for(lambda: processes.procfs.usage(processes.measured()).cpu_s > before_s + 1.0)
    if client is not None:
        wait_for(lambda: running.last.output.telling() != "")

    watch.look(15.0)

    assert not running.has_ended()
