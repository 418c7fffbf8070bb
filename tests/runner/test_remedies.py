from __future__ import annotations

import pytest

from autotune.runner.remedies import remedy_for


@pytest.mark.parametrize(
    ("printed", "beginning"),
    [
        ("Error: Can't open display: ", "it wants to open a window"),
        (
            "_tkinter.TclError: no display name and no $DISPLAY environment variable",
            "it wants to op",
        ),
        ("qt.qpa.xcb: could not connect to display", "it wants to open a window"),
        ("TERM environment variable not set.", "it wants a terminal"),
        ("Error opening terminal: unknown.", "it wants a terminal"),
        ("top: failed tty get", "it wants a terminal"),
        ("tcgetattr: Inappropriate ioctl for device", "it wants a terminal"),
        ("curl: (6) Could not resolve host: example.org", "it wants the network"),
        (
            "socket.gaierror: [Errno -3] Temporary failure in name resolution",
            "it wants the network",
        ),
        ("Error: getaddrinfo EAI_AGAIN example.org", "it wants the network"),
        ("java.net.UnknownHostException: example.org", "it wants the network"),
        ("connect: Network is unreachable", "it wants the network"),
        ("bind: Address already in use", "two programs want one port"),
        ("write error: No space left on device", "its files find no room"),
        ('initdb: error: invalid locale name "de_DE"', "set LANG=C.UTF-8"),
        (
            "bind() to 0.0.0.0:80 failed (13: Permission denied)",
            "the workload runs as an ordinary",
        ),
        ("dmesg: read kernel buffer failed: Operation not permitted", "the workload runs as an"),
        ("This program must be run as root", "the workload runs as an ordinary user"),
    ],
)
def test_what_helps_is_known(printed: str, beginning: str) -> None:
    assert (remedy_for(["before", printed, "after"]) or "").startswith(beginning)


@pytest.mark.parametrize(
    "printed", ["", "no licence", "invalid option -- 'x'", "terminated by the determined user"]
)
def test_what_nobody_knows_is_not_guessed(printed: str) -> None:
    assert remedy_for([printed]) is None
