from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from autotune.runner.errors import WorkloadError
from autotune.runner.identity import Identity
from autotune.runner.processes import Processes
from autotune.runner.procfs import Procfs, Usage
from tests.runner.programs import DETACHED, WAIT_S, exists, python, wait_for

SLEEP = python("import time; time.sleep(1000)")

FAMILY = """
import os, signal, time
{first}
if os.fork() == 0:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(1000)
    print(os.getpid(), flush=True)
    time.sleep(1000)
print(os.getpid(), flush=True)
time.sleep(1000)
"""
"""A program, its child and its grandchild; each says its number."""

DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def started_pids(processes: Processes, code: str, count: int) -> list[int]:
    """The numbers that a program prints."""
    lines: list[str] = []
    processes.start(python(code), on_line=lines.append)
    wait_for(lambda: len(lines) == count)
    return [int(line) for line in lines]


def open_files() -> list[str]:
    """What this process has open, without the folder that is read to know it."""
    links = {link.name: link for link in Path("/proc/self/fd").iterdir()}
    return sorted(name for name, link in links.items() if link.exists() or link.is_symlink())


def test_a_program_hears_what_it_is_told_and_its_output_is_heard(processes: Processes) -> None:
    lines: list[str] = []
    code = "import sys; print(input(), flush=True); sys.exit(sys.stdin.read())"

    program = processes.start(python(code), on_line=lines.append)
    program.tell("one\ntwo")
    program.close_input()
    wait_for(program.has_ended)

    assert program.how_it_ended() == "exit status 1: one | two"
    assert program.status == 1
    assert lines == ["one", "two"]


def test_standard_error_tells_why_a_program_ended_whatever_it_prints_later(
    processes: Processes,
) -> None:
    code = (
        "import os, sys; os.write(2, b'first\\nsecond\\nno licence\\nsee the manual\\n'); "
        "print('a\\nb'); sys.exit(3)"
    )

    program = processes.start(python(code))
    wait_for(program.has_ended)

    assert program.how_it_ended() == "exit status 3: b | second | no licence | see the manual"


def test_what_helps_is_told_from_what_a_program_printed(processes: Processes) -> None:
    code = "import sys; sys.exit('cannot open display: ')"

    program = processes.start(python(code))
    wait_for(program.has_ended)

    assert program.remedy("see why") == (
        "it wants to open a window, and there is no display: start it in a mode without a window"
    )


def test_words_for_a_shell_are_told_of_where_none_reads_them(processes: Processes) -> None:
    program = processes.start(("sort", "<", "names"))
    wait_for(program.has_ended)

    assert program.remedy("see why") == (
        "only a shell reads '<': write the command as one text, with 'shell: true', or as "
        "[sh, -c, TEXT]"
    )


def test_a_text_is_for_the_shell(processes: Processes) -> None:
    lines: list[str] = []

    program = processes.start("echo $((6 * 7)); exit 5", on_line=lines.append)
    wait_for(program.has_ended)

    assert program.how_it_ended() == "exit status 5: 42"
    assert program.title == "echo $((6 * 7)); exit 5"


def test_a_program_gets_the_folder_and_the_environment_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    lines: list[str] = []

    with Processes(Procfs(), Identity(environment={"A": "b"}), str(tmp_path)) as processes:
        program = processes.start(("/usr/bin/env",), on_line=lines.append)
        processes.start(("/bin/pwd",), on_line=lines.append).output.wait(WAIT_S)
        program.output.wait(WAIT_S)

    assert sorted(lines) == sorted(["A=b", str(tmp_path)])


@pytest.mark.parametrize(
    ("command", "folder", "message"),
    [
        (
            ("no-such-program",),
            "/",
            "no program 'no-such-program': install it, or give its path",
        ),
        (("/bin/true",), "/no/folder", "no folder '/no/folder': check the path"),
        (
            ("/etc/passwd",),
            "/",
            "no program '/etc/passwd': it may not be run: make it executable: chmod +x /etc/passwd",
        ),
        (("a\0b",), "/", "can't start 'a\0b': embedded null byte: check the command"),
    ],
)
def test_a_program_that_can_not_be_started_is_named(
    command: tuple[str, ...], folder: str, message: str
) -> None:
    before = len(open_files())

    with (
        Processes(Procfs(), Identity(environment={}), folder) as processes,
        pytest.raises(WorkloadError) as error,
    ):
        processes.start(command)

    assert str(error.value) == f"workload: {message}"
    assert len(open_files()) == before


def test_telling_a_program_that_has_ended_is_no_error(processes: Processes) -> None:
    program = processes.start(python(""))
    wait_for(program.has_ended)

    program.tell("x" * 100_000)
    program.close_input()

    assert program.status == 0


def test_what_was_killed_is_told_with_the_signal(processes: Processes) -> None:
    program = processes.start(SLEEP)

    os.kill(program.pid, signal.SIGKILL)
    wait_for(program.has_ended)

    assert program.status == -9
    assert program.how_it_ended() == "signal 9 (SIGKILL)"


@pytest.mark.parametrize("first", ["", DEAF], ids=["polite", "ignores SIGTERM"])
def test_a_program_is_ended_with_all_that_it_began(processes: Processes, first: str) -> None:
    pids = started_pids(processes, FAMILY.format(first=first), 3)
    assert sorted(processes.measured()) == sorted(pids)

    processes.end()

    assert not [pid for pid in pids if exists(pid)]


