"""The first program of a micro-VM: prepares the machine and the workload, is forked, measures, answers.

It runs once up to the fork, where the machine is stopped and saved. From there on it runs in every fork,
with the orders of one measurement.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

from autotune.backends.vm.answers import encode_answer
from autotune.backends.vm.guest_root import mount_all
from autotune.backends.vm.opened import LOG, Opened, look
from autotune.backends.vm.orders import Orders, decode_orders
from autotune.backends.vm.plan import (
    HOME,
    MODULES_FOLDER,
    OPENS_FILE,
    ORDERS_PATH,
    PLAN_FILE,
    PLAYER_FILE,
    PORTS_FILE,
    READY,
    USER_ID,
    Plan,
)
from autotune.driver.journal import Journal
from autotune.driver.kdamond import Kdamond
from autotune.driver.memory_settings import add_zram_swap, set_huge_pages
from autotune.driver.system_calls import LinuxCalls
from autotune.driver.tree import DamonTree
from autotune.errors import AutotuneError, BackendUnavailableError
from autotune.experiment import plain_json
from autotune.experiment.measurement import Measurement
from autotune.experiment.program import Program
from autotune.runner.identity import Identity
from autotune.runner.mapped_files import MappedFiles
from autotune.runner.measuring import Measuring
from autotune.runner.processes import Processes
from autotune.runner.procfs import Procfs
from autotune.runner.raw_recording import RawRecording
from autotune.runner.recorder import Recorder
from autotune.runner.running import start_workload
from autotune.runner.shared_memory import reading_cost_s
from autotune.runner.system_memory import SystemMemory
from autotune.runner.tracing import TRACEFS, TraceBuffer, buffer_if_possible

_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {
    "HOME": HOME,
    "USER": "user",
    "LOGNAME": "user",
    "LANG": "C.UTF-8",
}
_ADD_ENTROPY = 0x40085203
"""RNDADDENTROPY. Source: include/uapi/linux/random.h."""
_RESEED = 0x5207
"""RNDRESEEDCRNG. Source: include/uapi/linux/random.h of Linux 6.12."""
_GET_INTERFACE_FLAGS, _SET_INTERFACE_FLAGS = 0x8913, 0x8914
_INTERFACE_UP = 1
_FIRST_ENTROPY = bytes(range(64))
"""Entropy before the fork, equal for every machine: nothing may wait for real randomness."""
_HEARTBEAT_S = 5.0
"""Time between two signs of life on the console, in virtual time. Without them a machine hangs."""


def main() -> None:
    """Run the machine from its first instruction to its last."""
    calls = LinuxCalls()
    try:
        answer: Measurement | RawRecording | Opened | Exception = _live(calls)
    except AutotuneError as error:
        answer = error
    except Exception as error:  # noqa: BLE001  # the host must hear of every error
        traceback.print_exc()
        answer = BackendUnavailableError(f"the micro-VM's runner failed: {error!r}")
    _send(encode_answer(answer))
    sys.stdout.flush()
    calls.power_off()


def _live(calls: LinuxCalls) -> Measurement | RawRecording | Opened:
    mount_all(calls)
    _seed_generator(_FIRST_ENTROPY)
    plan = plain_json.from_plain(Plan, json.loads(Path(PLAN_FILE).read_bytes()))
    journal = Journal(Path("/run/journal"))
    _prepare(plan, calls, journal)
    system = SystemMemory()
    kdamond = Kdamond(DamonTree())
    # Made in every run, baselines too, since the buffer takes memory.
    trace = _trace_buffer(calls, journal)
    free_before_bytes = system.free_bytes()
    folder = plan.workload.folder if isinstance(plan.workload, Program) else "/"
    environment = {**_ENVIRONMENT, "PATH": f"{plan.search_path}:{_USUAL_PATH}".lstrip(":")}
    identity = Identity(environment=environment, uid=USER_ID, gid=USER_ID, groups=())
    if plan.traced and isinstance(plan.workload, Program):
        LOG.touch()
        LOG.chmod(0o666)
        traced = Processes(Procfs(), identity, folder, tracer=(OPENS_FILE, str(LOG)))
        with traced as processes:
            return look(plan.workload, processes, plan.timeout_us, Heartbeat())
    with Processes(Procfs(), identity, folder) as processes:
        running = start_workload(
            plan.workload,
            processes,
            player=Path(PLAYER_FILE),
            timeout_us=plan.timeout_us,
            on_wait=Heartbeat(),
        )
        cost_s = reading_cost_s(processes.procfs, processes.measured())
        # The image lies in memory. A disk's files would have taken memory when the workload mapped them.
        files = MappedFiles(processes.procfs, processes.measured)
        free_before_bytes += files.at_first_bytes
        heartbeat = Heartbeat()

        def on_sample(time_s: float) -> None:
            heartbeat(time_s)
            files.look(time_s)

        orders = _fork()
        recorder = None
        if orders.record:
            trace = trace or TraceBuffer(TRACEFS, journal)
            trace.take(True)
            recorder = Recorder(
                trace,
                processes.procfs,
                paged_out_to=system,
                paged_out_at_us=orders.paged_out_at_us,
            )
        measuring = Measuring(
            running,
            processes,
            system,
            free_before_bytes=free_before_bytes,
            kdamond=kdamond,
            on_sample=on_sample,
            reading_cost_s=cost_s,
            pss_period_us=orders.pss_period_us,
            recorder=recorder,
            trace=trace,
        )
        measured = measuring.measure(orders.experiment(plan.workload), orders.seed)
        if measured.conditions is not None:
            met = replace(measured.conditions, files_in_memory_bytes=files.most_bytes)
            measured = replace(measured, conditions=met)
        if recorder is None:
            return measured
        return recorder.taken(measured, measuring.stays)


def _trace_buffer(calls: LinuxCalls, journal: Journal) -> TraceBuffer | None:
    """Make the buffer; None if this kernel has no tracing."""
    try:
        calls.mount("tracefs", TRACEFS)
    except BackendUnavailableError:
        return None
    return buffer_if_possible(TRACEFS, journal)


def _prepare(plan: Plan, calls: LinuxCalls, journal: Journal) -> None:
    for name in plan.modules:
        calls.load_module(Path(MODULES_FOLDER) / name)
    set_huge_pages(Path("/sys"), plan.huge_pages, journal)
    add_zram_swap(
        Path("/sys"),
        Path("/dev"),
        size_bytes=plan.swap_bytes,
        algorithm=plan.compression,
        journal=journal,
        system=calls,
    )
    # Ports of servers, as 80, are for every user here: there is only one.
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _GET_INTERFACE_FLAGS, request))[1]
        request = struct.pack("16sH14x", b"lo", flags | _INTERFACE_UP)
        fcntl.ioctl(control, _SET_INTERFACE_FLAGS, request)


def _fork() -> Orders:
    """Stop the machine. This function returns in each fork of it, with the orders of one measurement."""
    # Read once before the fork, so that the code and files for that are in memory already.
    decode_orders(Path(ORDERS_PATH).read_bytes())
    print(READY, flush=True)  # noqa: T201  # to the console, for the host
    subprocess.run([PORTS_FILE, "stop"], check=True)  # noqa: S603  # our own program
    orders = decode_orders(Path(ORDERS_PATH).read_bytes())
    _seed_generator(bytes.fromhex(orders.entropy))
    return orders


def _seed_generator(entropy: bytes) -> None:
    """Make the kernel's random numbers follow from *entropy*. Writing it alone does not reseed them."""
    descriptor = os.open("/dev/urandom", os.O_WRONLY)
    try:
        head = struct.pack("ii", 8 * len(entropy), len(entropy))
        fcntl.ioctl(descriptor, _ADD_ENTROPY, head + entropy)
        fcntl.ioctl(descriptor, _RESEED)
    finally:
        os.close(descriptor)


class Heartbeat:
    """Prints on the console, again and again, how far the warm-up or the measured part is."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def __call__(self, time_s: float) -> None:
        """Print *time_s*, the time that is over, if the last print is long enough ago."""
        if time_s >= self._next_s:
            print(f"autotune: {time_s:.0f} s", flush=True)  # noqa: T201  # to the console
            self._next_s = time_s + _HEARTBEAT_S


def _send(answer: bytes) -> None:
    subprocess.run([PORTS_FILE, "send"], input=answer, check=True)  # noqa: S603  # our own


if __name__ == "__main__":
    main()
