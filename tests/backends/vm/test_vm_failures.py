from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.vm import Vm
from autotune.errors import AutotuneError, BackendUnavailableError, InputError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program, Ready
from autotune.formats import masim
from autotune.run_folder.writer import run_into
from autotune.runner.procfs import Procfs
from autotune.runner.system_memory import SystemMemory
from autotune.study.events import Event, TrialFinished
from autotune.study.outcome import RunState
from autotune.trial import Trial, TrialState
from autotune.workload_file.workload_file import load_workload_file
from tests.backends.contract import COLD_HALF
from tests.backends.vm.fake_kernel import OPTIONS, image_bytes, write_kernel, write_modules
from tests.backends.vm.traces import cpu_s, emulators
from tests.backends.vm.workloads import MIB, SMALL

pytestmark = [pytest.mark.vm, pytest.mark.usefixtures("nothing_is_left")]

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0
UNDER_WAY_S = 1.2
"""CPU time after which a fork has been restored and runs."""

ITS_CONSOLE = r"its console (ends with 'autotune: [0-9]+ s'|is empty)"
"""A machine that has been restored just now may not have said anything yet."""

MOST_SEEDS = 60
MACHINES_AT_ONCE = 2

COLD = Experiment(workload=COLD_HALF)


def failure(action: Callable[[], object]) -> AutotuneError:
    """The error of what must fail, with a message of one line."""
    with pytest.raises(AutotuneError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return caught.value


def until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


def emulator_under_way(known: frozenset[int] = frozenset()) -> int:
    """Wait for an emulator that is none of *known* until its machine runs; give its process."""

    def found() -> list[int]:
        return [pid for pid in emulators() if pid not in known and cpu_s(pid) > UNDER_WAY_S]

    until(lambda: bool(found()), "no emulator runs")
    return found()[0]


@contextlib.contextmanager
def begun(vm: Vm, experiment: Experiment) -> Iterator[tuple[Future[Any], int]]:
    """A measurement that is under way, and the process of its emulator."""
    vm.prepare(experiment)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(vm.run, experiment, seed=1)
        yield future, emulator_under_way()


@dataclass(frozen=True)
class Bad:
    """A program that does not get ready, and what is said of it."""

    workload: Program
    message: str


BEFORE_READY = {
    "forks and detaches": Bad(
        Program(command="sleep 1000 &", ready=Ready(line="serving")),
        "workload: 'sleep 1000 &' has left process PID ('sleep') behind and ended: run it in the "
        "foreground: leave out '&', or end the command with 'wait'",
    ),
    "eats all memory": Bad(
        Program(command=("tail", "/dev/zero"), ready=Ready(delay_us=60_000_000)),
        "workload: 'tail' was killed by the kernel for want of memory: give the machine more "
        "(vm.memory), or make the workload smaller",
    ),
}


def test_programs_that_do_not_get_ready_are_told(vm_cache: Path) -> None:
    def said_of(bad: Bad) -> str:
        experiment = Experiment(workload=bad.workload, timeout_us=100_000_000)
        error = failure(lambda: Vm(SMALL, vm_cache, print).run(experiment, seed=1))
        assert isinstance(error, TrialError)
        return re.sub(r"process [0-9]+", "process PID", str(error))

    with ThreadPoolExecutor(MACHINES_AT_ONCE) as pool:
        said = dict(zip(BEFORE_READY, pool.map(said_of, BEFORE_READY.values()), strict=True))

    assert said == {name: bad.message for name, bad in BEFORE_READY.items()}


BY_CHANCE = """#!/bin/sh
case $(od -An -N1 -tu1 /dev/urandom) in
*[048]) echo bad luck; exit 3 ;;
*[159]) kill -SEGV $$ ;;
*[26]) exec tail /dev/zero ;;
*) read pid < /tmp/pid; kill $pid; exec sleep 5 ;;
esac
"""
"""A client that fails in one of several ways: the seed of the fork decides."""


def test_a_failure_in_the_measured_part_is_told(small_vm: Vm, tmp_path: Path) -> None:
    client = tmp_path / "client"
    client.write_text(BY_CHANCE)
    client.chmod(0o755)
    workload = Program(
        command="echo $$ > /tmp/pid; exec sleep 1000",
        client=(str(client),),
        ready=Ready(command=("test", "-s", "/tmp/pid")),  # noqa: S108  # the guest's
        files=("/usr/bin/od", "/usr/bin/tail"),
    )
    expected = {
        f"workload: '{client}' failed with exit status 3: bad luck: mend the command; if it is "
        "meant to end so, list 3 under accept_exit",
        f"workload: '{client}' failed with signal 11 (SIGSEGV): it crashed: run it alone, with the "
        "same input: if it crashes there, too, mend it, else give it more memory (vm.memory); if it is "
        "meant to end so, list 139 under accept_exit",
        f"workload: '{client}' was killed by the kernel for want of memory: give the machine more "
        "(vm.memory), or make the workload smaller",
        "workload: 'echo $$ > /tmp/pid; exec sleep 1000' ended before its client, with signal 15 "
        "(SIGTERM): something in the workload sent it that signal: leave that out",
    }

    def said_of(seed: int) -> str:
        return str(failure(lambda: small_vm.run(Experiment(workload=workload), seed=seed)))

    found: set[str] = set()
    with ThreadPoolExecutor(MACHINES_AT_ONCE) as pool:
        for first in range(0, MOST_SEEDS, MACHINES_AT_ONCE):
            found.update(pool.map(said_of, range(first, first + MACHINES_AT_ONCE)))
            if found >= expected:
                break

    assert found == expected


def test_a_measured_part_without_end_is_ended(micro_vm: Vm) -> None:
    error = failure(lambda: micro_vm.run(replace(COLD, timeout_us=1_000_000), seed=1))

    assert isinstance(error, TrialError)
    assert str(error) == (
        "workload: not at its end after 1s: raise workload.timeout, or make it shorter, or let a clock "
        "stop it (workload.duration)"
    )


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        (
            Program(command=("no-such-program",)),
            "no program 'no-such-program': install it, or give its path",
        ),
        (
            Program(command=("sleep", "9"), client=("/no/client",)),
            "no program '/no/client': install it, or give its path",
        ),
        (
            Program(command=("sleep", "9"), files=("/no/such/file",)),
            "/no/such/file: can't be put into a micro-VM's image: No such file or directory",
        ),
    ],
    ids=["command", "client", "file"],
)
def test_what_does_not_exist_is_told_before_anything_boots(
    small_vm: Vm, workload: Program, message: str
) -> None:
    check = failure(lambda: small_vm.check(Experiment(workload=workload)))
    run_it = failure(lambda: small_vm.run(Experiment(workload=workload), seed=1))

    assert isinstance(check, InputError)
    assert str(check) == str(run_it) == message


