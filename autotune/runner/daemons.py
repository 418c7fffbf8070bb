"""Programs that go into the background by themselves, and how each is kept in the foreground."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

_FOREGROUND: Final = {
    "apache2": "-D FOREGROUND",
    "haproxy": "-db",
    "httpd": "-D FOREGROUND",
    "lighttpd": "-D",
    "memcached": "without -d",
    "mysqld": "without --daemonize",
    "nginx": "-g 'daemon off;'",
    "php-fpm": "-F",
    "pg_ctl": "the program 'postgres' instead",
    "redis-server": "--daemonize no",
    "sshd": "-D",
    "valkey-server": "--daemonize no",
}
"""Options that keep a program in the foreground. Source: the manual page of each."""

_IN_BACKGROUND: Final = re.compile(r"(?<![<>&])&(?![>&])")
"""Where a text for the shell starts something and does not wait for it."""


def stay_in_foreground(names: Collection[str]) -> str:
    """Say how a program is kept in the foreground.

    Args:
        names: Names of the program: of its command, and of the process that it has left.

    >>> stay_in_foreground(["./start.sh", "nginx"])
    "run it in the foreground (nginx: -g 'daemon off;')"
    >>> stay_in_foreground(["serve"])
    'run it in the foreground, not as a daemon'
    >>> stay_in_foreground(["serve >log 2>&1 &", "serve"])
    "run it in the foreground: leave out '&', or end the command with 'wait'"
    """
    for name in names:
        for word in name.split():
            if option := _FOREGROUND.get(Path(word).name):
                return f"run it in the foreground ({Path(word).name}: {option})"
    if any(_IN_BACKGROUND.search(name) for name in names):
        return "run it in the foreground: leave out '&', or end the command with 'wait'"
    return "run it in the foreground, not as a daemon"
