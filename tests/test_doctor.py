from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autotune import doctor
from autotune.backends.host import Places
from autotune.backends.vm.kernel_files import kernel_at
from autotune.backends.vm.kernel_package import keep_kernel
from autotune.backends.vm.vm import Vm
from autotune.doctor import (
    SMALLEST_VM_BYTES,
    VM_BYTES,
    Finding,
    State,
    Surroundings,
    examine,
    put_back,
    set_up_vm,
)
from autotune.driver.journal import Change, Journal, Kind
from autotune.driver.lock import locked
from autotune.errors import AutotuneError, BackendUnavailableError, InputError
from autotune.experiment import Experiment
from autotune.native.building import build
from autotune.program import Program
from autotune.runner.system_memory import SystemMemory
from autotune.testing import pattern
from autotune.vm_settings import VmSettings
from tests.backends.vm.fake_kernel import OPTIONS, VERSION, write_kernel, write_modules
from tests.driver.fake_kernel import FakeKernel, FakeSwap, make_procfs

NOBODY = 65_534
QEMU = "qemu-system-x86_64"
COMPILES = 'while [ "$1" != -o ]; do shift; done; : > "$2"'
"""What a script does that is taken for a compiler."""


def write(file: Path, content: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def script(file: Path, text: str) -> Path:
    write(file, f"#!/bin/sh\n{text}\n").chmod(0o755)
    return file


class FakeMachine:
    """A machine of ordinary files that has everything, nothing of it in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sysfs, self.procfs, self.dev = folder / "sys", folder / "proc", folder / "dev"
        self.bin, self.cache = folder / "bin", folder / "cache"
        self.kernel = FakeKernel(self.sysfs)
        self.huge_pages = self.sysfs / "kernel/mm/transparent_hugepage/enabled"
        make_procfs(self.procfs)
        write(self.huge_pages, "always [madvise] never\n")
        (self.sysfs / "class/zram-control").mkdir(parents=True)
        self.memory(available_bytes=VM_BYTES, swap_bytes=3 << 29)
        write(self.procfs / "pressure/memory", "some avg10=0.00 total=0\n")
        write(self.procfs / "sys/kernel/osrelease", "6.12.1\n")
        write(self.procfs / "locks", "")
        self.dev.mkdir()
        # A socket can be looked at, and any attempt to open it fails.
        os.mknod(self.dev / "kvm", stat.S_IFSOCK | 0o660)
        script(self.bin / QEMU, "echo 'QEMU emulator version 7.2.22 (Debian 1:7.2)'")
        script(self.bin / "cc", "echo 'cc 12.2.0'")
        self.keep_kernel()

    @property
    def here(self) -> Surroundings:
        return Surroundings(
            places=Places(
                sysfs=self.sysfs,
                procfs=self.procfs,
                dev=self.dev,
                journal=self.folder / "journal",
                lock=self.folder / "lock",
            ),
            modules=self.folder / "modules",
            environment={"PATH": str(self.bin), "XDG_CACHE_HOME": str(self.cache)},
            euid=0,
            groups=frozenset({0}),
            processor="x86_64",
        )

    @property
    def journal(self) -> Journal:
        return Journal(self.here.places.journal, self.procfs)

    def memory(self, *, available_bytes: int = VM_BYTES, swap_bytes: int = 0) -> None:
        lines = f"MemAvailable: {available_bytes >> 10} kB\nSwapTotal: {swap_bytes >> 10} kB\n"
        write(self.procfs / "meminfo", lines)

    def keep_kernel(self) -> None:
        given = self.folder / "given"
        keep_kernel(
            kernel_at(write_kernel(given), write_modules(given / "modules")),
            self.cache / "damos-autotune",
        )

    def set_up_damon(self) -> None:
        """What another program does that uses DAMON."""
        self.kernel.write("nr_kdamonds", "1")
        self.kernel.write("0/contexts/nr_contexts", "1")
        self.kernel.write("0/contexts/0/schemes/nr_schemes", "1")

    def change_huge_pages(self) -> None:
        """What a run does before it is killed."""
        self.journal.record(Change(kind=Kind.SETTING, where=str(self.huge_pages), old="always"))

    def find(self, name: str, **changed: object) -> Finding:
        here = replace(self.here, **changed)  # type: ignore[arg-type]
        (found,) = (item for item in examine(here).findings if item.name == name)
        return found

    def content(self) -> dict[str, tuple[int, bytes]]:
        """Every path, with when it was changed and what it holds."""
        return {
            str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
        }


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


@pytest.fixture
def seen_by_a_user() -> Iterator[FakeMachine]:
    """A machine whose files for root this process may not read."""
    before = os.geteuid()
    # Not in tmp_path, into which no other user can look.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = FakeMachine(Path(folder))
        made.set_up_damon()
        made.change_huge_pages()
        hidden = [path for path in made.kernel.root.rglob("*") if path.is_file()]
        for path in (*hidden, made.here.places.journal):
            path.chmod(0)
        if before == 0:
            os.seteuid(NOBODY)
        yield made
        os.seteuid(before)


def test_a_machine_that_has_everything_can_use_every_backend(machine: FakeMachine) -> None:
    machine.set_up_damon()

    shown = {item.name: item for item in examine(machine.here).findings}
    shown.pop("DAMON users")

    assert {item.state for item in shown.values()} == {State.OK}
    assert {item.fix for item in shown.values()} == {""}
    assert shown["DAMON operations"].found == "vaddr, fvaddr, paddr"
    assert shown["swap"].found == "1.5 GiB of swap; zram is loaded"
    assert shown["VM kernel"].found == f"{VERSION}, configured with DAMON and zram"


def test_what_shows_only_in_use_is_unknown_before_and_blocks_nothing(
    machine: FakeMachine,
) -> None:
    health = examine(machine.here)

    unknown = [item.name for item in health.findings if item.state is not State.OK]
    assert unknown == ["DAMON operations", "DAMON schemes"]
    assert health.obstacles() == {"simulator": (), "vm": (), "host": ()}


def test_looking_changes_nothing_and_opens_no_device(machine: FakeMachine) -> None:
    machine.set_up_damon()
    machine.change_huge_pages()
    write(machine.here.places.lock, "42\n")
    before = machine.content()

    examine(machine.here)

    assert machine.content() == before


def test_where_there_is_nothing_only_the_simulator_is_left(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    places = Places(
        sysfs=nowhere, procfs=nowhere, dev=nowhere, journal=nowhere / "j", lock=nowhere / "l"
    )
    environment = {"PATH": "", "XDG_CACHE_HOME": str(nowhere)}

    health = examine(
        Surroundings(places=places, modules=nowhere, environment=environment, euid=NOBODY)
    )

    blocked = health.obstacles()
    assert blocked["simulator"] == ()
    assert blocked["host"] == ("DAMON", "root")
    assert {"QEMU", "VM kernel", "VM memory"} <= set(blocked["vm"])
    assert list(tmp_path.iterdir()) == []


def no_damon(machine: FakeMachine) -> None:
    machine.kernel.root.rename(machine.folder / "elsewhere")


def no_vaddr(machine: FakeMachine) -> None:
    machine.set_up_damon()
    write(machine.kernel.root / "0/contexts/0/avail_operations", "paddr\n")


def no_goals(machine: FakeMachine) -> None:
    machine.set_up_damon()
    (machine.kernel.root / "0/contexts/0/schemes/0/quotas/goals").rename(machine.folder / "goals")


def other_user(machine: FakeMachine) -> None:
    machine.kernel.write("nr_kdamonds", "1")


def no_swap(machine: FakeMachine) -> None:
    machine.memory(swap_bytes=0)


def zram_not_loaded(machine: FakeMachine) -> None:
    no_swap(machine)
    (machine.sysfs / "class/zram-control").rmdir()
    write(machine.folder / "modules/6.12.1/kernel/drivers/block/zram/zram.ko.xz", "")


def no_zram(machine: FakeMachine) -> None:
    no_swap(machine)
    (machine.sysfs / "class/zram-control").rmdir()


def zram_of_another_kernel(machine: FakeMachine) -> None:
    no_zram(machine)
    write(machine.folder / "modules/6.1.0/kernel/drivers/block/zram/zram.ko.xz", "")


def always_huge(machine: FakeMachine) -> None:
    machine.huge_pages.write_text("[always] madvise never\n")


def no_pressure(machine: FakeMachine) -> None:
    (machine.procfs / "pressure/memory").unlink()


def no_qemu(machine: FakeMachine) -> None:
    (machine.bin / QEMU).unlink()


def old_qemu(machine: FakeMachine) -> None:
    script(machine.bin / QEMU, "echo 'QEMU emulator version 7.1.9'")


def broken_qemu(machine: FakeMachine) -> None:
    script(machine.bin / QEMU, "exit 1")


def no_kvm(machine: FakeMachine) -> None:
    (machine.dev / "kvm").unlink()


def no_kernel(machine: FakeMachine) -> None:
    (machine.cache / "damos-autotune/kernels/current").unlink()


def kernel_of_unknown_configuration(machine: FakeMachine) -> None:
    (config,) = machine.cache.rglob("config")
    config.unlink()


def little_memory(machine: FakeMachine) -> None:
    machine.memory(available_bytes=VM_BYTES - 1024, swap_bytes=1 << 30)


def no_memory(machine: FakeMachine) -> None:
    machine.memory(available_bytes=SMALLEST_VM_BYTES - 1024, swap_bytes=1 << 30)


@pytest.mark.parametrize(
    ("change", "name", "state", "found", "fix", "blocks"),
    [
        (no_damon, "DAMON", "missing", "no sysfs interface", "CONFIG_DAMON_SYSFS", "host"),
        (no_vaddr, "DAMON operations", "missing", "no vaddr, only paddr", "_VADDR", "host"),
        (no_goals, "DAMON schemes", "warning", "quota goals (v6.8)", "a newer kernel", ""),
        (
            other_user,
            "DAMON users",
            "warning",
            "kdamond 0 is set up",
            "wait until it ends",
            "host",
        ),
        (FakeMachine.change_huge_pages, "killed run", "warning", "enabled", "--restore", "host"),
        (no_swap, "swap", "warning", "zram is loaded", "add host: {swap: 1GiB}", ""),
        (zram_not_loaded, "swap", "warning", "zram is a module", "run modprobe zram, and add", ""),
        (no_zram, "swap", "missing", "no zram", "turn swap on", ""),
        (zram_of_another_kernel, "swap", "missing", "no zram", "turn swap on", ""),
        (always_huge, "huge pages", "warning", "always", "host: {huge_pages: never}", ""),
        (no_pressure, "memory pressure", "warning", "reads as 0", "psi=1", ""),
        (no_qemu, "QEMU", "missing", "not found", "apt-get install", "vm"),
        (old_qemu, "QEMU", "missing", "version 7.1.9' is too old", "QEMU 7.2 or later", "vm"),
        (broken_qemu, "QEMU", "missing", "'' is too old", "QEMU 7.2 or later", "vm"),
        (no_kvm, "KVM", "missing", "no /", "only mode: realtime", ""),
        (no_kernel, "VM kernel", "missing", "no kernel", "run autotune vm setup", "vm"),
        (kernel_of_unknown_configuration, "VM kernel", "warning", VERSION, "--refresh", ""),
        (little_memory, "VM memory", "warning", "small patterns only", "end other", ""),
        (no_memory, "VM memory", "missing", "too little for any", "end other", "vm"),
    ],
)
def test_what_is_missing_is_told_with_its_fix_and_what_it_blocks(
    machine: FakeMachine,
    change: Callable[[FakeMachine], None],
    name: str,
    state: str,
    found: str,
    fix: str,
    blocks: str,
) -> None:
    change(machine)

    shown = machine.find(name)

    assert (shown.state.value, shown.blocks) == (state, (blocks,) if blocks else ())
    assert found in shown.found
    assert fix in shown.fix


def test_huge_pages_that_a_kernel_lacks_are_fine(machine: FakeMachine) -> None:
    machine.huge_pages.unlink()

    assert machine.find("huge pages").state is State.OK


def test_a_newer_kernels_two_folders_of_filters_do(machine: FakeMachine, tmp_path: Path) -> None:
    sysfs = tmp_path / "new"
    kernel = FakeKernel(sysfs, new=True, missing={"filters"})
    for file, value in (
        ("nr_kdamonds", "1"),
        ("0/contexts/nr_contexts", "1"),
        ("0/contexts/0/schemes/nr_schemes", "1"),
    ):
        kernel.write(file, value)

    shown = machine.find("DAMON schemes", places=replace(machine.here.places, sysfs=sysfs))

    assert not (kernel.root / "0/contexts/0/schemes/0/filters").exists()
    assert shown.state is State.OK


def test_another_processor_has_no_micro_vm(machine: FakeMachine) -> None:
    shown = machine.find("processor", processor="aarch64")

    assert (shown.state, shown.found, shown.blocks) == (State.MISSING, "aarch64", ("vm",))


def test_a_user_is_told_what_only_root_may_know(seen_by_a_user: FakeMachine) -> None:
    health = examine(replace(seen_by_a_user.here, euid=NOBODY))

    unknown = {item.name: item for item in health.findings if item.state is State.UNKNOWN}
    assert set(unknown) == {"DAMON operations", "DAMON users", "killed run"}
    assert {item.found for item in unknown.values()} == {"needs root"}
    assert {item.fix for item in unknown.values()} == {"run sudo autotune doctor"}
    assert "root" in health.obstacles()["host"]


def test_root_that_may_not_read_damons_files_can_not_use_them(seen_by_a_user: FakeMachine) -> None:
    health = examine(replace(seen_by_a_user.here, euid=0))

    assert health.obstacles()["host"] == ("DAMON operations", "DAMON users", "killed run")


@pytest.mark.parametrize(
    ("mode", "euid", "groups", "usable"),
    [
        (0o000, 0, {0}, True),
        (0o600, os.geteuid(), {NOBODY}, True),
        (0o066, NOBODY - 1, {os.getegid()}, True),
        (0o600, NOBODY - 1, {os.getegid()}, False),
        (0o660, NOBODY - 1, {NOBODY}, False),
        (0o662, NOBODY - 1, {NOBODY}, False),
        (0o666, NOBODY - 1, {NOBODY}, True),
    ],
)
def test_who_may_use_kvm_is_told_from_its_permissions(
    machine: FakeMachine, mode: int, euid: int, groups: set[int], usable: bool
) -> None:
    (machine.dev / "kvm").chmod(mode)

    shown = machine.find("KVM", euid=euid, groups=frozenset(groups))

    assert (shown.state is State.OK) == usable
    assert usable or "usermod -aG kvm" in shown.fix


def test_a_run_that_goes_on_is_no_killed_one(machine: FakeMachine) -> None:
    machine.change_huge_pages()
    other_user(machine)

    with locked(machine.here.places.lock):
        (machine.procfs / "locks").write_bytes(Path("/proc/locks").read_bytes())
        running = [machine.find(name) for name in ("DAMON users", "killed run")]
    (machine.procfs / "locks").write_text("")
    write(machine.here.places.lock, f"{os.getpid()}\n")  # as a kill leaves it
    killed = [machine.find(name) for name in ("DAMON users", "killed run")]

    assert [item.found for item in running] == [
        f"an autotune measures on this machine (process {os.getpid()})",
        f"none: process {os.getpid()} goes on, and puts its changes back",
    ]
    assert [item.blocks for item in running] == [("host",), ()]
    assert [item.state for item in killed] == [State.WARNING, State.WARNING]
    assert killed[1].fix == "run sudo autotune doctor --restore"


def test_a_damaged_journal_is_told_and_blocks_the_host(machine: FakeMachine) -> None:
    write(machine.here.places.journal, "{}\n")

    shown = machine.find("killed run")

    assert shown == Finding(
        name="killed run",
        state=State.UNKNOWN,
        found=f"{machine.here.places.journal}:1: is damaged",
        fix="put back by hand what the file names, then delete it",
        blocks=("host",),
    )


@pytest.mark.parametrize(
    ("choice", "programs"),
    [
        ("", {"cc": COMPILES}),
        ("", {"gcc": COMPILES}),
        ("", {"clang": COMPILES}),
        ("", {}),
        ("", {"cc": "exit 1", "gcc": COMPILES}),
        ("mine", {"mine": COMPILES}),
        ("mine -m64", {"mine": COMPILES}),
        ("mine", {"cc": COMPILES}),
        ("mine", {"mine": "exit 1", "cc": COMPILES}),
        ("'mine", {"mine": COMPILES}),
    ],
)
def test_a_compiler_is_found_where_programs_can_be_compiled(
    machine: FakeMachine,
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    programs: dict[str, str],
) -> None:
    (machine.bin / "cc").unlink()
    for name, does in programs.items():
        says = 'case "$*" in *--version) echo "it 1.0";'
        script(machine.bin / name, does if "exit" in does else f"{says};*) {does};; esac")
    environment = {**machine.here.environment, "CC": choice}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    try:
        compiled = build("ports").is_file()
    except BackendUnavailableError:
        compiled = False
    shown = machine.find("C compiler", environment=environment)

    assert (shown.state is State.OK) == compiled
    assert shown.blocks == (() if compiled else ("vm",))


def test_memory_is_counted_as_the_backend_counts_it(machine: FakeMachine) -> None:
    counted = []
    for available_bytes in (2 * VM_BYTES, 2 * VM_BYTES - 1024):
        machine.memory(available_bytes=available_bytes)
        vm = Vm(VmSettings(), machine.cache, print, SystemMemory(machine.procfs, machine.sysfs))
        counted.append((vm.most_at_once, machine.find("VM memory").found))

    assert [count for count, _ in counted] == [2, 1]
    for count, found in counted:
        assert f"enough for {count} machine" in found


def test_the_smallest_machine_is_that_of_the_smallest_pattern(machine: FakeMachine) -> None:
    vm = Vm(VmSettings(), machine.cache, print)
    smallest = vm._memory_bytes(Experiment(workload=pattern(regions=1, size_bytes=1)))
    emulator_bytes = VM_BYTES - vm._memory_bytes(Experiment(workload=Program(command="true")))

    assert smallest + emulator_bytes == SMALLEST_VM_BYTES


def test_little_room_on_the_disk_is_a_warning(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_DISK_BYTES", 1 << 80)

    shown = machine.find("disk space")

    assert (shown.state, shown.blocks) == (State.WARNING, ())
    assert shown.found.endswith(f"free for {machine.cache}/damos-autotune")


def test_a_cache_that_can_not_be_made_blocks_the_vm(machine: FakeMachine) -> None:
    environment = {**machine.here.environment, "XDG_CACHE_HOME": f"{machine.bin}/cc"}

    shown = machine.find("disk space", environment=environment)

    assert (shown.state, shown.blocks) == (State.MISSING, ("vm",))
    assert shown.found == f"{machine.bin}/cc can't be written"


def test_json_has_every_check_and_every_backend(machine: FakeMachine) -> None:
    no_qemu(machine)

    values = examine(machine.here).to_dict()

    assert [list(check) for check in values["checks"]] == [["name", "state", "found", "fix"]] * 16
    assert {check["state"] for check in values["checks"]} == {"ok", "unknown", "missing"}
    assert values["backends"] == {
        "simulator": {"usable": True, "obstacles": []},
        "vm": {"usable": False, "obstacles": ["QEMU"]},
        "host": {"usable": True, "obstacles": []},
    }


def test_what_a_killed_run_changed_is_put_back_once(machine: FakeMachine) -> None:
    machine.change_huge_pages()

    assert put_back(machine.here, FakeSwap()) == (f"{machine.huge_pages}: 'always' again",)
    assert machine.huge_pages.read_text() == "always"
    assert put_back(machine.here, FakeSwap()) == ()
    assert machine.find("killed run").state is State.OK


def test_only_root_puts_back(machine: FakeMachine) -> None:
    machine.change_huge_pages()
    before = machine.content()

    with pytest.raises(BackendUnavailableError) as error:
        put_back(replace(machine.here, euid=NOBODY), FakeSwap())

    assert machine.content() == before
    assert str(error.value) == (
        "doctor --restore: only root may put this machine's settings back: run sudo autotune "
        "doctor --restore"
    )


@pytest.fixture
def compiling(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A machine on which programs can be compiled, and whose kernel is not set up."""
    script(machine.bin / "cc", f'case "$1" in --version) echo cc;;*) {COMPILES};; esac')
    no_kernel(machine)
    for name, value in machine.here.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CC", raising=False)
    return machine


def kept_names(machine: FakeMachine) -> set[str]:
    return {path.name for path in machine.cache.rglob("*") if path.is_file()}


def test_a_given_kernel_is_kept_and_the_parts_are_compiled(compiling: FakeMachine) -> None:
    given, said = compiling.folder / "given", list[str]()

    done = set_up_vm(
        compiling.here,
        kernel=given / f"vmlinuz-{VERSION}",
        modules=given / "modules",
        note=said.append,
    )

    assert done.failures == ()
    assert done.kernel is not None
    assert done.kernel.version == VERSION
    assert {"vmlinuz", "player", "ports", "frozen_clock"} <= kept_names(compiling)
    assert examine(compiling.here).obstacles()["vm"] == ()
    assert [line.split()[0] for line in said] == ["kernel", "compiled", "QEMU"]


def test_a_kept_kernel_is_not_fetched_again(compiling: FakeMachine) -> None:
    compiling.keep_kernel()
    before = compiling.content()

    first = set_up_vm(compiling.here, note=lambda _: None)
    between = compiling.content()
    second = set_up_vm(compiling.here, note=lambda _: None)

    # There is no apt-get here to fetch one with.
    assert (first.failures, second) == ((), first)
    assert before.keys() < between.keys()
    assert compiling.content() == between


def test_what_is_missing_does_not_keep_the_rest_from_being_done(compiling: FakeMachine) -> None:
    no_qemu(compiling)

    done = set_up_vm(compiling.here, note=lambda _: None)

    assert done.kernel is None
    assert done.failures == (
        "no program 'apt-get', to get a kernel with: give another kernel with --kernel FILE "
        "--modules DIR",
        "qemu-system-x86_64: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)",
    )
    assert {"player", "ports", "frozen_clock"} <= kept_names(compiling)


def test_without_a_compiler_the_kernel_is_kept_all_the_same(compiling: FakeMachine) -> None:
    script(compiling.bin / "cc", "exit 1")
    compiling.keep_kernel()

    done = set_up_vm(compiling.here, note=lambda _: None)

    assert done.kernel is not None
    assert [failure.split(": ")[1] for failure in done.failures] == [
        "does not work as a C compiler"
    ]


@pytest.mark.parametrize(
    ("kernel", "modules", "refresh", "error", "message"),
    [
        ("no-kernel", "modules", False, InputError, "is no Linux kernel image: name a bzImage"),
        ("none", "modules", False, InputError, "can't be read: No such file or directory"),
        ("bare/vmlinuz-" + VERSION, "modules", False, BackendUnavailableError, "CONFIG_DAMON=y"),
        ("vmlinuz-" + VERSION, "none", False, InputError, "is no folder of kernel modules"),
        (None, "modules", False, InputError, "--modules is given without --kernel"),
        ("vmlinuz-" + VERSION, None, True, InputError, "give one of them"),
    ],
)
def test_what_can_not_be_used_is_refused_and_nothing_is_kept(
    compiling: FakeMachine,
    kernel: str | None,
    modules: str | None,
    refresh: bool,
    error: type[AutotuneError],
    message: str,
) -> None:
    given = compiling.folder / "given"
    write(given / "no-kernel", "text")
    write_kernel(given / "bare", {**OPTIONS, "DAMON": "n", "ZRAM": "n"})
    before = compiling.content()

    with pytest.raises(error) as raised:
        set_up_vm(
            compiling.here,
            kernel=None if kernel is None else given / kernel,
            modules=None if modules is None else given / modules,
            refresh=refresh,
            note=lambda _: None,
        )

    assert message in str(raised.value)
    assert compiling.content() == before
