"""The few system calls for which Python has no function, by way of the C library."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from pathlib import Path
from typing import Final, Protocol

from autotune.errors import BackendUnavailableError

HIGHEST_SWAP_PRIORITY: Final = 32_767

_SWAP_FLAG_PREFER = 0x8000
_POWER_OFF = 0x4321FEDC
_FINIT_MODULE = {"x86_64": 313, "aarch64": 273, "riscv64": 273}

_REMEDIES = {
    errno.EBUSY: "it is in use: end what uses it",
    errno.ENODEV: "this kernel has no such file system",
    errno.ENOENT: "there is no such file",
    errno.ENOMEM: "free some memory",
    errno.ENOSYS: "it is not known how to do that on this machine",
    errno.EPERM: "run as root",
}


class SystemCallError(BackendUnavailableError):
    """The kernel refused a system call.

    Attributes:
        errno: The kernel's reason.
    """

    def __init__(self, where: object, what: str, number: int) -> None:
        self.errno = number
        name = errno.errorcode.get(number, "?")
        remedy = _REMEDIES.get(number, "the kernel's log (dmesg) may say more")
        super().__init__(f"{where}: can't {what}: {os.strerror(number)} ({name}): {remedy}")


class SystemCalls(Protocol):
    """The system calls that are needed beside reading and writing files.

    All methods raise `SystemCallError` if the kernel refuses.
    """

    def swap_on(self, device: Path) -> None:
        """Let the kernel swap to *device*, before all other swap."""
        ...

    def swap_off(self, device: Path) -> None:
        """Bring back what is swapped to *device*, and end swapping to it."""
        ...


class LinuxCalls:
    """Linux's system calls for swap, and those that a machine's first program needs.

    All methods raise `SystemCallError` if the kernel refuses.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def swap_on(self, device: Path) -> None:
        """Let the kernel swap to *device*, before all other swap."""
        flags = _SWAP_FLAG_PREFER | HIGHEST_SWAP_PRIORITY
        self._check(self._libc.swapon(os.fsencode(device), flags), device, "swap to it")

    def swap_off(self, device: Path) -> None:
        """Bring back what is swapped to *device*, and end swapping to it."""
        self._check(self._libc.swapoff(os.fsencode(device)), device, "end swapping to it")

    def mount(self, kind: str, target: Path, options: str = "") -> None:
        """Mount a file system that needs no device: ``proc``, ``sysfs``, ``devtmpfs``, ``tmpfs``.

        Args:
            kind: The file system.
            target: An existing folder.
            options: Options of the file system, comma-separated.
        """
        result = self._libc.mount(
            kind.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(0), options.encode()
        )
        self._check(result, target, f"mount {kind} on it")

    def load_module(self, file: Path, parameters: str = "") -> None:
        """Load a kernel module. It is no error if the module is loaded already.

        Args:
            file: The module, not compressed.
            parameters: The module's parameters, separated by blanks: ``num_devices=1``.

        Raises:
            SystemCallError: If the file can't be read, or the kernel refuses the module.
        """
        what = "load it as a kernel module"
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SystemCallError(file, what, error.errno or 0) from error
        try:
            number = _FINIT_MODULE.get(platform.machine())
            if number is None:
                raise SystemCallError(file, what, errno.ENOSYS)
            result = self._libc.syscall(
                ctypes.c_long(number), ctypes.c_int(descriptor), parameters.encode(), 0
            )
            if result == 0 or ctypes.get_errno() != errno.EEXIST:
                self._check(result, file, what)
        finally:
            os.close(descriptor)

    def power_off(self) -> None:
        """Switch the machine off at once. Only the first program of a virtual machine may call this."""
        os.sync()
        self._check(self._libc.reboot(ctypes.c_int(_POWER_OFF)), "machine", "power off")

    @staticmethod
    def _check(result: int, where: object, what: str) -> None:
        if result != 0:
            raise SystemCallError(where, what, ctypes.get_errno())
