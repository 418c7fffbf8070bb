"""What helps a program that failed, told from what it printed.

A program that ran for years on a desk or a server may miss something where it is measured: a window, a
terminal, the network, root's rights. Most say so, each in its own words.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from typing import Final

NO_INPUT: Final = (
    "its standard input is empty: if it reads that, use 'shell: true' and a command with '<FILE'"
)

NOBODY_LISTENS: Final = (
    "nothing listens there: start the server as a part of the workload, give server and client one "
    "port, and wait for that with 'ready: {port: N}'"
)

_TERMINAL: Final = (
    "it wants a terminal, and there is none: start it in a mode that needs none (as top -b or "
    "vim -es)"
)
_WINDOW: Final = (
    "it wants to open a window, and there is no display: start it in a mode without a window"
)
_NETWORK: Final = (
    "it wants the network: start what it talks to as a part of the workload, and name localhost "
    "(a micro-VM has no other network)"
)
_DEVICE: Final = (
    "it wants a device, and a micro-VM has none: start it in a mode without the device (as on the CPU "
    "instead of a GPU), or measure it with backend: host"
)
_FOR_ROOT: Final = (
    "that is for root, and the workload runs as an ordinary user: start it in a mode that leaves it "
    "out"
)
_SUDO: Final = (
    "the workload runs as an ordinary user, and can't become another one: leave sudo, su and the like "
    "out of the command"
)
_SYSTEMD: Final = (
    "it talks to systemd or D-Bus, and there is none: leave out what talks to it, and start the "
    "program itself"
)
_CONTROL_GROUPS: Final = (
    "it wants control groups, and those are for root: start it in a mode without them (the whole "
    "machine's memory is vm.memory)"
)
_LOCKS: Final = (
    "it locks more memory than an ordinary user may: start it in a mode that locks none"
)
_PROCESSES: Final = (
    "it may start no more processes or threads: leave out or raise the limit that was set for it "
    "(ulimit -u), let it start fewer, or give the machine more memory (vm.memory)"
)
_NO_MEMORY: Final = (
    "it got no memory: give the machine more (vm.memory), leave out a limit that was set for it "
    "(ulimit), or make the workload smaller"
)

_REMEDIES: Final = (
    (
        r"\b(sudo|su|doas|pkexec|runuser)\b.*(not found|no such|setuid|owned|privileges)|"
        r"\b(sudo|doas|su|runuser|pkexec): ",
        _SUDO,
    ),
    (
        r"booted with systemd|connect to (the )?(system |session |user )?(message )?bus|\bD-?Bus\b",
        _SYSTEMD,
    ),
    (
        r"(/sys/fs/cgroup|\bcgroup).*(denied|no such|not|fail|read-only)",
        _CONTROL_GROUPS,
    ),
    (
        r"\bdisplay\b.*\b(open|connect|found|set)|(open|connect to|no) (the )?(X )?display|\$?DISPLAY\b",
        _WINDOW,
    ),
    (
        r"not (a|from a|to a) (tty|terminal)|tty get|inappropriate ioctl|opening terminal|\bTERM\b|"
        r"(stdin|standard input).* (tty|terminal)|/dev/tty\b",
        _TERMINAL,
    ),
    (
        r"/dev/(nvidia|dri|kvm|video|snd|fuse|net/tun|mem\b|kfd|vfio|loop|sd[a-z]|nvme|tty[A-Z])|"
        r"\bCUDA\b|\bGPU\b|no (such )?device|cuInit|OpenCL|vulkan",
        _DEVICE,
    ),
    (
        r"connection refused|ECONNREFUSED|can'?t connect to (local|MySQL)",
        NOBODY_LISTENS,
    ),
    (
        r"name resolution|could ?n[o']t resolve|unable to resolve|network is unreachable|"
        r"no route to host|"
        r"(name or service|host|server)( is| was)? (not|un)[ -]?(known|found|reachable)|"
        r"cannot assign requested address|EADDRNOTAVAIL|EAI_AGAIN|"
        r"getaddrinfo|ENETUNREACH|UnknownHost|\b(no|unknown|bad) (such )?host(name)?\b",
        _NETWORK,
    ),
    (
        r"address (is )?already in use|EADDRINUSE",
        "two programs want one port: give one of them another port",
    ),
    (
        r"no space left|ENOSPC|disk is full",
        "its files find no room: make them smaller, or, in a micro-VM, where files lie in half of the "
        "memory, raise vm.memory",
    ),
    (
        r"\bmlock|\bmemlock|\block\w* (of )?(\w+ )?memory",
        _LOCKS,
    ),
    (
        r"(fork|clone|spawn|thread)\b.*(temporarily unavailable|EAGAIN)|BlockingIOError.*Errno 11\b|"
        r"(can'?t|cannot|unable to|failed to) (start|create) (a )?(new )?(native )?(thread|process)",
        _PROCESSES,
    ),
    (
        r"cannot allocate memory|can'?t allocate|ENOMEM|out of memory|MemoryError|bad_alloc|"
        r"could not reserve enough space|insufficient memory|errno=12\b",
        _NO_MEMORY,
    ),
    (
        r"locale",
        "set LC_ALL=C.UTF-8 in the command (env LC_ALL=C.UTF-8 ...), or install the locale",
    ),
    (
        r"get(pw|gr)nam|name not found: |(no such|unknown|invalid) (user|group)\b|"
        r"\b(user|group)\b.*(does not exist|not found|unknown)",
        "it names a user or group that this machine does not have: leave that out: the workload runs "
        "as one ordinary user",
    ),
    (
        r"operation not permitted|EPERM\b|(must|needs? to|should) be (run (as|by) )?root|are you root|"
        r"requires? root|superuser|(set|init)(res|re|e)?[ug]id\b.*(denied|failed|cannot|error)",
        _FOR_ROOT,
    ),
    (
        r"(execution|run(ning)?|start(ed)?)\b.* (as |by )?.?root.? .*not (permitted|allowed|supported)|"
        r"(not|never|refus\w+ to) (be )?(run|start)(ed|ning)? .*as root|unprivileged user|"
        r"as root without|execution of .*root.* not permitted",
        "it refuses to be run by root: start this program with sudo as an ordinary user, who then runs "
        "it",
    ),
    (
        r"EOFError|EOF when reading|(unexpected|premature) (EOF|end of file).*(stdin|input)|no input",
        NO_INPUT,
    ),
    (
        r"too many open files|EMFILE",
        "it opens more files than it may: put 'ulimit -n 4096;' in front of the command, with 'shell: "
        "true'",
    ),
    (
        r"GLIBC(XX)?_[\d.]+.? not found",
        "it was built for a newer system: build it here, or take its static build",
    ),
    (
        r"no module named|cannot find module|cannot load such file|can't locate \S+ in @INC|"
        r"ClassNotFoundException|NoClassDefFoundError|module '?[\w.]+'? not found",
        "a library of it is missing: install the library for the interpreter that runs it, or list it "
        "under workload.files",
    ),
    (
        r"\b(source|declare|shopt|pushd|mapfile|readarray): (\w+: )?not found|\[\[: not found|"
        r"bad substitution|syntax error: .\(. unexpected",
        "that is bash's, and sh reads it: write the command as [bash, -c, TEXT]",
    ),
    (
        r"\r['\u2019\"]?:|\\r['\u2019]",
        "lines of a script end as on Windows: write them as on Linux: sed -i 's/\\r$//' SCRIPT",
    ),
    (
        r"permission denied|EACCES",
        "the workload runs as an ordinary user: use files that this user may write, as in /tmp, and "
        "ports from 1024 on",
    ),
)
"""Regular expressions of what programs print, whatever the case, and what helps.

