"""What is said of programs that can't be measured, and whether it helps to do what is said.

python benchmarks/unlucky.py [NAME...]

Each program is measured in the micro-VM with the scheme prcl-3s. What is printed must hold a sentence;
then the program runs again as the remedy of that sentence says, and must give figures. Some have no
remedy in a micro-VM, and some give figures at once. Prints a row for each; ends with status 1 if one is
not as it should be. It takes some 40 s a program on an idle machine, and needs redis.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_MACHINE = "backend: vm\nvm: {memory: 512MiB}\n"
_TIMEOUT_S = 1800

_WORK = (
    "import time; x = bytearray(b'1' * 20_000_000); "
    "[(sum(x[::4096]), time.sleep(.2)) for _ in range(25)]"
)
_REDIS = "redis-server, --port, '6379', --save, ''"
_CLIENT = "redis-benchmark, -q, -n, '20000'"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A program that can't be measured.

    Attributes:
        keys: Keys of `workload`.
        told: What must be printed.
        mended: The keys after the remedy was followed; None if nothing helps in a micro-VM.
    """

    keys: str
    told: str
    mended: str | None = None


CASES = {
    "ends at once": Case(
        keys="command: ['true']",
        told="give it more to do",
        mended=f'command: [python3, -c, "{_WORK}"]',
    ),
    "reads its input": Case(
        keys="command: [sort]",
        told="its standard input is empty",
        mended="command: 'seq 300000 >/tmp/in; sleep 2; sort </tmp/in >/tmp/out; sleep 4', shell: true",
    ),
    "crashes": Case(
        keys="command: 'sleep 3; kill -SEGV $$', shell: true",
        told="it crashed",
        mended="command: 'sleep 6', shell: true",
    ),
    "fails": Case(
        keys="command: 'sleep 5; exit 3', shell: true",
        told="list 3 under accept_exit",
        mended="command: 'sleep 5; exit 3', shell: true, accept_exit: [3]",
    ),
    "a daemon": Case(
        keys=f"command: [{_REDIS}, --daemonize, 'yes'], ready: {{port: 6379}}, client: [{_CLIENT}]",
        told="run it in the foreground (redis-server: --daemonize no)",
        mended=f"command: [{_REDIS}, --daemonize, 'no'], ready: {{port: 6379}}, client: [{_CLIENT}]",
    ),
    "helpers that end late": Case(
        keys="command: '(exec sleep 5.5) & exec sleep 5', shell: true",
        told="resident, mean",
    ),
    "a server alone": Case(
        keys=f"command: [{_REDIS}], timeout: 30s",
        told="listens on port 6379, as a server",
        mended=f"command: [{_REDIS}], ready: {{port: 6379}}, client: [{_CLIENT}]",
    ),
    "no server there": Case(
        keys=f"command: [{_REDIS}], ready: {{port: 6379}}, client: [{_CLIENT}, -p, '6380']",
        told="nothing listens there",
        mended=f"command: [{_REDIS}], ready: {{port: 6379}}, client: [{_CLIENT}, -p, '6379']",
    ),
    "another port": Case(
        keys=f"command: [{_REDIS}], ready: {{port: 6380}}, client: [{_CLIENT}], timeout: 10s",
        told="'redis-server' listens on port 6379: mend 'ready'",
        mended=f"command: [{_REDIS}], ready: {{port: 6379}}, client: [{_CLIENT}]",
    ),
    "a line held back": Case(
        keys=f"command: [python3, -c, \"print('up'); {_WORK}\"], ready: {{line: up}}, timeout: 4s",
        told="as python3 -u",
        mended=f"command: [python3, -u, -c, \"print('up'); {_WORK}\"], ready: {{line: up}}",
    ),
    "stopped": Case(
        keys="command: 'sleep 1; kill -STOP $$', shell: true, timeout: 20s",
        told="leave out what stops it",
        mended="command: 'sleep 6', shell: true",
    ),
    "waits": Case(
        keys="command: 'mkfifo /tmp/f; cat /tmp/f', shell: true, timeout: 20s",
        told="waits for another program to open the same pipe",
        mended="command: 'mkfifo /tmp/f; sleep 5 >/tmp/f & cat /tmp/f', shell: true, timeout: 20s",
    ),
    "timeout": Case(
        keys=f'command: [timeout, "4", python3, -c, "{_WORK}"]',
        told="'timeout' ended it: use workload.duration instead",
        mended=f'command: [python3, -c, "{_WORK}"], duration: 4s',
    ),
    "the network": Case(
        keys="command: [getent, hosts, example.org]",
        told="ended before it was ready, with exit status 2",
    ),
    "a terminal": Case(keys="command: [tty]", told="it wants a terminal"),
    "a device": Case(
        keys="command: 'cat /dev/nvidia0', shell: true",
        told="it wants a device, and a micro-VM has none",
    ),
    "root": Case(
        keys="command: [chroot, /tmp, sleep, '5']",
        told="that is for root",
        mended="command: [sleep, '5']",
    ),
    "for a shell": Case(
        keys="command: [sort, <, /etc/services]",
        told="only a shell reads '<'",
        mended="command: 'sleep 2; sort </etc/services; sleep 4', shell: true",
    ),
    "short processes": Case(
        keys="command: '(sleep 2; seq 400000 | sort | wc -l) & wait; sleep 1', shell: true",
        told="resident, mean",
    ),
    "port 80": Case(
        keys="command: [python3, -m, http.server, '80'], ready: {port: 80}, client: [sleep, '5']",
        told="resident, mean",
    ),
}


def measure(folder: Path, keys: str) -> tuple[int, str]:
    """Measure a program; give the exit status, and all that was printed."""
    path = folder / "workload.yaml"
    path.write_text(f"workload: {{{keys}}}\n{_MACHINE}")
    command = [sys.executable, "-m", "autotune", "measure", str(path), "--scheme", "prcl-3s"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    return done.returncode, " ".join(done.stdout.split())


def main() -> int:
    """Measure the cases whose names were given, or all of them."""
    wrong = 0
    for name in sys.argv[1:] or CASES:
        case = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            status, printed = measure(Path(folder), case.keys)
            found = (
                "as said" if case.told in printed and "Traceback" not in printed else "NOT AS SAID"
            )
            after = ""
            if case.mended is not None:
                status, after = measure(Path(folder), case.mended)
                found += ", then figures" if status == 0 else ", then NO FIGURES"
        wrong += "NO" in found
        error = printed.partition("error: ")[2] or "figures"
        print(
            f"{name}: {found}: {error[:300]}{f' | {after[-300:]}' if 'NO F' in found else ''}",
            flush=True,
        )
    print(f"{wrong} of {len(sys.argv[1:] or CASES)} not as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
