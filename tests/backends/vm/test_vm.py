from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.backends.base import BackendOf
from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import KERNELS_FOLDER
from autotune.backends.vm.vm import Vm
from autotune.backends.wrappers import Remembering
from autotune.errors import EndedEarlyError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.patience import Patience
from autotune.experiment.program import Program, Ready
from autotune.objective import metrics
from autotune.runner.system_memory import SystemMemory
from tests.backends.contract import BackendContract
from tests.backends.vm.workloads import (
    MIB,
    STAIRS,
    STAIRS_MONITORED,
    STAIRS_PAGED_OUT,
    STEP_BYTES,
    STEPS,
)

pytestmark = pytest.mark.vm

FORKS_AT_ONCE = 2
PORT = 7379


@pytest.fixture(scope="module")
def remembered(micro_vm: Vm) -> Remembering[Measurement]:
    """A machine that is not asked twice: that equal orders give equal answers is tested apart."""
    return Remembering(micro_vm)


class TestVm(BackendContract):
    @pytest.fixture
    def backend(
        self, remembered: Remembering[Measurement], micro_vm: Vm, request: pytest.FixtureRequest
    ) -> BackendOf[Measurement]:
        return micro_vm if "equal_seeds" in request.node.name else remembered


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """Every core of this machine is kept busy."""
    loops = [
        subprocess.Popen((sys.executable, "-c", "while True: pass"))
        for _ in range(os.cpu_count() or 1)
    ]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.fixture(scope="module")
def paged_out(remembered: Remembering[Measurement]) -> Measurement:
    return remembered.run(STAIRS_PAGED_OUT, seed=1)


def test_a_measurement_is_the_same_to_the_bit_whatever_else_the_host_does(
    micro_vm: Vm, paged_out: Measurement, busy_cores: None
) -> None:
    del busy_cores

    with ThreadPoolExecutor(FORKS_AT_ONCE) as pool:
        again = list(pool.map(lambda _: micro_vm.run(STAIRS_PAGED_OUT, seed=1), range(2)))

    assert paged_out.swap_out_bytes >= 3 * STEP_BYTES
    assert paged_out.major_faults >= 2000
    assert [measured.to_dict() for measured in again] == [paged_out.to_dict()] * 2


def test_a_machine_that_is_built_anew_measures_the_same_to_the_bit(
    vm_cache: Path, paged_out: Measurement, tmp_path: Path
) -> None:
    cache = tmp_path / "a cache: 'with, odd' name"
    (cache / "machines").mkdir(parents=True)
    (cache / KERNELS_FOLDER).symlink_to(vm_cache / KERNELS_FOLDER)
    for state in (vm_cache / "machines").glob("*.state"):
        (cache / "machines" / state.name).hardlink_to(state)
    said: list[str] = []
    another = Vm(VmSettings(), cache, said.append)

    another.prepare(STAIRS_PAGED_OUT)
    said_with_state = list(said)
    for kept in (*cache.glob("machines/*.state"), *cache.glob("images/*.cpio")):
        kept.unlink()  # as another process does that needs room
    measured = another.run(STAIRS_PAGED_OUT, seed=1)

    assert said_with_state == []
    assert said == ["booting the micro-VM and warming the workload up (once)"]
    assert measured.to_dict() == paged_out.to_dict()


def test_a_run_without_patience_is_ended_early(micro_vm: Vm) -> None:
    impatient = replace(STAIRS_PAGED_OUT, patience=Patience(of="time", baseline_s=1.0, most=0.5))

    with pytest.raises(EndedEarlyError) as error:
        micro_vm.run(impatient, seed=1)

    # It is looked at once in 100 ms of the machine's time.
    assert 0.5 < error.value.slowdown <= 0.7


def test_another_seed_gives_another_measurement(
    remembered: Remembering[Measurement], paged_out: Measurement
) -> None:
    other = remembered.run(STAIRS_PAGED_OUT, seed=2)

    assert other.fingerprint != paged_out.fingerprint
    assert other.swap_out_bytes != paged_out.swap_out_bytes
    assert other.series != paged_out.series


