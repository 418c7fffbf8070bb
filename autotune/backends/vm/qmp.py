"""QEMU's machine protocol, over a pair of sockets: as much as is needed to save and continue a machine.

Source: docs/interop/qmp-spec.rst of QEMU.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from typing import Any

_POLL_S = 0.005


class QmpClosedError(Exception):
    """The emulator has closed the connection: it has ended."""


class QmpError(Exception):
    """The emulator refused a command."""


class Qmp:
    """A connection.

    Args:
        ours: Our end of the pair; `close` closes it.
    """

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._rest = b""
        self._events: deque[str] = deque()

    def greet(self, timeout_s: float) -> None:
        """Wait for the greeting, and answer it.

        Raises:
            QmpClosedError: If the emulator ends.
            QmpError: If the emulator does not greet in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while (message := self._receive(deadline_s)) is not None:
            if "QMP" in message:
                self.execute("qmp_capabilities")
                return
        raise QmpError(f"no greeting within {timeout_s:g} s")

    def execute(self, command: str, timeout_s: float = 60.0, **arguments: object) -> Any:
        """Run a command and give what it returns.

        Raises:
            QmpClosedError: If the emulator ends.
            QmpError: If the emulator refuses the command or does not answer in time.
        """
        request: dict[str, object] = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpClosedError(str(error)) from error
        deadline_s = time.monotonic() + timeout_s
        while (message := self._receive(deadline_s)) is not None:
            if "error" in message:
                raise QmpError(f"{command}: {message['error'].get('desc', message['error'])}")
            if "return" in message:
                return message["return"]
            self._note(message)
        raise QmpError(f"{command}: no answer within {timeout_s:g} s")

    def next_event(self, timeout_s: float) -> str | None:
        """Wait for the next event and give its name; None if no event comes in time.

        Raises:
            QmpClosedError: If the emulator ends.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self._events:
            message = self._receive(deadline_s)
            if message is None:
                return None
            self._note(message)
        return self._events.popleft()

    def wait_for_status(self, unwanted: str, timeout_s: float) -> str:
        """Wait until the machine's status is no longer *unwanted*, and give the new status.

        Raises:
            QmpClosedError: If the emulator ends.
            QmpError: If the status does not change in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while (status := self.execute("query-status")["status"]) == unwanted:
            if time.monotonic() > deadline_s:
                raise QmpError(f"still {unwanted} after {timeout_s:g} s")
            time.sleep(_POLL_S)
        return str(status)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _note(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self._events.append(message["event"])

    def _receive(self, deadline_s: float) -> dict[str, Any] | None:
        """Give the next message; None if no message comes in time."""
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
            try:
                chunk = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            except OSError as error:
                raise QmpClosedError(str(error)) from error
            if not chunk:
                raise QmpClosedError("the emulator has ended")
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message