Of the last line that one of them matches, the first one counts.
"""

NOT_FOR_FILES: Final = (
    *(_TERMINAL, _WINDOW, _NETWORK, NOBODY_LISTENS, _SUDO, _FOR_ROOT),
    *(_SYSTEMD, _CONTROL_GROUPS, _LOCKS, _PROCESSES, _NO_MEMORY),
)
"""What helps where no missing file is the cause, though a program may have missed some, too."""


_MAY_WAIT: Final = (_WINDOW, _TERMINAL, _NETWORK, NOBODY_LISTENS)
"""What helps where a program may go on, and waits or tries again."""


def remedy_for(lines: Iterable[str], *, goes_on: bool = False) -> str | None:
    """Give what helps a program that failed; None if that is not known.

    Args:
        lines: The last lines that it printed.
        goes_on: Whether it has not ended: then most complaints were not what stopped it.

    >>> remedy_for(["bind() failed", "Error: listen EADDRINUSE: address already in use :::80"])
    'two programs want one port: give one of them another port'
    """
    remedies = [(p, remedy) for p, remedy in _REMEDIES if not goes_on or remedy in _MAY_WAIT]
    for line in reversed(list(lines)):  # what a program prints last tells most
        for pattern, remedy in remedies:
            if re.search(pattern, line, re.IGNORECASE):
                return remedy
    return None


_CRASH: Final = (
    "it crashed: run it alone, with the same input: if it crashes there, too, mend it, else give it "
    "more memory (vm.memory)"
)
_LIMIT: Final = "it broke a limit that was set for it (ulimit): leave the limit out, or raise it"
_KILLED: Final = (
    "something in the workload killed it, or a limit of its CPU time (ulimit -t) did: leave that "
    "out"
)
_FROM_OUTSIDE: Final = "something in the workload sent it that signal: leave that out"

_AFTER_SIGNAL: Final[dict[int, str]] = {
    **dict.fromkeys(
        (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGTRAP), _CRASH
    ),
    signal.SIGILL: "it uses instructions that this CPU lacks, or crashed: build it for plain x86-64 (no "
    "-march=native)",
    signal.SIGSYS: "it made a system call that it is not allowed: start it in a mode without that",
    signal.SIGKILL: _KILLED,
    signal.SIGXCPU: _LIMIT,
    signal.SIGXFSZ: _LIMIT,
    signal.SIGPIPE: "what read its output had ended: let that read to the end",
    **dict.fromkeys(
        (
            *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
            *(signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2),
        ),
        _FROM_OUTSIDE,
    ),
}
_AFTER_STATUS: Final = {
    124: "'timeout' ended it: use workload.duration instead",
    126: "the shell may not run a program of the command: make it executable",
    127: "the shell finds no program of the command: install it, or give its path (~ and $HOME are /tmp "
    "in a micro-VM)",
}
"""Exit statuses with a meaning of their own. Source: timeout(1), "EXIT STATUS" of sh(1p)."""


def remedy_after(status: int) -> str | None:
    """Give what helps after a program that ended in some way; None if the way alone tells nothing.

    Args:
        status: The exit status, or the negative number of the signal that ended it.

    >>> remedy_after(124)
    "'timeout' ended it: use workload.duration instead"
    >>> remedy_after(-11) == remedy_after(139) and remedy_after(3) is None
    True
    """
    number = -status if status < 0 else status - 128
    return _AFTER_SIGNAL.get(number) or _AFTER_STATUS.get(status)
