"""Reads and writes one value in one of the kernel's files, whole, and explains failures."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from autotune.errors import BackendUnavailableError, TrialError

_REMEDIES = {
    errno.EBUSY: "something else uses it: try again when that is done",
    errno.EINVAL: "this kernel does not take it",
    errno.ENOENT: "this kernel lacks it, or another program took it away",
    errno.ENOMEM: "free some memory",
    errno.ERANGE: "the number is too large for the kernel",
}


class SysfsError(TrialError):
    """The kernel refused to take or to give a value.

    Attributes:
        file: The file.
        errno: The kernel's reason.
    """

    def __init__(self, file: Path, error: OSError, value: str | None = None) -> None:
        self.file, self.errno = file, error.errno or 0
        what = "can't be read" if value is None else f"can't write '{value}'"
        name = errno.errorcode.get(self.errno, "?")
        remedy = _REMEDIES.get(self.errno, "the kernel's log (dmesg) may say more")
        super().__init__(f"{file}: {what}: {error.strerror} ({name}): {remedy}")


def _open(file: Path, flags: int, value: str | None) -> int:
    try:
        return os.open(file, flags | os.O_CLOEXEC)
    except PermissionError as error:
        # Only open() fails for want of root. If write() fails with EPERM, that is the kernel's answer.
        raise BackendUnavailableError(
            f"{file}: needs root: run as root, or use the vm backend"
        ) from error
    except OSError as error:
        raise SysfsError(file, error, value) from error


def read_value(file: Path) -> str:
    """Give a file's content without its last line break. Blanks are kept: they may belong to a path.

    Raises:
        SysfsError: If the kernel doesn't give the value.
        BackendUnavailableError: If only root may read it.
    """
    descriptor = _open(file, os.O_RDONLY, None)
    try:
        content = b""
        while chunk := os.read(descriptor, 65_536):
            content += chunk
    except OSError as error:
        raise SysfsError(file, error) from error
    finally:
        os.close(descriptor)
    return os.fsdecode(content).removesuffix("\n")


def write_value(file: Path, value: str) -> None:
    """Give the kernel a value, in one system call. A missing file is not made.

    Raises:
        SysfsError: If the kernel doesn't take the value.
        BackendUnavailableError: If only root may write it.
    """
    descriptor = _open(file, os.O_WRONLY | os.O_TRUNC, value)
    try:
        os.write(descriptor, os.fsencode(value))
    except OSError as error:
        raise SysfsError(file, error, value) from error
    finally:
        os.close(descriptor)


def choices(text: str) -> tuple[str, ...]:
    """Give all words of a file that lists its choices.

    >>> choices("always [madvise] never")
    ('always', 'madvise', 'never')
    """
    return tuple(word.strip("[]") for word in text.split())


def chosen_word(text: str) -> str:
    """Give the word in brackets, in a file that lists its choices. A text without one is given whole.

    >>> chosen_word("always [madvise] never"), chosen_word("60")
    ('madvise', '60')
    """
    _, opened, rest = text.partition("[")
    word, closed, _ = rest.partition("]")
    return word if opened and closed else text