def test_equal_fingerprints_are_of_equal_orders(remembered: Remembering[Measurement]) -> None:
    experiments = (STAIRS, STAIRS_MONITORED, STAIRS_PAGED_OUT)

    fingerprints = {remembered.run(experiment, seed=1).fingerprint for experiment in experiments}

    assert len(fingerprints) == len(experiments)
    assert None not in fingerprints


def test_the_resident_set_follows_the_steps(
    remembered: Remembering[Measurement], paged_out: Measurement
) -> None:
    baseline = remembered.run(STAIRS, seed=1)

    before, stepping = 0.4, 3.0  # in seconds: less than the age, and past the first step
    all_there = [rss for time_s, rss in samples(paged_out) if time_s < before]
    on_a_step = [rss for time_s, rss in samples(paged_out) if time_s > stepping]
    assert min(all_there) >= STEPS * STEP_BYTES
    assert max(on_a_step) < (STEPS - 0.5) * STEP_BYTES
    assert min(on_a_step) < 2.5 * STEP_BYTES
    assert min(baseline.series.rss_bytes) >= STEPS * STEP_BYTES


def test_regions_are_looked_at_now_and_then(remembered: Remembering[Measurement]) -> None:
    measured = remembered.run(STAIRS_MONITORED, seed=1)

    seen = measured.conditions
    assert seen is not None
    assert None not in (seen.looked_at, seen.aggregations, seen.oldest_age_us)
    assert 2 <= (seen.looked_at or 0) < (seen.aggregations or 0) / 2
    assert seen.highest_access_rate == 1.0
    # The first step is idle from its second second on.
    assert 2_500_000 <= (seen.oldest_age_us or 0) <= measured.runtime_s * 1e6
    assert STEP_BYTES / 4 < (seen.largest_region_bytes or 0) < 2 * STEP_BYTES


def test_monitoring_alone_costs_the_workload_little(remembered: Remembering[Measurement]) -> None:
    monitored = remembered.run(STAIRS_MONITORED, seed=1)
    baseline = remembered.run(STAIRS, seed=1)

    computed = metrics.compute(monitored, baseline, slowdown="own_cpu_slowdown")
    assert 0.002 <= computed["own_cpu_slowdown"] <= 0.012


def samples(measured: Measurement) -> list[tuple[float, int]]:
    return list(zip(measured.series.time_s, measured.series.rss_bytes, strict=True))


SERVER = r"""
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

long number_in(const char *path);

/* server PORT FILE [CLIENT]: it answers with its user's number times 1000, and the number in FILE. */
int main(int count, char **words)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(words[1])) };
	int ours = socket(AF_INET, SOCK_STREAM, 0), theirs;
	char text[64] = "";

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (count > 3) {
		memset(malloc(CLIENT_BYTES), 1, CLIENT_BYTES);
		if (connect(ours, (struct sockaddr *)&address, sizeof address))
			return 1;
		usleep(300000);
		if (read(ours, text, sizeof text - 1) < 1)
			return 2;
		printf("warming up: 7 done\n%s done\n", text);
		return 0;
	}
	signal(SIGTERM, SIG_IGN);
	memset(malloc(SERVER_BYTES), 1, SERVER_BYTES);
	if (bind(ours, (struct sockaddr *)&address, sizeof address) || listen(ours, 5))
		return 3;
	while ((theirs = accept(ours, NULL, NULL)) >= 0) {
		sprintf(text, "%ld", getuid() * 1000L + number_in(words[2]));
		write(theirs, text, strlen(text));
		close(theirs);
	}
	return 4;
}
"""
LIBRARY = r"""
#include <stdio.h>

long number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	long number = -1;

	if (file)
		fscanf(file, "%ld", &number);
	return number;
}
"""
SERVER_BYTES, CLIENT_BYTES = 6_000_000, 20_000_000


