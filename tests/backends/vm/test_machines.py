from __future__ import annotations

from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.machines import Machines
from autotune.errors import BackendUnavailableError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program


def test_no_machine_is_booted_after_a_stop(tmp_path: Path) -> None:
    notes: list[str] = []
    machines = Machines(VmSettings(), tmp_path, notes.append, silence_s=1.0)
    experiment = Experiment(workload=Program(command=("true",), folder="/"))

    machines.stop()

    with pytest.raises(BackendUnavailableError, match="the micro-VMs were stopped"):
        machines.for_workload(experiment)
    assert notes == []
    assert list(tmp_path.iterdir()) == []
