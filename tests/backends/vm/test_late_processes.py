"""Processes that a program begins while it is measured, on a real kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from autotune.backends.vm.vm import Vm
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program, Ready
from autotune.testing import prcl
from tests.backends.vm.workloads import MIB

pytestmark = pytest.mark.vm

CHILDREN, CHILD_BYTES = 4, 3 * MIB
PARENT = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(const char *name, long tenths)
{
	if (fork())
		return;
	prctl(PR_SET_NAME, name);
	memset(malloc(BYTES), 1, BYTES);
	usleep(tenths * 100000);
	_exit(0);
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	usleep(200000);
	for (int number = 0; number < CHILDREN; number++)
		child("stays", 40);
	sleep(2);
	child("leaves", 4);
	while (wait(NULL) > 0)
		;
	return 0;
}
"""


def compile_parent(folder: Path) -> Path:
    """Compile a program with four children that stay, and a fifth that is gone soon."""
    (folder / "parent.c").write_text(PARENT)
    sizes = (f"-DCHILDREN={CHILDREN}", f"-DBYTES={CHILD_BYTES}")
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        (compiler, "-w", *sizes, "-o", folder / "parent", folder / "parent.c"), check=True
    )
    return folder / "parent"


def test_children_that_come_later_are_watched_or_named(small_vm: Vm, tmp_path: Path) -> None:
    """Nothing but the children's memory can be paged out."""
    workload = Program(command=(str(compile_parent(tmp_path)),), ready=Ready(line="^ready$"))
    monitoring = Monitoring(intervals=Intervals(update_us=500_000))
    scheme = prcl(min_age_us=1_000_000)

    measured = small_vm.run(
        Experiment(workload=workload, monitoring=monitoring, schemes=(scheme,)), seed=1
    )

    assert measured.watched is not None
    assert measured.watched.processes == 1 + CHILDREN
    assert measured.watched.unwatched_processes == 1
    assert measured.watched.unwatched_names == ("stays", "leaves")
    assert 0.2 <= measured.watched.unwatched_share <= 0.6
    assert measured.swap_out_bytes > 0.8 * CHILDREN * CHILD_BYTES