def compile_server(folder: Path) -> Path:
    """Compile the server, and beside it a shared library that no search path names."""
    library, server = folder / "libnumber.so", folder / "server"
    sizes = (f"-DSERVER_BYTES={SERVER_BYTES}", f"-DCLIENT_BYTES={CLIENT_BYTES}")
    (folder / "library.c").write_text(LIBRARY)
    (folder / "server.c").write_text(SERVER)
    compiler = os.environ.get("CC", "cc")
    for words in (
        ("-shared", "-fPIC", "-o", library, folder / "library.c"),
        (*sizes, "-o", server, folder / "server.c", library, "-Wl,-rpath,$ORIGIN"),
    ):
        subprocess.run((compiler, "-w", *words), check=True)
    return server


def test_a_server_with_its_libraries_and_files_serves_its_client_as_the_users_user(
    small_vm: Vm, tmp_path: Path, nothing_is_left: None
) -> None:
    del nothing_is_left
    server = str(compile_server(tmp_path))
    number = tmp_path / "number.txt"
    number.write_text("250\n")
    workload = Program(
        command=(server, f"{PORT}", "number.txt"),
        client=(server, f"{PORT}", "number.txt", "client"),
        ready=Ready(port=PORT),
        work="^([0-9]+) done",
        folder=str(tmp_path),
        files=(str(number),),
    )

    measured = small_vm.run(Experiment(workload=workload), seed=1)

    assert measured.work_done == 1000 * 1000 + 250
    assert 0.3 <= measured.runtime_s <= 1.5
    assert SERVER_BYTES < measured.rss_mean_bytes < CLIENT_BYTES


SHARING = """
x=$(head -c 6000000 /dev/zero | tr '\\0' x)
(sleep 1.5; :) & a=$!
(sleep 1.5; :) & b=$!
echo up
sleep 1
t=0
read first < /proc/$a/task/$a/children
read second < /proc/$b/task/$b/children
for pid in $$ $a $b $first $second; do
  while read name size unit; do
    case $name in Pss:) t=$((t + size));; esac
  done < /proc/$pid/smaps_rollup
done
echo "together $t"
wait
"""
"""Three shells that share a variable of 6 MB, and what two of them run. The sum of their proportional
memory, in KiB, is printed."""


def test_what_processes_share_counts_once_there(small_vm: Vm) -> None:
    workload = Program(command=SHARING, ready=Ready(line="^up$"), work="^together ([0-9]+)$")
    experiment = Experiment(workload=workload)

    measured, again = (small_vm.run(experiment, seed=1) for _ in range(2))

    assert measured.work_done is not None
    assert measured.rss_mean_bytes >= 3 * 6_000_000
    assert measured.pss_mean_bytes == pytest.approx(measured.work_done * 1024, rel=0.05)
    assert again == measured


def test_what_follows_the_warm_up_is_measured(small_vm: Vm, nothing_is_left: None) -> None:
    del nothing_is_left
    workload = Program(command=("sleep", "1.5"), ready=Ready(delay_us=500_000))

    measured = small_vm.run(Experiment(workload=workload), seed=1)

    assert measured.runtime_s == pytest.approx(1.0, abs=0.1)
    assert measured.work_done is None
    assert measured.swap_out_bytes == 0


def test_a_program_may_print_megabytes(small_vm: Vm, nothing_is_left: None) -> None:
    del nothing_is_left
    line = "a line of some thirty letters."
    workload = Program(
        command=(
            f"sleep 0.5; echo warm; sleep 0.5; echo did 12; "
            f"yes {line} | head -c {100_000 * (len(line) + 1)}; echo did 1,500"
        ),
        ready=Ready(line="^warm$"),
        work="did ([0-9,]+)",
    )

    measured = small_vm.run(Experiment(workload=workload), seed=1)

    assert measured.work_done == 1500
    assert measured.runtime_s >= 0.5


def test_forks_are_as_many_at_once_as_there_is_memory_for(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable: 6291456 kB\n")
    system = SystemMemory(procfs=tmp_path)

    def most(memory_bytes: int | None) -> int:
        return Vm(VmSettings(memory_bytes=memory_bytes), tmp_path, print, system).most_at_once

    assert most(None) == 4  # of 1 GiB, and a quarter for the emulator
    assert most(2048 * MIB - 256 * MIB) == 3
    assert most(64 * 1024 * MIB) == 1
