"""Text of files from other systems."""

from __future__ import annotations


def unix_lines(text: str) -> str:
    r"""Take the byte order mark off a text, and end its lines as Unix does.

    >>> unix_lines("\ufeffa\r\nb\rc")
    'a\nb\nc'
    """
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
