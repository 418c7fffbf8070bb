"""A DAMON tree of ordinary files that behaves as Linux 6.12's: what makes folders, what is refused.

Written from the kernel's documentation of the interface and what was observed of a running one; none of
it comes from the driver under test.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from autotune.driver.sysfs_file import SysfsError, read_value
from autotune.driver.system_calls import SystemCallError
from autotune.driver.tree import DamonTree

THREAD: Final = 4711
"""The kernel thread's number, of the first kdamond to be turned on; the next ones count up."""

STATISTICS = ("nr_tried", "sz_tried", "nr_applied", "sz_applied", "qt_exceeds")

WORDS: Mapping[str, Collection[str]] = {
    "operations": ("vaddr", "fvaddr", "paddr"),
    "action": (
        *("willneed", "cold", "pageout", "hugepage", "nohugepage", "lru_prio", "lru_deprio"),
        *("migrate_hot", "migrate_cold", "stat"),
    ),
    "target_metric": ("user_input", "some_mem_psi_us"),
    "metric": ("none", "free_mem_rate"),
    "type": ("anon", "memcg", "young", "addr", "target"),
    "matching": ("Y", "N"),
    "allow": ("Y", "N"),
}
TEXTS = frozenset({"memcg_path", "path"})

CONTEXT: Mapping[str, str] = {
    "avail_operations": "vaddr\nfvaddr\npaddr",
    "operations": "vaddr",
    "monitoring_attrs/intervals/sample_us": "5000",
    "monitoring_attrs/intervals/aggr_us": "100000",
    "monitoring_attrs/intervals/update_us": "60000000",
    "monitoring_attrs/nr_regions/min": "10",
    "monitoring_attrs/nr_regions/max": "1000",
    "targets/nr_targets": "0",
    "schemes/nr_schemes": "0",
}
SCHEME: Mapping[str, str] = {
    "action": "stat",
    "target_nid": "-1",
    "apply_interval_us": "0",
    **{
        f"access_pattern/{name}/{end}": "0"
        for name in ("sz", "nr_accesses", "age")
        for end in ("min", "max")
    },
    **{f"quotas/{name}": "0" for name in ("ms", "bytes", "reset_interval_ms", "effective_bytes")},
    **{f"quotas/weights/{name}_permil": "0" for name in ("sz", "nr_accesses", "age")},
    "quotas/goals/nr_goals": "0",
    "watermarks/metric": "none",
    **{f"watermarks/{name}": "0" for name in ("interval_us", "high", "mid", "low")},
    "filters/nr_filters": "0",
    **{f"stats/{name}": "0" for name in STATISTICS},
    "tried_regions/total_bytes": "0",
}
FILTER: Mapping[str, str] = {
    "type": "anon",
    "matching": "N",
    "memcg_path": "",
    "addr_start": "0",
    "addr_end": "0",
    "damon_target_idx": "0",
}
GOAL: Mapping[str, str] = {
    "target_metric": "user_input",
    "target_value": "0",
    "current_value": "0",
}
TARGET: Mapping[str, str] = {"pid_target": "0", "regions/nr_regions": "0"}
KDAMOND: Mapping[str, str] = {"state": "off", "pid": "-1", "contexts/nr_contexts": "0"}

ALL_WORDS: Mapping[str, Collection[str]] = {
    **WORDS,
    "target_metric": (
        *WORDS["target_metric"],
        *("node_mem_used_bp", "node_mem_free_bp", "node_memcg_used_bp", "node_memcg_free_bp"),
        *("active_mem_bp", "inactive_mem_bp"),
    ),
    "type": (*WORDS["type"], "active", "hugepage_size", "unmapped"),
}
NEW_FILTER: Mapping[str, str] = {**FILTER, "allow": "N", "min": "0", "max": "0"}