@pytest.mark.parametrize(
    "then", ["", "time.sleep(1000)"], ids=["parent has ended", "parent goes on"]
)
@pytest.mark.parametrize(
    "first", ["", f"import signal; {DEAF}"], ids=["polite", "ignores SIGTERM"]
)
def test_what_detaches_itself_is_measured_and_ended_too(
    processes: Processes, first: str, then: str
) -> None:
    [pid] = started_pids(processes, first + DETACHED.format(then=then), 1)
    wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().split()[3] == str(os.getpid()))
    assert pid in processes.measured()

    processes.end()

    assert not exists(pid)


def test_a_program_may_clean_up_when_it_is_asked_to_end(
    processes: Processes, tmp_path: Path
) -> None:
    code = f"""
import pathlib, signal, sys, time
def clean(*_):
    time.sleep(0.2)
    pathlib.Path({str(tmp_path / "cleaned")!r}).touch()
    sys.exit()
signal.signal(signal.SIGTERM, clean)
print(1, flush=True)
time.sleep(1000)
"""
    started_pids(processes, code, 1)

    processes.end()

    assert (tmp_path / "cleaned").exists()


def test_one_whose_first_thread_has_ended_is_ended_too(processes: Processes) -> None:
    code = """
import ctypes, os, signal, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(1000,)).start()
print(os.getpid(), flush=True)
ctypes.CDLL(None).syscall(60, 0)  # exit, of this thread only
"""
    [pid] = started_pids(processes, code, 1)
    wait_for(lambda: not processes.procfs.has_memory(pid))

    processes.end()

    assert not exists(pid)


def test_what_stops_itself_is_ended(processes: Processes) -> None:
    [pid] = started_pids(
        processes, "import os; print(os.getpid(), flush=True); os.kill(os.getpid(), 19)", 1
    )

    processes.end()

    assert not exists(pid)


def test_what_was_there_before_is_neither_measured_nor_ended(processes: Processes) -> None:
    other = processes.start(SLEEP)

    with Processes(processes.procfs, Identity(environment={}), "/") as later:
        assert later.measured() == ()

    assert exists(other.pid)
    assert not other.has_ended()


def test_what_is_set_aside_is_not_measured_nor_what_it_began(processes: Processes) -> None:
    served = processes.start(SLEEP)
    lines: list[str] = []
    processes.start(python(FAMILY.format(first="")), on_line=lines.append, aside=True)
    wait_for(lambda: len(lines) == 3)

    assert processes.measured() == (served.pid,)


def test_what_an_ended_program_left_running_is_found(processes: Processes) -> None:
    lines: list[str] = []
    program = processes.start(python(DETACHED.format(then="")), on_line=lines.append)
    others: list[str] = []
    family = python(FAMILY.format(first=""))
    processes.start(family, on_line=others.append, aside=True)
    wait_for(lambda: bool(lines) and program.has_ended() and len(others) == 3)

    assert processes.left_behind(program) == (int(lines[0]),)


def test_one_program_can_be_ended_alone(processes: Processes) -> None:
    stays = processes.start(SLEEP)
    lines: list[str] = []
    goes = processes.start(python(FAMILY.format(first=DEAF)), on_line=lines.append, aside=True)
    wait_for(lambda: len(lines) == 3)

    processes.end_one(goes)

    wait_for(lambda: not any(processes.procfs.has_memory(int(line)) for line in lines))
    assert not stays.has_ended()
    assert stays.pid in processes.measured()


def test_killing_from_another_thread_leaves_the_rest_to_the_end(processes: Processes) -> None:
    program = processes.start(SLEEP)

    processes.kill()

    wait_for(program.has_ended)
    assert program.status == -9


def test_no_open_file_is_left_and_those_given_are_closed() -> None:
    before = open_files()

    with Processes(Procfs(), Identity(environment={}), "/") as processes:
        processes.close_at_end(os.eventfd(0))
        for _ in range(3):
            processes.start(("/bin/true",))
        processes.start(("/bin/sleep", "1000"))

    assert open_files() == before


def test_ending_is_quick_where_everything_listens(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autotune.runner.processes._GRACE_S", WAIT_S)
    for _ in range(3):
        processes.start(("/bin/sleep", "1000"))

    began_s = time.monotonic()
    processes.end()

    assert time.monotonic() - began_s < WAIT_S / 2
    assert processes.measured() == ()


class EndsMeanwhile(Procfs):
    """A child of the first process ends, and is reaped, between the reading of the two."""

    def usage(self, pids: tuple[int, ...]) -> Usage:
        parent = super().usage(pids[:1])
        if pids[1:]:
            os.kill(pids[1], signal.SIGKILL)
            wait_for(lambda: not exists(pids[1]))
        rest = super().usage(pids[1:])
        return Usage(
            cpu_s=parent.cpu_s + rest.cpu_s,
            major_faults=parent.major_faults + rest.major_faults,
        )


def test_cpu_time_of_a_process_that_is_reaped_during_the_reading_counts_once() -> None:
    code = """
import os, time
if os.fork() == 0:
    while time.process_time() < 0.5: pass
    print("busy enough", flush=True)
    time.sleep(1000)
os.wait()
time.sleep(1000)
"""
    lines: list[str] = []
    with Processes(EndsMeanwhile(), Identity(environment=dict(os.environ)), "/") as processes:
        processes.start(python(code), on_line=lines.append)
        wait_for(lambda: bool(lines))

        used = processes.usage()

    assert 0.45 <= used.cpu_s < 1.0
