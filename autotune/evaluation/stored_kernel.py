"""A backend under the micro-VM's name that answers from a model of stored runs of the real kernel."""

from __future__ import annotations

from typing import Literal

from autotune.backends.starts import Starts
from autotune.errors import TrialError
from autotune.evaluation.tuner_kernel_model import KernelModel
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.testing import measurement


class StoredKernel:
    """A backend under the micro-VM's name that answers from a model of stored runs.

    Args:
        model: Answers for schemes.
        baseline: Answers for every baseline: the figures of schemes are relative to it.
        machine: The machine that was measured.
    """

    name = "vm"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None

    def __init__(self, model: KernelModel, baseline: Measurement, machine: str) -> None:
        self._model = model
        self._baseline = baseline
        self.machine = machine
        self._starts = Starts()

    @property
    def starts(self) -> int:
        """How often a workload was started."""
        return self._starts.count

    def check(self, experiment: Experiment) -> None:
        """Accept everything."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        """Answer with a measurement whose figures are the model's.

        Raises:
            TrialError: If the model can't place the schemes.
        """
        self._starts.one_more()
        if experiment.monitoring is None:
            return self._baseline
        try:
            values = self._model.values(experiment.schemes, seed)
        except ValueError as error:
            raise TrialError(str(error)) from error
        base = self._baseline
        held = (1.0 - values["memory_saving"]) * (base.pss_mean_bytes + base.swap_pool_mean_bytes)
        swapped_in = max(values["swap_in_bytes"], 0.0)
        return measurement(
            runtime_s=base.runtime_s,
            work_done=base.work_done,
            rss_mean_bytes=held,
            pss_mean_bytes=held,
            system_used_mean_bytes=base.system_used_mean_bytes,
            workload_cpu_s=(1.0 + values["slowdown"]) * base.workload_cpu_s,
            kdamond_cpu=min(max(values["kdamond_cpu"], 0.0), 1.0),
            major_faults=int(swapped_in) // 4096,
            swap_in_bytes=int(swapped_in),
            swap_out_bytes=int(max(values["swap_out_bytes"], 0.0)),
        )

    def stop(self) -> None:
        """Nothing runs."""
