"""One Ctrl-C or SIGTERM ends a command, even where Python loses it.

A `KeyboardInterrupt` that is raised while the interpreter runs a callback, the garbage collector's for
one, is printed and forgotten. So it is remembered here that there was one, and whoever works for long
asks now and then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_received = threading.Event()


@contextlib.contextmanager
def one_interrupt() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM raise `KeyboardInterrupt`, and none after it disturb the end."""
    usual: dict[signal.Signals, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    # Where someone else decides, or a signal is ignored, that stays so.
    ours = [number for number, before in usual.items() if signal.getsignal(number) is before]

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        for number in ours:
            signal.signal(number, signal.SIG_IGN)
        _received.set()
        os.write(2, b"\nnote: interrupted, ending\n")  # unbuffered: a print may be under way
        raise KeyboardInterrupt

    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        _received.clear()
        for number in ours:
            if signal.getsignal(number) is interrupt:
                signal.signal(number, usual[number])


def raise_if_interrupted() -> None:
    """Raise the `KeyboardInterrupt` again that `one_interrupt` raised, if there was one.

    Not to be called once it was heard of: ending takes a while, and is not to be interrupted.
    """
    if _received.is_set():
        raise KeyboardInterrupt
