from __future__ import annotations

import signal
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotune.interrupts import one_interrupt, raise_if_interrupted
from autotune.study.events import Event, TrialFinished
from autotune.study.outcome import RunState
from tests.closed_form import tune


class Thing:
    """Something that can be watched as it goes."""


NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_and_lose_it() -> None:
    """Press Ctrl-C while the interpreter runs a callback: it prints the exception and goes on."""
    thing = Thing()
    watch = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    assert watch() is None


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """After an interrupt the others are ignored until the process ends, which it doesn't here."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What was printed and forgotten."""
    found: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda item: found.append(item.exc_type))
    return found


def test_nothing_is_raised_where_nobody_interrupted() -> None:
    with one_interrupt():
        raise_if_interrupted()


def test_an_interrupt_that_got_lost_is_raised_again(
    lost: list[type[BaseException]], capfd: pytest.CaptureFixture[str]
) -> None:
    with one_interrupt():
        interrupt_and_lose_it()
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()

    assert lost == []  # the interrupt is not reported: it is raised again
    assert capfd.readouterr().err == "\nnote: interrupted, ending\n"


def test_only_the_first_interrupt_is_one() -> None:
    with one_interrupt():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    raise_if_interrupted()  # it was heard of


def test_signals_that_arrive_together_are_one_interrupt(
    lost: list[type[BaseException]], capfd: pytest.CaptureFixture[str]
) -> None:
    with one_interrupt():
        signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
        for number in NUMBERS:
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [])  # Python looks for signals again

    assert lost == []
    assert capfd.readouterr().err == "\nnote: interrupted, ending\n"


def test_without_an_interrupt_the_usual_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    with one_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before

    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_that_got_lost_ends_a_run(
    lost: list[type[BaseException]], tmp_path: Path
) -> None:
    def press(event: Event) -> None:
        if isinstance(event, TrialFinished) and event.trial.number == 2:
            interrupt_and_lose_it()

    with one_interrupt():
        outcome = tune(tmp_path, listeners=[press])

    assert lost == []
    assert outcome.state is RunState.INTERRUPTED
    assert len(outcome.trials) == 3


def test_what_else_got_lost_is_reported(lost: list[type[BaseException]]) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    with one_interrupt():
        thing = Thing()
        watch = weakref.ref(thing, fail)
        del thing
        assert watch() is None

    assert lost == [RuntimeError]