class FakeKernel(DamonTree):
    """The tree, and the kernel behind it.

    Attributes:
        busy: How many of the next accesses find the lock taken.
        processes: Those that can be watched; None is every process.
        commits_fail: Whether a commit ends the kdamond, while its write reports success.
        dies_late: How often the state still reads "on" after a failed commit.
        module_is_on: Whether a module keeps DAMON to itself.
        ends_before_off: Whether the thread stops by itself just before it is told to.
        control_groups: Those that exist.
        statistics: Of each scheme, in the order of `STATISTICS`; copied to the files when asked.
        effective_bytes: The same for the effective quotas.
        total_bytes: The same for the bytes tried.
        next_thread: The number of the next thread.
        written: Every value taken, in order.
    """

    def __init__(
        self,
        sysfs: Path,
        *,
        new: bool = False,
        missing: Collection[str] = (),
        retry_s: float = 0.05,
    ) -> None:
        """Make the tree of a kernel that has just booted.

        Args:
            sysfs: Where it is made.
            new: Whether it is one of Linux 6.19's instead of 6.12's.
            missing: Names of files and folders that this kernel is too old for.
            retry_s: Of the tree.
        """
        super().__init__(sysfs, retry_s, read=self.give, write=self.take)
        self.busy = self.dies_late = 0
        self.processes: Collection[int] | None = None
        self.commits_fail = self.ends_before_off = self.module_is_on = False
        self.control_groups: Collection[str] = ("/",)
        self.statistics: list[tuple[int, ...]] = []
        self.effective_bytes: list[int] = []
        self.total_bytes: list[int] = []
        self.written: list[tuple[str, str]] = []
        self._missing, self._new = missing, new
        self._words = ALL_WORDS if new else WORDS
        self.next_thread = THREAD
        scheme = {**SCHEME}
        goal = {**GOAL}
        if new:
            scheme |= {"core_filters/nr_filters": "0", "ops_filters/nr_filters": "0"}
            goal |= {"nid": "0", "path": ""}
        self._children: Mapping[str, Mapping[str, str]] = {
            "nr_kdamonds": KDAMOND,
            "nr_contexts": CONTEXT,
            "nr_targets": TARGET,
            "nr_regions": {"start": "0", "end": "0"},
            "nr_schemes": scheme,
            "nr_goals": goal,
            "nr_filters": NEW_FILTER if new else FILTER,
        }
        self._fill(self.root, {"nr_kdamonds": "0"})

    @property
    def on(self) -> bool:
        """Whether the first kdamond runs."""
        return (self.root / "0/state").exists() and self._value("0/state") == "on"

    def end_of_target(self) -> None:
        """What happens when the watched process has been reaped: the thread ends."""
        self._set("0/state", "off")
        self._set("0/pid", "-1")

    def content(self) -> dict[str, bytes]:
        """Every file of the tree with its bytes."""
        files = (path for path in sorted(self.sysfs.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.sysfs)): path.read_bytes() for path in files}

    def _fill(self, folder: Path, files: Mapping[str, str]) -> None:
        for name, value in files.items():
            if not set(Path(name).parts) & set(self._missing):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(f"{value}\n")

    def _value(self, relative: str) -> str:
        return (self.root / relative).read_text().removesuffix("\n")

    def _set(self, relative: str, value: object) -> None:
        (self.root / relative).write_text(f"{value}\n")

    def _take_lock(self) -> None:
        if self.busy:
            self.busy -= 1
            raise fault(errno.EBUSY)

    def give(self, file: Path) -> str:
        """What the kernel answers to who reads a file."""
        try:
            if file.name in ("state", "pid", "memcg_path"):
                self._take_lock()
        except OSError as error:
            raise SysfsError(file, error) from error
        value = read_value(file)
        if file.name == "state" and value == "dying":
            self.dies_late -= 1
            if self.dies_late >= 0:
                return "on"
            self.end_of_target()
            return "off"
        return value

    def take(self, file: Path, value: str) -> None:
        """What the kernel does when a value is written to a file."""
        try:
            if not file.is_file():
                raise fault(errno.ENOENT)
            self._obey(file, value)
        except OSError as error:
            raise SysfsError(file, error, value) from error
        self.written.append((str(file.relative_to(self.root)), value))

    def _obey(self, file: Path, value: str) -> None:
        name = file.name
        if name == "state":
            self._take_lock()
            self._command(value)
            return
        if name in self._children:
            self._take_lock()
            self._make(file, value)
        elif name in self._words:
            if value not in self._words[name]:
                raise fault(errno.EINVAL)
        elif name not in TEXTS:
            self._check_number(name, value)
        file.write_text(f"{value}\n")

    def _check_number(self, name: str, value: str) -> None:
        signed = name in ("pid_target", "target_nid", "damon_target_idx", "nid")
        if not value.removeprefix("-" if signed else "").isdigit():
            raise fault(errno.EINVAL)
        if int(value) >= 1 << (31 if signed else 64):
            raise fault(errno.EINVAL if name == "pid_target" else errno.ERANGE)

    def _make(self, file: Path, value: str) -> None:
        self._check_number(file.name, value)
        count, most = int(value), 1 if file.name == "nr_contexts" else 1 << 31
        if count > most:
            raise fault(errno.EINVAL)
        if file.name == "nr_kdamonds" and self.on:
            raise fault(errno.EBUSY)
        for child in file.parent.iterdir():
            if child.is_dir() and child.name.isdigit():
                shutil.rmtree(child)
        for index in range(count):
            self._fill(file.parent / str(index), self._children[file.name])

    def _command(self, word: str) -> None:
        commands: Mapping[str, Callable[[], None]] = {
            "on": self.turn_on,
            "off": self._turn_off,
            "commit": self._commit,
            "update_schemes_stats": self._update_statistics,
            "update_schemes_effective_quotas": lambda: self._update(
                "quotas/effective_bytes", self.effective_bytes
            ),
            "update_schemes_tried_bytes": lambda: self._update(
                "tried_regions/total_bytes", self.total_bytes
            ),
        }
        if word not in commands or (word not in ("on", "off") and not self.on):
            raise fault(errno.EINVAL)
        commands[word]()

    def turn_on(self) -> None:
        """What happens when a program turns the first kdamond on."""
        if self.on or self.module_is_on:
            raise fault(errno.EBUSY)
        if not (self.root / "0/contexts/0").is_dir() or not self._is_fine():
            raise fault(errno.EINVAL)
        for file in (self.root / "0/contexts/0/schemes").rglob("memcg_path"):
            kind, group = (file.with_name(name).read_text()[:-1] for name in ("type", file.name))
            if kind == "memcg" and group not in self.control_groups:
                raise fault(errno.ENOMEM)
        self._set("0/state", "on")
        self._set("0/pid", self.next_thread)
        self.next_thread += 1

    def _is_fine(self) -> bool:
        place = "0/contexts/0/monitoring_attrs"
        low, high = (int(self._value(f"{place}/nr_regions/{end}")) for end in ("min", "max"))
        sampling, aggregation = (
            int(self._value(f"{place}/intervals/{name}_us")) for name in ("sample", "aggr")
        )
        return 3 <= low <= high and sampling <= aggregation and self._processes_exist()

    def _processes_exist(self) -> bool:
        if self.processes is None or self._value("0/contexts/0/operations") == "paddr":
            return True
        files = (self.root / "0/contexts/0/targets").glob("*/pid_target")
        return all(int(file.read_text()) in self.processes for file in files)

    def _turn_off(self) -> None:
        if self.ends_before_off:
            self.end_of_target()
            raise fault(errno.EPERM)
        if not self.on:
            raise fault(errno.EINVAL)
        self.end_of_target()

    def _commit(self) -> None:
        if self.commits_fail or not self._is_fine():
            self._set("0/state", "dying")

    def _update_statistics(self) -> None:
        for index, values in enumerate(self.statistics):
            for name, value in zip(STATISTICS, values, strict=True):
                self._set(f"0/contexts/0/schemes/{index}/stats/{name}", value)

    def _update(self, file: str, values: list[int]) -> None:
        for index, value in enumerate(values):
            self._set(f"0/contexts/0/schemes/{index}/{file}", value)


class FakeSwap:
    """The system calls for swap, on devices that are ordinary files."""

    def __init__(self) -> None:
        self.devices: list[Path] = []
        self.refuses: int = 0

    def swap_on(self, device: Path) -> None:
        self.devices.append(device)

    def swap_off(self, device: Path) -> None:
        if self.refuses:
            raise SystemCallError(device, "end swapping to it", self.refuses)
        if device not in self.devices:
            raise SystemCallError(device, "end swapping to it", errno.EINVAL)
        self.devices.remove(device)


def fault(number: int) -> OSError:
    """An error as the kernel gives it."""
    return OSError(number, os.strerror(number))


def make_procfs(folder: Path, *, processes: Collection[int] = (), boot: str = "boot-1") -> Path:
    """A procfs with a boot's name and some processes."""
    random = folder / "sys/kernel/random"
    random.mkdir(parents=True, exist_ok=True)
    (random / "boot_id").write_text(f"{boot}\n")
    for pid in processes:
        (folder / str(pid)).mkdir(exist_ok=True)
    return folder
