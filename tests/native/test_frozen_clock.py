from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CALLS = 20
WAIT_S = 0.03
"""What the library waits in each call of ppoll that has something to tell."""

PRELUDE = """
import ctypes, json, os, subprocess, sys, threading, time

c = ctypes.CDLL(None)

class Pair(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("rest", ctypes.c_long)]

class Polled(ctypes.Structure):
    _fields_ = [("file", ctypes.c_int), ("events", ctypes.c_short), ("got", ctypes.c_short)]

def day():
    now = Pair()
    assert c.gettimeofday(ctypes.byref(now), None) == 0
    return [now.seconds, now.rest]

reader, writer = os.pipe()

def polled(call, *more):
    asked = Polled(reader, 1, 0)
    limit = Pair(0, 0)
    return call(ctypes.byref(asked), ctypes.c_ulong(1), ctypes.byref(limit), None, *more)

def timed(call, *more):
    begin = time.monotonic()
    answers = {polled(call, *more) for _ in range(CALLS)}
    return [sorted(answers), time.monotonic() - begin]

def report(value):
    print(json.dumps(value))
""".replace("CALLS", str(CALLS))


@pytest.fixture
def frozen(compiled: Callable[[str], Path]) -> Path:
    return compiled("frozen_clock")


def environment(library: Path, parent: int) -> dict[str, str]:
    return {**os.environ, "LD_PRELOAD": str(library), "AUTOTUNE_PARENT": str(parent)}


def preloaded(library: Path, code: str, *, settle: bool = True) -> Any:
    finished = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env={**environment(library, os.getpid()), **({"AUTOTUNE_SETTLE": "1"} if settle else {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(finished.stdout)


def test_the_time_of_day_stands_still_and_other_clocks_run(frozen: Path) -> None:
    begin, begin_monotonic = time.time(), time.monotonic()

    first, second, real, monotonic = preloaded(
        frozen,
        "first = day(); time.sleep(0.01); report([first, day(), time.time(), time.monotonic()])",
    )

    assert first == second
    assert first[1] == 0
    assert first[0] < begin - 86_400
    assert begin <= real <= time.time()
    assert begin_monotonic <= monotonic <= time.monotonic()


def test_in_realtime_the_time_of_day_runs_too(
    frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTUNE_REALTIME", "1")
    begin = time.time()

    first, second = preloaded(
        frozen, "first = day(); time.sleep(0.01); report([first, day()])", settle=False
    )

    assert int(begin) <= first[0] + first[1] / 1e6 < second[0] + second[1] / 1e6 <= time.time()


@pytest.mark.parametrize("call", ["c.ppoll", "c.__ppoll_chk, ctypes.c_size_t(8)"])
def test_the_main_thread_waits_before_it_learns_of_a_ready_descriptor(
    frozen: Path, call: str
) -> None:
    answers, elapsed_s = preloaded(frozen, f"os.write(writer, b'x'); report(timed({call}))")

    assert answers == [1]
    assert elapsed_s >= CALLS * WAIT_S


@pytest.mark.parametrize("call", ["c.ppoll", "c.__ppoll_chk, ctypes.c_size_t(8)"])
def test_the_main_thread_does_not_wait_where_nothing_is_ready(frozen: Path, call: str) -> None:
    answers, elapsed_s = preloaded(frozen, f"report(timed({call}))")

    assert answers == [0]
    assert elapsed_s < CALLS * WAIT_S / 2


def test_nothing_waits_unless_it_is_asked_for(frozen: Path) -> None:
    answers, elapsed_s = preloaded(
        frozen, "os.write(writer, b'x'); report(timed(c.ppoll))", settle=False
    )

    assert answers == [1]
    assert elapsed_s < CALLS * WAIT_S / 2


def test_other_threads_do_not_wait(frozen: Path) -> None:
    answers, elapsed_s = preloaded(
        frozen,
        "os.write(writer, b'x')\n"
        "thread = threading.Thread(target=lambda: report(timed(c.ppoll)))\n"
        "thread.start(); thread.join()",
    )

    assert answers == [1]
    assert elapsed_s < CALLS * WAIT_S / 2


def test_programs_started_in_turn_are_left_alone(frozen: Path) -> None:
    passed_on = preloaded(
        frozen, "report(subprocess.check_output(['/usr/bin/env'], text=True).splitlines())"
    )

    names = {line.split("=")[0] for line in passed_on}
    assert "PATH" in names
    assert not names & {"LD_PRELOAD", "AUTOTUNE_PARENT", "AUTOTUNE_SETTLE", "AUTOTUNE_REALTIME"}


def test_a_process_whose_parent_is_another_ends_at_once(frozen: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "print('started')"],
        env=environment(frozen, os.getppid()),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (finished.returncode, finished.stdout) == (1, "")


def test_a_process_ends_with_its_parent(frozen: Path) -> None:
    reader, writer = os.pipe()
    start = (
        "import os, subprocess, sys, time\n"
        "child = 'import os, time; os.write(1, bytes([49])); time.sleep(60)'\n"
        "os.environ['AUTOTUNE_PARENT'] = str(os.getpid())\n"
        "os.environ['LD_PRELOAD'] = sys.argv[1]\n"
        f"subprocess.Popen([sys.executable, '-c', child], stdout={writer})\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", start, frozen], pass_fds=[writer])
    os.close(writer)
    started = os.read(reader, 1)

    parent.kill()
    parent.wait()
    rest = os.read(reader, 1)
    os.close(reader)

    assert (started, rest) == (b"1", b"")
