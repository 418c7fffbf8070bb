from __future__ import annotations

import pytest

from autotune.runner.remedies import remedy_after, remedy_for


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
        ('initdb: error: invalid locale name "de_DE"', "set LC_ALL=C.UTF-8"),
        ("Vim: Warning: Input is not from a terminal", "it wants a terminal"),
        ("error: cannot open /dev/tty: No such device", "it wants a terminal"),
        ("cannot open /dev/nvidia0: No such file or directory", "it wants a device"),
        ("RuntimeError: Found no NVIDIA driver: CUDA is not available", "it wants a device"),
        (
            "Could not connect to Redis at 127.0.0.1:6380: Connection refused",
            "nothing listens there",
        ),
        ("Error: connect ECONNREFUSED 127.0.0.1:80", "nothing listens there"),
        ("no host", "it wants the network"),
        ("ping: example.org: unknown host", "it wants the network"),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", "it wants the network"),
        ("mmap: Cannot allocate memory", "it got no memory"),
        (
            "os::commit_memory(0x7f, 68, 0) failed; error='Not enough space' (errno=12)",
            "it got no memory",
        ),
        ("Error: Could not reserve enough space for object heap", "it got no memory"),
        ("sh: 1: sudo: not found", "the workload runs as an ordinary user, and can't become"),
        (
            "sudo: must be owned by uid 0 and have the setuid bit set",
            "the workload runs as an ordina",
        ),
        (
            "setuid: Operation not permitted",
            "that is for root",
        ),
        (
            "chroot: cannot change root directory to '/': Operation not permitted",
            "that is for root",
        ),
        ("run.sh: 2: sleep\r: not found", "lines of a script end as on Windows"),
        (
            "env: \u2018bash\\r\u2019: No such file or directory",
            "lines of a script end as on Windows",
        ),
        (
            "bind() to 0.0.0.0:80 failed (13: Permission denied)",
            "the workload runs as an ordinary",
        ),
        ("dmesg: read kernel buffer failed: Operation not permitted", "that is for root"),
        ("userfaultfd: Operation not permitted", "that is for root"),
        ("This program must be run as root", "that is for root"),
        ('nginx: [emerg] getpwnam("nginx") failed', "it names a user or group"),
        ("chown: invalid user: 'me'", "it names a user or group"),
        ("su: Authentication failure", "the workload runs as an ordinary user, and can't become"),
        ("Failed to connect to bus: No medium found", "it talks to systemd or D-Bus"),
        ("mkdir: cannot create '/sys/fs/cgroup/a': Permission denied", "it wants control groups"),
        ("mlockall: Cannot allocate memory", "it locks more memory than"),
        ("BlockingIOError: [Errno 11] Resource temporarily unavailable", "it may start no more"),
        ("sh: 1: Cannot fork: Resource temporarily unavailable", "it may start no more"),
        ("OutOfMemoryError: unable to create native thread", "it may start no more"),
        ("RuntimeError: can't start new thread", "it may start no more"),
    ],
)
def test_what_helps_is_known(printed: str, beginning: str) -> None:
    assert (remedy_for(["before", printed, "after"]) or "").startswith(beginning)


@pytest.mark.parametrize(
    "printed",
    [
        *("", "no licence", "invalid option -- 'x'", "terminated by the determined user"),
        *(
            "50 %\r100 %",
            "try it without sudo",
            "the amount is too high",
            "the hostess is here",
        ),
    ],
)
def test_what_nobody_knows_is_not_guessed(printed: str) -> None:
    assert remedy_for([printed]) is None


def test_the_last_complaint_counts() -> None:
    lines = ["warning: setting locale failed", "listening", "bind: Address already in use", "bye"]

    assert (remedy_for(lines) or "").startswith("two programs want one port")


def test_of_a_program_that_goes_on_only_what_makes_it_wait_counts() -> None:
    lines = ["can't write the PID file: Permission denied", "not a terminal", "no locale"]

    assert (remedy_for(lines[:1]) or "").startswith("the workload runs as an ordinary user")
    assert remedy_for(lines[:1], goes_on=True) is None
    assert (remedy_for(lines, goes_on=True) or "").startswith("it wants a terminal")
    assert (remedy_for(lines) or "").startswith("set LC_ALL")


@pytest.mark.parametrize(
    ("status", "beginning"),
    [
        (-11, "it crashed"),
        (134, "it crashed"),
        (-4, "it uses instructions that this CPU lacks"),
        (-15, "something in the workload sent it that signal"),
        (137, "something in the workload killed it, or a limit of its CPU time (ulimit -t) did"),
        (-13, "what read its output had ended"),
        (-24, "it broke a limit"),
        (124, "'timeout' ended it"),
        (126, "the shell may not run a program of the command"),
        (127, "the shell finds no program of the command"),
    ],
)
def test_what_helps_follows_from_how_a_program_ended(status: int, beginning: str) -> None:
    assert (remedy_after(status) or "").startswith(beginning)


@pytest.mark.parametrize("status", [0, 1, 2, 125, 128, 255, -64])
def test_most_exit_statuses_tell_nothing(status: int) -> None:
    assert remedy_after(status) is None
