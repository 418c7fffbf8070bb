"""Messages to the user on standard error: wrapped on a terminal, one line each elsewhere."""

from __future__ import annotations

import shutil
import sys
import textwrap


def say(message: str, *, kind: str = "error") -> None:
    """Write one message to standard error."""
    text = f"{kind}: {message}".replace("\n", " ")
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    sys.stderr.write(text + "\n")