@pytest.mark.parametrize("name", ["DAMON", "DAMON_VADDR", "DAMON_SYSFS", "ZRAM"])
def test_a_kernel_that_lacks_what_is_needed_is_told(
    vm_cache: Path, tmp_path: Path, name: str
) -> None:
    image = write_kernel(tmp_path, {**OPTIONS, name: "n"})
    vm = Vm(VmSettings(kernel=image, modules=write_modules(tmp_path / "m")), vm_cache, print)

    error = failure(lambda: vm.check(COLD))

    assert isinstance(error, BackendUnavailableError)
    needed = "m" if name == "ZRAM" else "y"
    assert str(error) == (
        f"{image}: the kernel was built without CONFIG_{name}={needed}: use another, or run "
        "autotune vm setup"
    )


@pytest.mark.parametrize("content", [b"", b"MZ" + bytes(100_000), b"\x7fELF" + bytes(5000)])
def test_a_file_that_is_no_kernel_is_told(vm_cache: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vmlinuz").write_bytes(content)
    vm = Vm(VmSettings(kernel=tmp_path / "vmlinuz"), vm_cache, print)

    error = failure(lambda: vm.check(COLD))

    assert isinstance(error, InputError)
    assert str(error) == f"{tmp_path}/vmlinuz: is no Linux kernel image: name a bzImage"


def test_a_kernel_that_does_not_boot_is_told(vm_cache: Path, tmp_path: Path) -> None:
    image = write_kernel(tmp_path)
    head = bytearray(image_bytes())
    head[0x206:0x208] = b"\x0c\x02"  # version 2.12 of the boot protocol
    head[0x22C:0x230] = b"\xff\xff\xff\x7f"  # where the ram disk may lie
    loops_at_once = b"\xeb\xfe"  # jmp to itself
    image.write_bytes(head + loops_at_once * (1 << 19))
    settings = replace(SMALL, kernel=image, modules=write_modules(tmp_path / "m"))
    vm = Vm(settings, vm_cache, print, silence_s=3.0)

    error = failure(lambda: vm.run(COLD, seed=1))

    assert isinstance(error, TrialError)
    assert str(error) == (
        "the micro-VM hung: it said nothing for 3 s: try again, or another kernel; its console is "
        "empty"
    )


def test_without_qemu_the_remedy_is_told(
    vm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    error = failure(lambda: Vm(VmSettings(), vm_cache, print).check(COLD))

    assert isinstance(error, BackendUnavailableError)
    assert str(error) == (
        "qemu-system-x86_64: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)"
    )


def test_without_a_kernel_the_remedy_is_told(tmp_path: Path) -> None:
    error = failure(lambda: Vm(VmSettings(), tmp_path, print).check(COLD))

    assert isinstance(error, BackendUnavailableError)
    assert str(error) == "no kernel for the micro-VM: run autotune vm setup"


def test_a_machine_for_which_there_is_no_memory_is_told(vm_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000000 kB\nMemAvailable: 524800 kB\n")
    settings = VmSettings(memory_bytes=768 * MIB)
    vm = Vm(settings, vm_cache, print, SystemMemory(procfs=tmp_path))

    error = failure(lambda: vm.check(COLD))

    assert isinstance(error, BackendUnavailableError)
    assert str(error) == (
        "a micro-VM for this takes 1G, and this machine has 512M left: end other programs, or "
        "lower vm.memory"
    )


@pytest.mark.parametrize("name", ["images", "machines"])
def test_a_cache_that_can_not_be_written_is_told(
    vm_cache: Path, tmp_path: Path, name: str
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "kernels").symlink_to(vm_cache / "kernels")
    (cache / name).write_text("no folder")
    place = cache if name == "images" else cache / name

    error = failure(lambda: Vm(SMALL, cache, print).run(COLD, seed=1))

    assert isinstance(error, BackendUnavailableError)
    assert str(error) == (
        f"{place}: can't keep {name} here: File exists: make it writable, or set XDG_CACHE_HOME"
    )


def test_an_emulator_that_is_killed_is_told_and_the_next_run_works(micro_vm: Vm) -> None:
    with begun(micro_vm, COLD) as (future, emulator):
        os.kill(emulator, signal.SIGKILL)
        error = failure(future.result)

    assert isinstance(error, TrialError)
    assert re.fullmatch(
        r"the micro-VM ended without an answer, with signal 9 \(SIGKILL\): try again, or give it more "
        rf"memory \(vm\.memory\); {ITS_CONSOLE}",
        str(error),
    )
    assert micro_vm.run(COLD, seed=1).runtime_s == pytest.approx(4.0, rel=0.05)


def test_a_machine_that_hangs_is_ended(vm_cache: Path) -> None:
    Vm(VmSettings(), vm_cache, print).prepare(COLD)  # a boot may take longer on a busy machine
    impatient = Vm(VmSettings(), vm_cache, print, silence_s=10.0)

    with begun(impatient, COLD) as (future, emulator):
        os.kill(emulator, signal.SIGSTOP)
        error = failure(future.result)

    assert isinstance(error, TrialError)
    assert re.fullmatch(
        rf"the micro-VM hung: it said nothing for 10 s: try again, or another kernel; {ITS_CONSOLE}",
        str(error),
    )


def test_stopping_ends_what_runs_and_begins_no_more(vm_cache: Path, micro_vm: Vm) -> None:
    micro_vm.prepare(COLD)
    vm = Vm(VmSettings(), vm_cache, print)

    with begun(vm, COLD) as (future, emulator):
        stopper = threading.Thread(target=vm.stop)
        stopper.start()
        stopper.join(timeout=DEADLINE_S)
        assert not stopper.is_alive()
        failure(lambda: future.result(timeout=DEADLINE_S))

    assert emulator not in emulators()
    assert str(failure(lambda: vm.run(COLD, seed=1))) == "the micro-VMs were stopped"


RUNS_A_MACHINE = """
from pathlib import Path
from autotune.backends.vm.vm import Vm
from autotune.backends.settings import VmSettings
from tests.backends.vm.test_vm_failures import COLD
Vm(VmSettings(), Path({cache!r}), lambda _: None).run(COLD, seed=1)
"""


def test_a_machine_ends_with_the_process_that_runs_it(vm_cache: Path, micro_vm: Vm) -> None:
    micro_vm.prepare(COLD)
    procfs = Procfs()
    code = RUNS_A_MACHINE.format(cache=str(vm_cache))
    process = subprocess.Popen((sys.executable, "-c", code), cwd=ROOT)

    def children() -> list[int]:
        return [pid for pid in procfs.children(process.pid) if cpu_s(pid) > UNDER_WAY_S]

    try:
        until(lambda: any(procfs.name(pid).startswith("qemu") for pid in children()), "no machine")
        (emulator,) = children()
    finally:
        process.kill()
        process.wait()

    until(lambda: not procfs.has_memory(emulator), "the emulator lives on")


class KillsTheSecond:
    """Ends the emulator of the second trial, once the first is finished."""

    def __init__(self) -> None:
        self._killer = threading.Thread(target=self._kill)

    def _kill(self) -> None:
        os.kill(emulator_under_way(), signal.SIGKILL)

    def __call__(self, event: Event) -> None:
        match event:
            case TrialFinished(trial=Trial(number=0)):
                self._killer.start()
            case TrialFinished(trial=Trial(number=1)):
                self._killer.join()


STUDY = """
workload: {pattern: cold.cfg}
backend: vm
search_space:
  schemes:
    - action: pageout
      pattern.max_access_rate: 0%
      parameters:
        pattern.min_age: {choices: [200ms, 500ms, 1s]}
objectives:
  - {metric: memory_saving, direction: maximize, reference: 0%}
  - {metric: slowdown, direction: minimize, reference: 50%}
budget: {trials: 3}
sampler: grid
parallel: 1
confirmations: 0
"""


def test_a_run_goes_on_after_a_trial_that_fails(micro_vm: Vm, tmp_path: Path) -> None:
    (tmp_path / "cold.cfg").write_text(masim.dumps(COLD_HALF))
    (tmp_path / "study.yaml").write_text(STUDY)
    workload = load_workload_file(tmp_path / "study.yaml")
    assert isinstance(workload.workload, Pattern)

    outcome = run_into(tmp_path / "out", workload, micro_vm, listeners=[KillsTheSecond()])

    states = [trial.state for trial in outcome.trials]
    assert states == [TrialState.COMPLETE, TrialState.FAILED, TrialState.COMPLETE]
    assert outcome.state is RunState.COMPLETE
    assert outcome.failed == 1
    reason = outcome.trials[1].reason
    assert reason is not None
    assert reason.startswith("the micro-VM ended without an answer, with signal 9 (SIGKILL): ")
    assert reason in (tmp_path / "out" / "trials.csv").read_text()
