from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.backends.simulator.simulator import Simulator
from autotune.damon.damos import (
    Action,
    Filter,
    FilterType,
    GoalMetric,
    Quota,
    QuotaGoal,
    Scheme,
)
from autotune.damon.monitoring import OperationsSet
from autotune.errors import InputError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program
from tests.backends.contract import MONITORED
from tests.backends.simulator.played import prcl, profile, simulator
from tests.recordings import area, recording


def with_quota(*goals: QuotaGoal) -> Scheme:
    return prcl(1, quota=Quota(goals=goals))


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (
            replace(MONITORED, schemes=(Scheme(action=Action.WILLNEED),)),
            "the simulator does not model action willneed, only pageout, stat, cold, hugepage, "
            "nohugepage, lru_prio and lru_deprio: measure this one on a real kernel",
        ),
        (
            replace(MONITORED, operations=OperationsSet.FVADDR),
            "the simulator does not model fvaddr: use vaddr",
        ),
        (
            replace(MONITORED, workload=recording(), operations=OperationsSet.PADDR),
            "a recording holds addresses of a process, not of the machine: use vaddr",
        ),
        (
            replace(MONITORED, workload=Program(command=("sleep", "1"))),
            "the simulator runs no programs: record one and give the recording, give a pattern, or "
            "use another backend",
        ),
        (
            replace(
                MONITORED,
                operations=OperationsSet.PADDR,
                schemes=(prcl(1, filters=(Filter(type=FilterType.MEMCG, memcg_path="/a"),)),),
            ),
            "the simulator does not model filter memcg: leave it out",
        ),
        (
            replace(
                MONITORED,
                schemes=(
                    prcl(
                        1,
                        filters=(
                            Filter(type=FilterType.ADDR, allow=True, address_range=(0, 4096)),
                        ),
                    ),
                ),
            ),
            "the simulator does not model filter addr with allow: leave it out",
        ),
        (
            replace(
                MONITORED,
                schemes=(
                    with_quota(
                        QuotaGoal(metric=GoalMetric.NODE_MEM_FREE_BP, target_value=1, nid=0)
                    ),
                ),
            ),
            "the simulator does not model quota goal node_mem_free_bp, as Linux 6.12 does not: "
            "leave it out",
        ),
    ],
    ids=["action", "fixed addresses", "recording", "program", "filter", "allow", "goal"],
)
def test_what_is_not_modelled_is_refused_in_a_sentence(
    experiment: Experiment, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        simulator().check(experiment)

    assert str(caught.value) == message


def test_what_does_not_fit_into_the_machine_is_refused() -> None:
    machine = replace(profile("server"), memory_bytes=8 << 20)

    with pytest.raises(InputError, match=r"^the pattern takes .*, and machine 'server' has 8"):
        Simulator(machine).check(MONITORED)
    with pytest.raises(InputError, match=r"^the recording takes .*, and machine 'server' has 8"):
        Simulator(machine).check(Experiment(workload=recording(areas=(area(0, 4_000),))))
