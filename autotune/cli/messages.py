"""Messages to the user, wrapped to the terminal, on standard error."""

from __future__ import annotations

import shutil
import sys
import textwrap


def say(message: str, *, kind: str = "error") -> None:
    """Write one message to standard error, wrapped to the terminal."""
    width = shutil.get_terminal_size().columns
    text = textwrap.fill(
        f"{kind}: {message}", width, break_long_words=False, break_on_hyphens=False
    )
    sys.stderr.write(text + "\n")
