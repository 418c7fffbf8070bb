from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotune.experiment.program import Program, Ready
from autotune.runner.errors import WorkloadError
from autotune.runner.processes import Processes
from autotune.runner.procfs import Procfs
from autotune.runner.readiness import check_before, wait_until_ready
from autotune.runner.running import RunningWorkload, start_workload
from tests.runner.programs import DETACHED, exists, python

GOES_ON = "import time; time.sleep(1000)"
SOON_US, LONG_US = 300_000, 20_000_000

NET_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:{listening:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:{connected:04X} 0100007F:{remote:04X} 01 00000000:00000000 00:00000000 00000000     0
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


def start(
    processes: Processes, ready: Ready, code: str = GOES_ON, timeout_us: int = LONG_US
) -> RunningWorkload:
    return start_workload(
        Program(command=python(code), ready=ready), processes, player=None, timeout_us=timeout_us
    )


def refusal(
    processes: Processes, ready: Ready, code: str = GOES_ON, timeout_us: int = LONG_US
) -> str:
    with pytest.raises(WorkloadError) as error:
        start(processes, ready, code, timeout_us)
    return str(error.value)


def test_a_delay_is_kept(processes: Processes) -> None:
    began_s = time.monotonic()

    start(processes, Ready(delay_us=SOON_US))

    assert SOON_US / 1e6 <= time.monotonic() - began_s < 5.0


def test_a_line_may_come_late_and_have_more_around_it(processes: Processes) -> None:
    code = (
        "import time; print('not read', flush=True); time.sleep(0.3); "
        "print('* Ready to accept', flush=True); time.sleep(1000)"
    )
    began_s = time.monotonic()

    start(processes, Ready(line=r"Ready\b"), code)

    assert time.monotonic() - began_s >= 0.3


def test_a_prompt_is_a_line_without_an_end(processes: Processes) -> None:
    code = "import time; print('up> ', end='', flush=True); time.sleep(1000)"

    start(processes, Ready(line="^up> $"), code)


def test_a_port_is_ready_when_it_is_listened_to(
    processes: Processes, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    listener.close()
    code = f"""
import socket, time
server = socket.socket()
server.bind(("127.0.0.1", {port}))
time.sleep(0.3)
server.listen()
time.sleep(1000)
"""
    began_s = time.monotonic()

    start(processes, Ready(port=port), code)

    assert time.monotonic() - began_s >= 0.3
    with socket.create_connection(("127.0.0.1", port)):
        pass


def test_a_command_is_tried_until_it_succeeds_and_leaves_no_process(
    processes: Processes, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    code = f"import pathlib, time; time.sleep(0.3); pathlib.Path({str(flag)!r}).touch(); {GOES_ON}"

    running = start(processes, Ready(command=("test", "-e", str(flag))), code)

    assert flag.exists()
    assert processes.procfs.tree(running.measured.pid) == processes.measured()
    assert processes.left_behind(running.measured) == ()


def test_a_command_that_reads_is_not_waited_for(processes: Processes) -> None:
    start(processes, Ready(command=("cat",)))


@pytest.mark.parametrize(
    ("ready", "reason"),
    [
        (
            Ready(line="^up$"),
            "no line matched '^up$'; it printed nothing: mend 'ready', or let the program print each "
            "line at once (as python3 -u or stdbuf -oL do), or raise workload.timeout",
        ),
        (Ready(port=1), "nothing listened on port 1; it printed nothing"),
        (Ready(command=("false", "-x")), "'false -x' did not succeed, with exit status 1"),
        (Ready(command=("sleep", "1000")), "'sleep 1000' did not succeed and was ended"),
        (Ready(delay_us=LONG_US), "the delay of 20s was not over"),
    ],
)
def test_what_never_becomes_ready_is_given_up_and_said(
    processes: Processes, ready: Ready, reason: str
) -> None:
    remedy = "" if reason.endswith("timeout") else ": mend 'ready', or raise workload.timeout"
    assert refusal(processes, ready, timeout_us=SOON_US) == (
        f"workload: not ready after 300ms: {reason}{remedy}"
    )


def test_a_server_on_another_port_is_told_of_its_port(processes: Processes) -> None:
    code = (
        "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "print('not a terminal: Permission denied', flush=True); time.sleep(1000)"
    )

    message = refusal(processes, Ready(port=1), code, timeout_us=2 * SOON_US)

    assert message.startswith(
        f"workload: not ready after 600ms: nothing listened on port 1, and '{python('')[0]}' "
        "listens on port "
    )
    assert message.endswith(": mend 'ready', or the command")


@pytest.mark.parametrize(
    "ready",
    [
        Ready(delay_us=LONG_US),
        Ready(line="^up$"),
        Ready(port=1),
        Ready(command=("false",)),
    ],
    ids=["delay", "line", "port", "command"],
)
def test_a_program_that_ends_first_is_told_with_its_last_line(
    processes: Processes, ready: Ready
) -> None:
    message = refusal(
        processes, ready, "import sys; print('x', flush=True); sys.exit('no such file')"
    )

    program = python("")[0]
    assert message == (
        f"workload: '{program}' ended before it was ready, with exit status 1: x | no such file: mend "
        "the command, or 'ready'"
    )


def test_a_try_that_hangs_is_ended_with_its_children_and_tried_again(
    processes: Processes, tmp_path: Path
) -> None:
    tries = tmp_path / "tries"
    command = (
        f"echo x >>{tries}; [ $(wc -l <{tries}) -lt 3 ] || exit 0; echo waiting; sleep 1000 & wait"
    )
    began_s = time.monotonic()

    program = processes.start(python(GOES_ON))
    ready = Ready(command=("sh", "-c", command))
    wait_until_ready(ready, program, processes, lambda: False, LONG_US, first_try_s=0.2)

    assert tries.read_text() == "x\nx\nx\n"
    assert time.monotonic() - began_s >= 0.2 + 0.4
    assert processes.procfs.tree(program.pid) == processes.measured()


def test_what_the_last_try_printed_is_shown(processes: Processes) -> None:
    ready = Ready(command=("sh", "-c", "echo waiting; exec sleep 1000"))

    assert refusal(processes, ready, timeout_us=SOON_US) == (
        "workload: not ready after 300ms: 'sh -c echo waiting; exec sleep 1000' did not succeed and "
        "was ended; it printed: waiting: mend 'ready', or raise workload.timeout"
    )


def test_a_try_ends_when_the_program_ends(processes: Processes) -> None:
    code = "import time; time.sleep(0.2); raise SystemExit('no memory')"
    began_s = time.monotonic()

    message = refusal(processes, Ready(command=("sleep", "1000")), code)

    assert "with exit status 1: no memory" in message
    assert time.monotonic() - began_s < LONG_US / 1e6 / 2


def test_a_program_that_reads_its_input_is_told_that_it_is_empty(processes: Processes) -> None:
    message = refusal(processes, Ready(line="^up$"), "import sys; sys.stdin.read()")

    assert message == (
        f"workload: '{python('')[0]}' ended before it was ready, with exit status 0: give it more to "
        "do, or 'ready: {delay: 0s}'; its standard input is empty: if it reads that, use "
        "'shell: true' and a command with '<FILE'"
    )


def test_a_complaint_counts_though_the_exit_status_is_0(processes: Processes) -> None:
    message = refusal(
        processes, Ready(line="^up$"), "print('open terminal failed: not a terminal')"
    )

    assert message == (
        f"workload: '{python('')[0]}' ended before it was ready, with exit status 0: open terminal "
        "failed: not a terminal: it wants a terminal, and there is none: start it in a mode that needs "
        "none (as top -b or vim -es); else give it more to do, or mend 'ready'"
    )


def test_a_program_that_detaches_itself_is_told_to_stay(processes: Processes) -> None:
    message = refusal(processes, Ready(line="^up$"), DETACHED.format(then=""))

    [left] = [pid for pid in processes.measured() if processes.procfs.has_memory(pid)]
    assert message == (
        f"workload: '{python('')[0]}' has left process {left} "
        f"('{processes.procfs.name(left)}') behind and ended: run it in the foreground, not as a daemon"
    )
    processes.end()
    assert not exists(left)


def test_a_port_in_use_is_refused_before_anything_is_started(
    processes: Processes, listener: socket.socket
) -> None:
    listener.listen()
    port = listener.getsockname()[1]

    message = refusal(processes, Ready(port=port))

    assert message == (
        f"workload: port {port} is in use already: end that program, or use another port"
    )
    assert processes.measured() == ()


def test_a_command_that_does_not_exist_is_named(processes: Processes) -> None:
    assert refusal(processes, Ready(command=("no-such-program",))) == (
        "workload: no program 'no-such-program': install it, or give its path"
    )


def test_a_connection_keeps_no_port(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    table = NET_TCP.format(listening=6379, connected=40_000, remote=6380)
    (tmp_path / "net/tcp").write_text(table)
    procfs = Procfs(tmp_path)

    with pytest.raises(WorkloadError):
        check_before(Ready(port=6379), procfs)
    check_before(Ready(port=6380), procfs)
    check_before(Ready(delay_us=1), procfs)
