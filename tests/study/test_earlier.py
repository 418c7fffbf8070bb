from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.backends.settings import BackendSettings
from autotune.damon.damos import Scheme
from autotune.damon.recording import Recording
from autotune.errors import BackendUnavailableError, InputError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.program import Program
from autotune.study.earlier import Makers, tune_earlier
from autotune.study.events import Event, Listener, MeasurementMade, Started, TrialFinished
from autotune.study.study import Earlier, prepare, run
from autotune.workload_file.workload_file import WorkloadFile
from tests.closed_form import ClosedForm, make_file
from tests.recordings import recording


class Named(ClosedForm):
    """A closed form under another name."""

    def __init__(
        self, name: str, refuses: Callable[[Scheme], str | None] = lambda _: None
    ) -> None:
        super().__init__(fail=refuses)
        self.name = name
        self.workloads: list[object] = []
        self.recordings = 0

    @property
    def starts(self) -> int:
        return super().starts + self.recordings

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        self.workloads.append(experiment.workload)
        return super().run(experiment, seed=seed)

    def record(self, experiment: Experiment, *, seed: int) -> Recording:  # noqa: ARG002
        self.recordings += 1
        return recording()


class Machines:
    """Backends by name, each made once."""

    def __init__(self, *backends: Named) -> None:
        self._backends = {backend.name: backend for backend in backends}
        self.events: list[tuple[str, Event]] = []
        self.recorders: list[str] = []

    @property
    def makers(self) -> Makers:
        return Makers(lambda file: self._backends[file.backend.name], self._recorder)

    def _recorder(self, settings: BackendSettings) -> Named:
        self.recorders.append(settings.name)
        return self._backends[settings.name]

    def listeners(self, name: str) -> Sequence[Listener]:
        return [lambda event: self.events.append((name, event))]

    def tune(self, file: WorkloadFile) -> Earlier:
        return tune_earlier(file, self.makers, self.listeners)


def ages_s(sets: Sequence[object]) -> list[float]:
    return [values["pattern.min_age"] / 1e6 for values in sets]  # type: ignore[index]


LIMITED = {"constraints": "[slowdown <= 10%]"}


def test_one_backend_has_nothing_before_it(tmp_path: Path) -> None:
    assert Machines().tune(make_file(tmp_path)) == Earlier()


def test_what_a_cheaper_backend_recommends_is_tried_first(tmp_path: Path) -> None:
    file = make_file(tmp_path, {**LIMITED, "backend": "[simulator, vm]"})

    found = Machines(Named("simulator")).tune(file)
    outcome = run(prepare(file, Named("vm"), found))

    # The front within the limit, the best saving first.
    assert ages_s(found.first) == [2.0, 5.0, 10.0]
    assert [trial.parameters for trial in outcome.trials[:3]] == [*found.first]
    assert found.starts == 0
    assert outcome.notes[0] == (
        "The simulator tried 8 schemes; the vm tried those first that it recommends, 3."
    )


def test_sets_of_the_search_space_stay_the_very_first_and_come_once(tmp_path: Path) -> None:
    given = {"pattern.min_age": 5_000_000, "pattern.min_size": 4096}
    file = make_file(tmp_path, {**LIMITED, "backend": "[simulator, vm]", "sampler": "random"})
    file = replace(file, search_space=replace(file.search_space, initial=(given,)))

    found = Machines(Named("simulator")).tune(file)
    outcome = run(prepare(file, Named("vm"), found))

    assert outcome.trials[0].parameters == given
    new = [values for values in found.first if values != given]
    assert [trial.parameters for trial in outcome.trials[1 : 1 + len(new)]] == new
    assert [trial.number for trial in outcome.published] == [0]


