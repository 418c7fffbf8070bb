from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from autotune.runner.listening import listening_ports, listens
from autotune.runner.procfs import Procfs
from tests.runner.programs import wait_for

NET_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:9C40 0100007F:18EC 01 00000000:00000000 00:00000000 00000000     0        0 2
"""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_counts_only_while_it_is_listened_to(family: socket.AddressFamily) -> None:
    try:
        server = socket.socket(family)
        server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    except OSError:
        pytest.skip("NOT TESTED: this machine has no such addresses")
    port = server.getsockname()[1]
    before = listens(Procfs(), port)

    with server:
        server.listen()
        while_listening = listens(Procfs(), port)

    assert (before, while_listening) == (False, True)
    wait_for(lambda: not listens(Procfs(), port))


def test_the_ports_of_a_process_are_named_and_no_other_ones() -> None:
    with socket.socket() as first, socket.socket() as second, socket.socket() as bound:
        for server in (first, second, bound):
            server.bind(("127.0.0.1", 0))
        before = listening_ports(Procfs(), [os.getpid()])
        first.listen()
        one = listening_ports(Procfs(), [os.getpid()])
        second.listen()
        two = listening_ports(Procfs(), [os.getpid()])
        ports = sorted(server.getsockname()[1] for server in (first, second))

        assert before == ""
        assert one == f"port {first.getsockname()[1]}"
        assert two == f"ports {ports[0]}, {ports[1]}"
        assert listening_ports(Procfs(), [os.getppid()]) == ""


def test_a_connection_is_no_listener(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(NET_TCP)
    procfs = Procfs(tmp_path)

    assert [listens(procfs, port) for port in (6379, 40_000, 6380, 1)] == [True] + [False] * 3
