"""One Ctrl-C, SIGTERM or hang-up ends a command, even if Python loses it.

If a `KeyboardInterrupt` is raised while the interpreter runs a callback, for example the garbage
collector's, Python reports the exception and goes on. So this module remembers it without a report, and
long-running code asks this module again and again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_LONGEST_WAIT_S = 0.5

_received = threading.Event()


@contextlib.contextmanager
def one_interrupt() -> Iterator[None]:
    """Let the first interrupt raise `KeyboardInterrupt`, and ignore every later one.

    An interrupt is Ctrl-C, SIGTERM, or the hang-up of a terminal that goes away.
    """
    usual: dict[signal.Signals, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    # A signal that is ignored, or that other code handles, stays as it is.
    ours = [number for number, before in usual.items() if signal.getsignal(number) is before]

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        # A later signal ends here. It may have arrived before this call: to ignore signals from now on
        # would make Python report that one as lost.
        if _received.is_set():
            return
        _received.set()
        with contextlib.suppress(OSError):  # a terminal that went away
            os.write(2, b"\nnote: interrupted, ending\n")  # unbuffered: a print may be under way
        raise KeyboardInterrupt

    report = sys.unraisablehook

    def report_others(lost: sys.UnraisableHookArgs) -> None:
        if not (_received.is_set() and lost.exc_type is KeyboardInterrupt):
            report(lost)

    for number in ours:
        signal.signal(number, interrupt)
    sys.unraisablehook = report_others
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is interrupt:
                signal.signal(number, signal.SIG_IGN if _received.is_set() else usual[number])
        sys.unraisablehook = report
        _received.clear()


def raise_if_interrupted() -> None:
    """Raise `KeyboardInterrupt` again if `one_interrupt` has raised it.

    Do not call this after the exception was caught: ending takes a while, and must not be interrupted.
    """
    if _received.is_set():
        raise KeyboardInterrupt


def result_of(future: Future[T]) -> T:
    """Wait for the result of what another thread does; an interrupt ends the wait within half a second.

    A signal does not end a wait that begins just after the signal: so no wait here is longer.

    Raises:
        Exception: What the other thread raised.
        KeyboardInterrupt: If `one_interrupt` has raised it, and Python lost its exception.
    """
    while not wait((future,), _LONGEST_WAIT_S).done:
        raise_if_interrupted()
    return future.result()
