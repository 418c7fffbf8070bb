"""Gets a stock kernel from the distribution's packages, without root, and keeps what is needed.

Nothing is installed, and the machine's package lists stay as they are. If they are missing or old, this
module fetches new lists into a folder of its own, from the machine's sources.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from autotune.backends.vm.kernel_files import (
    CONFIG_FILE,
    CURRENT_FILE,
    IMAGE_FILE,
    KERNELS_FOLDER,
    MODULES_FOLDER,
    KernelFiles,
    kernel_at,
)
from autotune.backends.vm.kernel_modules import module_name, read_module
from autotune.errors import BackendUnavailableError, RunError

PACKAGES = ("linux-image-6.12-cloud-amd64", "linux-image-cloud-amd64")
"""Packages that depend on the newest kernel, in the order of preference."""

OLDEST = (6, 12)
"""The oldest kernel that is taken: everything was tried with it."""

_OTHER = "give another kernel with --kernel FILE --modules DIR"
_TIMEOUT_S = 900


def fetch_kernel(into: Path, note: Callable[[str], None]) -> KernelFiles:
    """Download a kernel's package, and keep the kernel in the cache as the kernel that is used.

    Args:
        into: This program's folder for files that can be made again.
        note: Called with a text before each step that takes long.

    Raises:
        BackendUnavailableError: If this machine has no apt, or there is no package with such a kernel.
        RunError: If the kernel can't be written.
    """
    for program in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(program) is None:
            raise BackendUnavailableError(
                f"no program '{program}', to get a kernel with: {_OTHER}"
            )
    with _writing(into), _temporary(into / KERNELS_FOLDER) as folder:
        unpacked = folder / "unpacked"
        package = _download(folder, note)
        _run(("dpkg-deb", "-x", str(package), str(unpacked)), folder)
        images = sorted(unpacked.glob("boot/vmlinuz-*"))
        modules = [path for path in _module_folders(unpacked) if path.is_dir()]
        if not images or not modules:
            raise BackendUnavailableError(f"{package.name} has no kernel inside: {_OTHER}")
        return keep_kernel(kernel_at(images[0], modules[0]), into)


def keep_kernel(kernel: KernelFiles, into: Path) -> KernelFiles:
    """Keep a kernel, its configuration and its modules, decompressed, as the kernel that is used.

    Args:
        kernel: The kernel's files.
        into: This program's folder for files that can be made again.

    Returns:
        The kept files.

    Raises:
        InputError: If a file can't be read.
        RunError: If a file can't be written.
    """
    kernels = into / KERNELS_FOLDER
    with _writing(into), _temporary(kernels) as folder:
        content = {IMAGE_FILE: kernel.image.read_bytes()}
        if kernel.config is not None:
            content[CONFIG_FILE] = kernel.config.read_bytes()
        for path in kernel.modules:
            content[f"{MODULES_FOLDER}/{module_name(path)}.ko"] = read_module(path)
        made = folder / "kernel"
        (made / MODULES_FOLDER).mkdir(parents=True)
        digest = hashlib.sha256()
        for name, data in sorted(content.items()):
            (made / name).write_bytes(data)
            digest.update(f"{name} {len(data)}\n".encode() + data)
        # The name follows from the contents: a whole folder with this name has these contents.
        kept = kernels / f"{kernel.version}-{digest.hexdigest()[:12]}"
        if not all(_has_size(kept / name, len(data)) for name, data in content.items()):
            shutil.rmtree(kept, ignore_errors=True)
            # Another process may have kept this kernel at the same moment.
            with contextlib.suppress(FileExistsError):
                made.rename(kept)
        (folder / CURRENT_FILE).write_text(f"{kept.name}\n")
        (folder / CURRENT_FILE).replace(kernels / CURRENT_FILE)
    return kernel_at(kept / IMAGE_FILE, kept / MODULES_FOLDER)


def _has_size(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes


def _module_folders(unpacked: Path) -> Iterator[Path]:
    # Since Debian 13 modules lie below /usr.
    yield from unpacked.glob("lib/modules/*")
    yield from unpacked.glob("usr/lib/modules/*")


@contextlib.contextmanager
def _writing(into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or into}: can't keep a kernel: {error.strerror}: free some space in "
            f"{into}, or see that it is writable"
        ) from error


@contextlib.contextmanager
def _temporary(above: Path) -> Iterator[Path]:
    """Make a folder from which finished files can be renamed; remove the rest at the end."""
    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=above) as folder:
        yield Path(folder)


def _download(folder: Path, note: Callable[[str], None]) -> Path:
    """Download the package by the machine's lists, or, if that fails, by new lists."""
    try:
        return _download_by_lists((), folder, note)
    except BackendUnavailableError:
        # There are no lists, as in a bare container, or the lists name packages that are gone.
        note("fetching the package lists into a folder of our own")
    private = _private_lists(folder)
    _run(("apt-get", *private, "update"), folder)
    return _download_by_lists(private, folder, note)


def _private_lists(folder: Path) -> tuple[str, ...]:
    state, cache = folder / "state", folder / "cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    return (
        *("-o", f"Dir::State={state}", "-o", f"Dir::State::lists={state}/lists"),
        *("-o", f"Dir::Cache={cache}", "-o", f"Dir::Cache::archives={cache}/archives"),
        # Taken from the machine: the list of installed packages, and the trusted keys.
        *("-o", "Dir::State::status=/var/lib/dpkg/status"),
        # If run as root, apt would fetch as another user, who may not write here.
        *("-o", "APT::Sandbox::User=root"),
    )


def _download_by_lists(
    options: tuple[str, ...], folder: Path, note: Callable[[str], None]
) -> Path:
    package = _newest_package(options, folder)
    note(f"fetching {package}")
    _run(("apt-get", *options, "download", package), folder)
    found = sorted(folder.glob("*.deb"))
    if not found:
        raise BackendUnavailableError(f"apt-get brought no package {package}: {_OTHER}")
    return found[0]


def _newest_package(options: tuple[str, ...], folder: Path) -> str:
    """Give the name of the package with the kernel on which a package of `PACKAGES` depends."""
    for name in PACKAGES:
        command = ("apt-cache", *options, "show", "--no-all-versions", name)
        with contextlib.suppress(BackendUnavailableError):
            found = depended_on(_run(command, folder))
            if found is not None:
                return found
    raise BackendUnavailableError(
        f"this machine's package sources have no {' or '.join(PACKAGES)}, or can't be reached: {_OTHER}"
    )


def depended_on(description: str) -> str | None:
    """Read from a package's description on which kernel it depends; None if the kernel is too old.

    >>> depended_on("Depends: linux-image-6.12.117+deb12-cloud-amd64 (= 6.12.117-1~deb12u1)")
    'linux-image-6.12.117+deb12-cloud-amd64'
    >>> depended_on("Depends: linux-image-6.1.0-40-cloud-amd64 (= 6.1.153-1)")
    """
    match = re.search(r"^Depends:.*?\b(linux-image-(\d+)\.(\d+)\S*)", description, re.MULTILINE)
    if match is None or (int(match[2]), int(match[3])) < OLDEST:
        return None
    return match[1]


def _run(command: tuple[str, ...], folder: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603  # fixed programs, and names of packages
            command,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackendUnavailableError(
            f"{command[0]} took longer than {_TIMEOUT_S} s: see to the network, or {_OTHER}"
        ) from error
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or ["it says nothing"]
        raise BackendUnavailableError(f"{command[0]} failed: {said[-1]}: {_OTHER}")
    return answer.stdout
