"""This machine: what each backend finds here, what it lacks, how to get that; and the setting up.

`examine` changes nothing. It only reads files that are there, and asks two programs for their version.
"""

from __future__ import annotations

import enum
import importlib.util
import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from autotune.backends.host import Places
from autotune.backends.vm.command_line import OLDEST_QEMU, PROGRAM
from autotune.backends.vm.emulator import no_emulator
from autotune.backends.vm.kernel_files import KernelFiles, find_kernel, kernel_at
from autotune.backends.vm.kernel_package import fetch_kernel, keep_kernel
from autotune.cache import cache_folder
from autotune.driver.journal import Journal
from autotune.driver.ownership import foreign_users
from autotune.driver.restoring import restore_after_kill
from autotune.driver.sysfs_file import chosen_word, read_value
from autotune.driver.system_calls import SystemCalls
from autotune.driver.tree import KDAMONDS, DamonTree
from autotune.errors import AutotuneError, BackendUnavailableError, InputError
from autotune.native.building import build
from autotune.runner.procfs import Procfs
from autotune.runner.system_memory import SystemMemory
from autotune.vm_settings import VmSettings

SMALLEST_VM_BYTES: Final = 648 << 20
"""What a micro-VM for the smallest pattern takes, emulator included."""

VM_BYTES: Final = 1280 << 20
"""What one for a program takes by default, emulator included."""

_DISK_BYTES: Final = 2 << 30
"""Room for the saved machines of a dozen workloads, and their images."""

_TIMEOUT_S: Final = 30

_NATIVE: Final = ("player", "ports", "frozen_clock")

_FEATURES: Final = (
    ("apply_interval_us", "apply intervals", "v6.7"),
    ("quotas/goals", "quota goals", "v6.8"),
    ("filters", "filters", "v6.3"),
    ("target_nid", "target nodes", "v6.11"),
)
"""What schemes may ask for: the file of a scheme that shows it, and since when it is there.

Source: the list of features by release that the tool damo keeps.
"""