def test_every_backend_begins_with_what_the_one_before_it_recommends(tmp_path: Path) -> None:
    file = make_file(tmp_path, {**LIMITED, "backend": "[simulator, vm, host]"})
    # In the micro-VM, the scheme that saves most can't be measured.
    vm = Named("vm", lambda scheme: "no" if scheme.pattern.age_us.min == 2_000_000 else None)
    machines = Machines(Named("simulator"), vm)

    found = machines.tune(file)

    tried = [
        event.trial.parameters
        for name, event in machines.events
        if name == "vm" and isinstance(event, TrialFinished)
    ]
    assert ages_s(tried[:3]) == [2.0, 5.0, 10.0]
    assert ages_s(found.first) == [5.0, 10.0]
    # The scheme that failed was started, too.
    made = [name for name, event in machines.events if isinstance(event, MeasurementMade)]
    assert found.starts == made.count("vm") + 1 == len(vm.seeds)
    assert [note.split(";")[0] for note in found.notes] == [
        "The simulator tried 8 schemes",
        "The vm tried 8 schemes",
    ]


def test_each_backend_has_a_seed_of_its_own_that_follows_from_the_files(tmp_path: Path) -> None:
    file = make_file(tmp_path, {"backend": "[simulator, vm, host]", "sampler": "random"})

    def studies(seed: int) -> list[WorkloadFile]:
        machines = Machines(Named("simulator"), Named("vm"))
        machines.tune(replace(file, seed=seed))
        return [event.file for _, event in machines.events if isinstance(event, Started)]

    first, again, other = studies(1), studies(1), studies(2)

    assert first == again
    assert [one.backend.names for one in first] == [("simulator",), ("vm",)]
    assert len({1, 2, *(one.seed for one in (*first, *other))}) == 6


def test_a_backend_that_recommends_nothing_chooses_nothing(tmp_path: Path) -> None:
    file = make_file(
        tmp_path, {"constraints": "[slowdown <= 0.001%]", "backend": "[simulator, vm]"}
    )

    found = Machines(Named("simulator")).tune(file)

    assert found.first == ()
    assert found.notes == (
        "The simulator tried 8 schemes and recommends none: it chose nothing for the vm.",
    )


def test_a_program_is_recorded_for_the_simulator_by_the_next_backend(tmp_path: Path) -> None:
    file = make_file(tmp_path, {"backend": "[simulator, vm, host]"})
    file = replace(file, workload=Program(command=("true",)))
    simulator, vm = Named("simulator"), Named("vm")
    machines = Machines(simulator, vm)

    found = machines.tune(file)

    assert machines.recorders == ["vm"]
    assert {type(workload) for workload in simulator.workloads} == {Recording}
    assert {type(workload) for workload in vm.workloads} == {Program}
    assert found.notes[0] == (
        "The vm recorded the workload for the simulator, for which it started the workload once."
    )
    assert found.starts == vm.starts == 1 + len(vm.seeds)


def test_a_backend_that_can_not_measure_ends_it_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    class Missing(Named):
        def check(self, experiment: Experiment) -> None:  # noqa: ARG002
            raise BackendUnavailableError("there is no kernel: run: autotune vm setup")

    file = make_file(tmp_path, {"backend": "[simulator, vm, host]"})
    simulator = Named("simulator")

    with pytest.raises(BackendUnavailableError, match=r"^there is no kernel"):
        Machines(simulator, Missing("vm")).tune(file)

    assert simulator.seeds == []


def test_what_is_sought_must_be_known_on_every_backend(tmp_path: Path) -> None:
    objectives = "[{metric: comeback_s, direction: minimize, reference: 1}]"
    file = make_file(tmp_path, {"objectives": objectives, "backend": "[simulator, vm]"})

    with pytest.raises(InputError, match=r"'comeback_s' needs comeback_s, which is unknown"):
        Machines(Named("simulator")).tune(file)


def test_an_interrupt_on_one_backend_ends_all(tmp_path: Path) -> None:
    file = make_file(tmp_path, {"backend": "[simulator, vm, host]"})

    def interrupt(event: Event) -> None:
        if isinstance(event, TrialFinished):
            raise KeyboardInterrupt

    machines = Machines(Named("simulator"), Named("vm"))

    with pytest.raises(KeyboardInterrupt):
        tune_earlier(file, machines.makers, lambda _: [interrupt])
