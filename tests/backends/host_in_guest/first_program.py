"""The first program of a machine in which the host backend is tried: prepares it, tells what came of it.

Each scenario runs in a process of its own and gives facts; what they should be is for the tests to say.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from autotune.driver.sysfs_file import write_value
from autotune.driver.system_calls import LinuxCalls
from autotune.runner.procfs import Procfs
from tests.backends.host_in_guest.facts import PREFIX, Facts
from tests.backends.host_in_guest.scenarios import SCENARIOS
from tests.backends.host_in_guest.traces import HUGE_PAGES

MODULES = Path("/modules")

_FILE_SYSTEMS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tracefs", "/sys/kernel/tracing"),
    ("devtmpfs", "/dev"),
)


def main() -> None:
    calls = LinuxCalls()
    try:
        for kind, target in _FILE_SYSTEMS:
            calls.mount(kind, Path(target))
        for module in sorted(MODULES.iterdir()):
            calls.load_module(module)
        write_value(HUGE_PAGES, "madvise")  # the kernel's default hangs on the size of the memory
        for scenario in SCENARIOS:
            facts = _in_a_process(scenario)
            sys.stdout.write(f"{PREFIX}{json.dumps({scenario.__name__: facts})}\n")
            sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        calls.power_off()


def _in_a_process(scenario: Callable[[], Facts]) -> Facts:
    """Run it, and say also which processes it has left."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(writing, json.dumps(scenario()).encode())
            status = 0
        except BaseException:  # noqa: BLE001  # nothing of this process may go on in the first one
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(pid, 0)
    left = Procfs().children(os.getpid())
    return {**(json.loads(content) if status == 0 else {}), "processes": list(left)}


if __name__ == "__main__":
    main()
