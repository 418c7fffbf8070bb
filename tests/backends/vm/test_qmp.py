from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autotune.backends.vm.qmp import Qmp, QmpClosedError, QmpError

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}
PANIC = {"event": "GUEST_PANICKED", "data": {"action": "pause"}}
RESUME = {"event": "RESUME", "timestamp": {"seconds": 1}}
DONE: dict[str, Any] = {"return": {}}


def sent(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)


@pytest.fixture
def pair() -> Iterator[tuple[Qmp, socket.socket]]:
    """A connection, and the emulator's end of it."""
    ours, theirs = socket.socketpair()
    qmp = Qmp(ours)
    with theirs:
        yield qmp, theirs
    qmp.close()


def test_the_greeting_is_answered(pair: tuple[Qmp, socket.socket]) -> None:
    qmp, theirs = pair
    theirs.sendall(sent(GREETING, DONE))

    qmp.greet(timeout_s=5.0)

    assert json.loads(theirs.recv(1000)) == {"execute": "qmp_capabilities"}


def test_a_command_goes_with_its_arguments_and_comes_with_its_answer(
    pair: tuple[Qmp, socket.socket],
) -> None:
    qmp, theirs = pair
    theirs.sendall(sent({"return": {"status": "completed"}}))

    answer = qmp.execute("migrate", uri="exec:cat > 'a b'")

    assert answer == {"status": "completed"}
    assert json.loads(theirs.recv(1000)) == {
        "execute": "migrate",
        "arguments": {"uri": "exec:cat > 'a b'"},
    }


def test_events_between_a_command_and_its_answer_are_kept_in_order(
    pair: tuple[Qmp, socket.socket],
) -> None:
    qmp, theirs = pair
    theirs.sendall(sent(RESUME, PANIC, DONE))

    qmp.execute("cont")

    assert [qmp.next_event(1.0), qmp.next_event(1.0), qmp.next_event(0.01)] == [
        "RESUME",
        "GUEST_PANICKED",
        None,
    ]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_of_any_size_are_put_together(sizes: list[int]) -> None:
    ours, theirs = socket.socketpair()
    qmp = Qmp(ours)
    text = sent(RESUME, {"return": {"é": "a\nb"}}, PANIC)

    def send() -> None:
        rest, place = text, 0
        while rest:
            size = sizes[place % len(sizes)]
            theirs.sendall(rest[:size])
            rest, place = rest[size:], place + 1

    with theirs:
        sender = threading.Thread(target=send)
        sender.start()
        answer = qmp.execute("any")
        events = [qmp.next_event(5.0), qmp.next_event(5.0)]
        sender.join()
    qmp.close()

    assert answer == {"é": "a\nb"}
    assert events == ["RESUME", "GUEST_PANICKED"]


def test_a_refusal_is_told_with_its_reason(pair: tuple[Qmp, socket.socket]) -> None:
    qmp, theirs = pair
    theirs.sendall(sent({"error": {"class": "GenericError", "desc": "no such file"}}))

    with pytest.raises(QmpError, match=r"^migrate: no such file$"):
        qmp.execute("migrate")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda qmp: qmp.greet(0.05), "no greeting within 0.05 s"),
        (lambda qmp: qmp.execute("cont", 0.05), "cont: no answer within 0.05 s"),
    ],
)
def test_an_emulator_that_says_nothing_is_not_waited_for(
    pair: tuple[Qmp, socket.socket], ask: Callable[[Qmp], object], message: str
) -> None:
    qmp, _ = pair
    began_s = time.monotonic()

    with pytest.raises(QmpError) as error:
        ask(qmp)

    assert str(error.value) == message
    assert time.monotonic() - began_s < 5.0


def test_events_without_end_are_no_answer(pair: tuple[Qmp, socket.socket]) -> None:
    qmp, theirs = pair
    over = threading.Event()

    def chatter() -> None:
        while not over.wait(0.01):
            theirs.sendall(sent(RESUME))

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        with pytest.raises(QmpError, match=r"^cont: no answer within 0\.2 s$"):
            qmp.execute("cont", 0.2)
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    "ask",
    [
        lambda qmp: qmp.greet(5.0),
        lambda qmp: qmp.execute("cont"),
        lambda qmp: qmp.next_event(5.0),
        lambda qmp: qmp.wait_for_status("inmigrate", 5.0),
    ],
)
def test_an_emulator_that_has_ended_is_told(ask: Callable[[Qmp], object]) -> None:
    ours, theirs = socket.socketpair()
    qmp = Qmp(ours)
    theirs.close()

    with pytest.raises(QmpClosedError):
        ask(qmp)

    qmp.close()


def test_what_was_said_before_the_end_is_heard(pair: tuple[Qmp, socket.socket]) -> None:
    qmp, theirs = pair
    theirs.sendall(sent(PANIC))
    theirs.shutdown(socket.SHUT_WR)

    assert qmp.next_event(1.0) == "GUEST_PANICKED"
    with pytest.raises(QmpClosedError):
        qmp.next_event(1.0)


def test_another_status_is_waited_for(pair: tuple[Qmp, socket.socket]) -> None:
    qmp, theirs = pair
    statuses = ("inmigrate", "inmigrate", "paused")
    theirs.sendall(sent(*({"return": {"status": status}} for status in statuses)))

    assert qmp.wait_for_status("inmigrate", 5.0) == "paused"


def test_a_status_that_stays_is_told(pair: tuple[Qmp, socket.socket]) -> None:
    qmp, theirs = pair
    theirs.sendall(sent(*[{"return": {"status": "inmigrate"}}] * 1000))

    with pytest.raises(QmpError, match=r"^still inmigrate after 0\.05 s$"):
        qmp.wait_for_status("inmigrate", 0.05)
