"""The TCP ports on which programs listen. Source: proc_net_tcp.txt of Linux 6.12."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from autotune.runner.procfs import Procfs

_LISTEN: Final = b"0A"
"""The state of a listening socket. Source: include/net/tcp_states.h."""
_MOST_NAMED: Final = 3


def _listeners(procfs: Procfs) -> Iterator[tuple[int, int]]:
    """Give the port and the inode of each listening socket."""
    for name in ("net/tcp", "net/tcp6"):
        for line in (procfs.read(name) or b"").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                yield int(fields[1].rpartition(b":")[2], 16), int(fields[9])


def listens(procfs: Procfs, port: int) -> bool:
    """Say whether a process listens on a TCP port, at any local address."""
    return any(found == port for found, _ in _listeners(procfs))


def listening_ports(procfs: Procfs, pids: Iterable[int]) -> str:
    """Name the ports on which some processes listen, as ``port 6379``; "" if there are none."""
    listeners = list(_listeners(procfs))
    if not listeners:
        return ""
    open_files = {link for pid in pids for link in procfs.open_files(pid)}
    ports = sorted({port for port, inode in listeners if f"socket:[{inode}]" in open_files})
    named = ", ".join(map(str, ports[:_MOST_NAMED]))
    return f"port{'s' if len(ports) > 1 else ''} {named}" if ports else ""