_ZRAM_MODULE: Final = "kernel/drivers/block/zram/zram.ko*"
_SWAP_FIX: Final = (
    "add host: {swap: 1GiB} to the workload file, for compressed swap while it measures"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything that is looked at.

    Attributes:
        places: Where the kernel shows itself, and where a run writes down what it changes.
        modules: The folder of installed kernel modules.
        environment: PATH, CC and XDG_CACHE_HOME count.
        euid: The user as whom this process acts.
        groups: That user's groups.
        processor: As `uname -m` says it.
    """

    places: Places = field(default_factory=Places)
    modules: Path = Path("/lib/modules")
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    euid: int = field(default_factory=os.geteuid)
    groups: frozenset[int] = field(
        default_factory=lambda: frozenset((*os.getgroups(), os.getegid()))
    )
    processor: str = field(default_factory=platform.machine)

    def program(self, name: str) -> str | None:
        """Give the path of a program; None if there is none of that name."""
        return shutil.which(name, path=self.environment.get("PATH", ""))


class State(enum.Enum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        name: What was looked at.
        state: How it is.
        found: What is there.
        fix: What to do about it; empty if nothing is needed.
        blocks: Backends that can't be used because of it.
    """

    name: str
    state: State
    found: str
    fix: str = ""
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """All findings, and what follows from them.

    Attributes:
        findings: In the order of the checks.
    """

    findings: tuple[Finding, ...]

    def obstacles(self) -> dict[str, tuple[str, ...]]:
        """Give for each backend the names of the findings that block it; none if it can be used."""
        return {
            backend: tuple(item.name for item in self.findings if backend in item.blocks)
            for backend in ("simulator", "vm", "host")
        }

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "checks": [
                {name: value for name, value in asdict(item).items() if name != "blocks"}
                | {"state": item.state.value}
                for item in self.findings
            ],
            "backends": {
                backend: {"usable": not names, "obstacles": list(names)}
                for backend, names in self.obstacles().items()
            },
        }


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a check says; `hinders` blocks the backends that need it, as `State.MISSING` always does."""

    state: State
    found: str
    fix: str = ""
    hinders: bool = False


def examine(here: Surroundings) -> Health:
    """Look at everything, and change nothing. What only root may know is told as unknown."""
    return Health(tuple(_finding(here, *check) for check in _CHECKS))


def put_back(here: Surroundings, system: SystemCalls) -> tuple[str, ...]:
    """Put back what a killed run changed on this machine.

    Returns:
        What was put back, one sentence a change.

    Raises:
        BackendUnavailableError: If this is not root, a run goes on, or something can't be put back.
    """
    if here.euid != 0:
        raise BackendUnavailableError(
            "doctor --restore: only root may put this machine's settings back: run sudo autotune "
            "doctor --restore"
        )
    places = here.places
    return restore_after_kill(
        DamonTree(places.sysfs),
        system=system,
        journal_path=places.journal,
        lock_path=places.lock,
        procfs=places.procfs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VmSetup:
    """What came of setting the micro-VM up.

    Attributes:
        kernel: The kernel that is used from now on; None if none could be had.
        failures: What is still missing, a message each.
    """

    kernel: KernelFiles | None
    failures: tuple[str, ...]


def set_up_vm(
    here: Surroundings,
    *,
    kernel: Path | None = None,
    modules: Path | None = None,
    refresh: bool = False,
    note: Callable[[str], None],
) -> VmSetup:
    """Get what a micro-VM is made of. What can be done is done even where something is missing.

    Args:
        here: PATH tells whether QEMU is there, and XDG_CACHE_HOME where things are kept.
        kernel: An image to keep; None takes the kept one, or else the distribution's.
        modules: Folder of that kernel's modules; None takes those that are installed for it.
        refresh: Fetch the distribution's kernel even if one is kept.
        note: Hears what is done.

    Raises:
        InputError: If the given files are no kernel with modules; nothing is kept then.
        BackendUnavailableError: If the given kernel lacks DAMON or zram; nothing is kept then.
        RunError: If the given kernel can't be kept.
    """
    if modules is not None and kernel is None:
        raise InputError("--modules is given without --kernel: name the kernel they belong to")
    if refresh and kernel is not None:
        raise InputError("--refresh fetches a kernel, and --kernel names one: give one of them")
    cache = cache_folder(here.environment)
    failures: list[str] = []
    used: KernelFiles | None = None
    if kernel is not None:
        used = keep_kernel(kernel_at(kernel, modules), cache)
    else:
        try:
            used = _kept_or_fetched(cache, refresh, note)
        except AutotuneError as error:  # of whichever class: the user has given no file
            failures.append(str(error))
    if used is not None:
        note(f"kernel {used.version} is kept in {used.image.parent}")
        if used.config is None:
            note("it has no configuration beside it: what it lacks shows when it boots")
    failures += _compile(note)
    emulator = _emulator(here)
    if emulator.state is State.OK:
        note(f"QEMU {emulator.found}")
    else:
        failures.append(f"{PROGRAM}: {emulator.found}: {emulator.fix}")
    return VmSetup(kernel=used, failures=tuple(failures))


def _kept_or_fetched(cache: Path, refresh: bool, note: Callable[[str], None]) -> KernelFiles:
    if not refresh:
        try:
            return find_kernel(VmSettings(), cache)
        except AutotuneError:
            pass  # none yet, or one that has lost files
    return fetch_kernel(cache, note)


def _compile(note: Callable[[str], None]) -> list[str]:
    try:
        made = [build(name) for name in _NATIVE]
    except BackendUnavailableError as error:
        return [str(error)]
    note(f"compiled programs are kept in {made[0].parent.parent}")
    return []


def _finding(
    here: Surroundings,
    name: str,
    check: Callable[[Surroundings], _Answer],
    needed_by: tuple[str, ...],
) -> Finding:
    try:
        answer = check(here)
    except (AutotuneError, PermissionError) as error:
        if isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError):
            fix = "run sudo autotune doctor" if here.euid else "run it outside of the container"
            answer = _Answer(State.UNKNOWN, "needs root", fix, hinders=True)
        else:
            what, _, fix = str(error).rpartition(": ")
            answer = _Answer(State.UNKNOWN, what, fix, hinders=True)
    blocks = needed_by if answer.hinders or answer.state is State.MISSING else ()
    return Finding(
        name=name, state=answer.state, found=answer.found, fix=answer.fix, blocks=blocks
    )


def _interface(here: Surroundings) -> _Answer:
    root = here.places.sysfs / KDAMONDS
    if not root.is_dir():
        return _Answer(
            State.MISSING,
            f"no sysfs interface ({root})",
            "boot a kernel built with CONFIG_DAMON_SYSFS, or use the vm backend",
        )
    return _Answer(State.OK, "sysfs interface")


def _operations(here: Surroundings) -> _Answer:
    files = sorted((here.places.sysfs / KDAMONDS).glob("*/contexts/0/avail_operations"))
    if not files:
        return _Answer(State.UNKNOWN, "shows only while DAMON is set up: a run looks then")
    known = read_value(files[0]).split()
    if "vaddr" not in known:
        return _Answer(
            State.MISSING,
            f"no vaddr, only {', '.join(known) or 'nothing'}",
            "boot a kernel built with CONFIG_DAMON_VADDR, or use the vm backend",
        )
    return _Answer(State.OK, ", ".join(known))


def _features(here: Surroundings) -> _Answer:
    folders = sorted((here.places.sysfs / KDAMONDS).glob("*/contexts/0/schemes/0"))
    if not folders:
        return _Answer(State.UNKNOWN, "shows only while a scheme is set up: a run looks then")
    present = {file: (folders[0] / file).exists() for file, _, _ in _FEATURES}
    # The folder for all filters is deprecated since there are two.
    present["filters"] |= (folders[0] / "core_filters").exists()
    lacking = [f"{what} ({since})" for file, what, since in _FEATURES if not present[file]]
    if lacking:
        return _Answer(
            State.WARNING,
            f"this kernel is too old for {', '.join(lacking)}",
            "for schemes with these boot a newer kernel, or use the vm backend",
        )
    return _Answer(State.OK, ", ".join(what for _, what, _ in _FEATURES))


def _users(here: Surroundings) -> _Answer:
    if (holder := _holder(here)) is not None:
        return _Answer(
            State.WARNING,
            f"an autotune measures on this machine (process {holder})",
            "wait until it is done",
            hinders=True,
        )
    if users := foreign_users(here.places.sysfs):
        return _Answer(
            State.WARNING,
            "; ".join(users),
            "wait until it ends; write 'off', '0' or 'N' to these files only if it is your own",
            hinders=True,
        )
    return _Answer(State.OK, "nobody uses it")


def _holder(here: Surroundings) -> str | None:
    """The process that measures here now.

    Who holds the lock is read, and not found out by taking it: that could fail a run that starts.
    """
    try:
        holder = here.places.lock.read_bytes().strip()
    except FileNotFoundError:
        return None
    # Source: proc_locks(5); a run that was killed has left its number, and holds no lock.
    lines = (Procfs(here.places.procfs).read("locks") or b"").splitlines()
    held = any(b"FLOCK" in line and holder in line.split() for line in lines)
    return holder.decode(errors="replace") if holder and held else None


def _killed_run(here: Surroundings) -> _Answer:
    pending = Journal(here.places.journal, here.places.procfs).pending()
    if not pending:
        return _Answer(State.OK, "nothing to put back")
    if (holder := _holder(here)) is not None:
        return _Answer(State.OK, f"none: process {holder} goes on, and puts its changes back")
    return _Answer(
        State.WARNING,
        f"it left changed: {', '.join(change.where for change in pending)}",
        "run sudo autotune doctor --restore",
        hinders=True,
    )


def _root(here: Surroundings) -> _Answer:
    if here.euid != 0:
        return _Answer(
            State.MISSING,
            f"this is user {here.euid}",
            "run it with sudo, or use the vm backend, which needs no root",
        )
    return _Answer(State.OK, "this is root")


def _swap(here: Surroundings) -> _Answer:
    places = here.places
    size_bytes = SystemMemory(places.procfs, places.sysfs).swap_total_bytes()
    loaded = (places.sysfs / "class/zram-control").is_dir()
    release = (Procfs(places.procfs).read("sys/kernel/osrelease") or b"").decode().strip()
    module = bool(release) and any((here.modules / release).glob(_ZRAM_MODULE))
    zram = "zram is loaded" if loaded else "zram is a module" if module else "no zram"
    if size_bytes:
        return _Answer(State.OK, f"{_gib(size_bytes)} of swap; {zram}")
    found = f"no swap, so that pageout does nothing; {zram}"
    if loaded:
        return _Answer(State.WARNING, found, _SWAP_FIX)
    if module:
        return _Answer(State.WARNING, found, f"run modprobe zram, and {_SWAP_FIX}")
    return _Answer(
        State.MISSING, found, "turn swap on, or boot a kernel with zram, or use the vm backend"
    )


def _huge_pages(here: Surroundings) -> _Answer:
    file = here.places.sysfs / "kernel/mm/transparent_hugepage/enabled"
    if not file.exists():
        return _Answer(State.OK, "this kernel has none")
    mode = chosen_word(read_value(file))
    if mode == "always":
        return _Answer(
            State.WARNING,
            "always: DAMON sees memory in pieces of 2 MiB",
            "add host: {huge_pages: never} to the workload file, unless that is how it is used",
        )
    return _Answer(State.OK, mode)


def _pressure(here: Surroundings) -> _Answer:
    if Procfs(here.places.procfs).read("pressure/memory"):
        return _Answer(State.OK, "pressure stall information")
    return _Answer(
        State.WARNING,
        "no pressure stall information: memory pressure reads as 0",
        "boot with psi=1, a kernel built with CONFIG_PSI",
    )


def _processor(here: Surroundings) -> _Answer:
    if here.processor != "x86_64":
        return _Answer(
            State.MISSING,
            here.processor,
            "use the vm backend on an x86-64 machine: its guest runs this machine's programs",
        )
    return _Answer(State.OK, here.processor)


def _emulator(here: Surroundings) -> _Answer:
    program = here.program(PROGRAM)
    _, found, install = no_emulator().split(": ", 2)
    if program is None:
        return _Answer(State.MISSING, found, install)
    said = _first_line(here, program, "--version")
    match = re.search(r"version (\d+)\.(\d+)\S*", said)
    oldest = ".".join(map(str, OLDEST_QEMU))
    if match is None or (int(match[1]), int(match[2])) < OLDEST_QEMU:
        return _Answer(State.MISSING, f"'{said}' is too old", f"install QEMU {oldest} or later")
    return _Answer(State.OK, match[0])


def _kvm(here: Surroundings) -> _Answer:
    file = here.places.dev / "kvm"
    try:
        # Opening it would already use it.
        status = file.stat()
    except FileNotFoundError:
        return _Answer(
            State.MISSING,
            f"no {file}",
            "only mode: realtime of the vm backend needs it: turn virtualisation on in the firmware, "
            "or nested virtualisation around this machine",
        )
    if not _may_use(status, here):
        return _Answer(
            State.MISSING,
            f"{file} is not for this user",
            "only mode: realtime of the vm backend needs it: sudo usermod -aG kvm $USER, and log in "
            "again",
        )
    return _Answer(State.OK, "usable for realtime mode")


def _may_use(status: os.stat_result, here: Surroundings) -> bool:
    """Whether the permission bits let this user read and write."""
    if here.euid == 0:
        return True
    if status.st_uid == here.euid:
        needed = stat.S_IRUSR | stat.S_IWUSR
    elif status.st_gid in here.groups:
        needed = stat.S_IRGRP | stat.S_IWGRP
    else:
        needed = stat.S_IROTH | stat.S_IWOTH
    return status.st_mode & needed == needed


def _compiler(here: Surroundings) -> _Answer:
    # In the order of autotune.native.building.
    chosen = here.environment.get("CC", "").strip()
    found = next(filter(None, map(here.program, ("cc", "gcc", "clang"))), None)
    try:
        command = tuple(shlex.split(chosen)) if chosen else (found,) if found else ()
    except ValueError:
        return _Answer(
            State.MISSING, f"CC: {chosen}: can't be split into words", "mend the quotes"
        )
    if not command and importlib.util.find_spec("ziglang"):
        command = (sys.executable, "-m", "ziglang", "cc")
    if not command:
        return _Answer(
            State.MISSING,
            "not found",
            "install one (Debian: apt-get install gcc libc6-dev; elsewhere: pip install ziglang)",
        )
    said = _first_line(here, *command, "--version")
    if not said:
        return _Answer(
            State.MISSING,
            f"{shlex.join(command)}: does not work as a C compiler",
            "set CC to one that does",
        )
    return _Answer(State.OK, said)


def _first_line(here: Surroundings, *command: str) -> str:
    """What a program says first; empty if it fails."""
    try:
        said = subprocess.run(  # noqa: S603  # found by the user's own PATH or CC
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            env={**here.environment, "LC_ALL": "C"},
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(said.splitlines()), "").strip()


def _vm_kernel(here: Surroundings) -> _Answer:
    try:
        kernel = find_kernel(VmSettings(), cache_folder(here.environment))
    except AutotuneError as error:
        return _Answer(State.MISSING, str(error).rpartition(": ")[0], "run autotune vm setup")
    if kernel.config is None:
        return _Answer(
            State.WARNING,
            f"{kernel.version}, of unknown configuration",
            "if it does not boot or has no DAMON, run autotune vm setup --refresh",
        )
    return _Answer(State.OK, f"{kernel.version}, configured with DAMON and zram")


def _disk(here: Surroundings) -> _Answer:
    folder = cache_folder(here.environment)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return _Answer(
            State.MISSING,
            f"{existing} can't be written",
            "make it writable, or set XDG_CACHE_HOME to a folder that is",
        )
    free_bytes = shutil.disk_usage(existing).free
    found = f"{_gib(free_bytes)} free for {folder}"
    if free_bytes < _DISK_BYTES:
        return _Answer(
            State.WARNING,
            found,
            "free some space, remove what that folder holds, or set XDG_CACHE_HOME to another",
        )
    return _Answer(State.OK, found)


def _memory(here: Surroundings) -> _Answer:
    available_bytes = SystemMemory(here.places.procfs, here.places.sysfs).available_bytes()
    found = f"{_gib(available_bytes)} available"
    if available_bytes < SMALLEST_VM_BYTES:
        return _Answer(State.MISSING, f"{found}: too little for any", "end other programs")
    if available_bytes < VM_BYTES:
        return _Answer(
            State.WARNING,
            f"{found}: enough for small patterns only",
            "end other programs, or set vm: {memory: ...} in the workload file",
        )
    count = available_bytes // VM_BYTES
    return _Answer(
        State.OK, f"{found}: enough for {count} machine{'s' if count > 1 else ''} at once"
    )


def _gib(size_bytes: int) -> str:
    """A size for people.

    >>> _gib(3 << 29)
    '1.5 GiB'
    """
    return f"{size_bytes / (1 << 30):.1f} GiB"


_CHECKS: Final[tuple[tuple[str, Callable[[Surroundings], _Answer], tuple[str, ...]], ...]] = (
    ("DAMON", _interface, ("host",)),
    ("DAMON operations", _operations, ("host",)),
    ("DAMON schemes", _features, ()),
    ("DAMON users", _users, ("host",)),
    ("killed run", _killed_run, ("host",)),
    ("root", _root, ("host",)),
    ("swap", _swap, ()),
    ("huge pages", _huge_pages, ()),
    ("memory pressure", _pressure, ()),
    ("processor", _processor, ("vm",)),
    ("QEMU", _emulator, ("vm",)),
    ("KVM", _kvm, ()),
    ("C compiler", _compiler, ("vm",)),
    ("VM kernel", _vm_kernel, ("vm",)),
    ("VM memory", _memory, ("vm",)),
    ("disk space", _disk, ("vm",)),
)
"""Names, checks, and the backends that can't be used without."""
