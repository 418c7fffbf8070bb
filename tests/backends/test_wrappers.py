from __future__ import annotations

import threading
import time
from dataclasses import replace

from autotune.backends.wrappers import Measured, Paired, Remembering, Single, for_study
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.testing import pattern, prcl
from tests.closed_form import ClosedForm, Slower

TRIAL = Experiment(
    workload=pattern(), monitoring=Monitoring(), schemes=(prcl(),), start_after_us=1000
)
BASELINE = Experiment(workload=pattern())


class Listening(ClosedForm):
    """Remembers what it ran."""

    def __init__(self) -> None:
        super().__init__(amplitude=0.01)
        self.ran: list[tuple[Experiment, int]] = []

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        self.ran.append((experiment, seed))
        return super().run(experiment, seed=seed)


def test_a_backend_that_does_not_drift_measures_once() -> None:
    backend = Listening()

    measured = Single(backend).run(TRIAL, seed=3)

    assert measured == Measured((ClosedForm(amplitude=0.01).run(TRIAL, seed=3),))
    assert backend.ran == [(TRIAL, 3)]


def test_pairs_are_measured_as_a_b_b_a() -> None:
    backend = Listening()

    measured = Paired(backend).run(TRIAL, seed=3)

    assert backend.ran == [(BASELINE, 3), (TRIAL, 3), (TRIAL, 3), (BASELINE, 3)]
    assert (len(measured.measurements), len(measured.baselines)) == (2, 2)


def test_a_pair_stands_beside_the_baseline_that_was_measured_next_to_it() -> None:
    measured = Paired(Slower()).run(TRIAL, seed=3)

    first, last = (one.workload_cpu_s for one in measured.baselines)
    again, twice = (one.workload_cpu_s for one in measured.measurements)
    assert first < last
    assert again < twice


def test_a_baseline_needs_no_pair() -> None:
    backend = Listening()

    measured = Paired(backend).run(BASELINE, seed=3)

    assert backend.ran == [(BASELINE, 3)]
    assert (len(measured.measurements), measured.baselines) == (1, ())


def test_there_are_no_more_runs_at_once_than_the_backend_takes() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    class Narrow(ClosedForm):
        most_at_once = 2

        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1
            return super().run(experiment, seed=seed)

    bounded = for_study(Narrow())
    threads = [
        threading.Thread(target=bounded.run, args=(TRIAL,), kwargs={"seed": seed})
        for seed in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 2


def test_a_drifting_backend_with_a_bound_keeps_the_runs_of_a_pair_together() -> None:
    class Host(Listening):
        drifts = True
        most_at_once = 1

        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            time.sleep(0.002)
            return super().run(experiment, seed=seed)

    backend = Host()
    measures = for_study(backend)
    threads = [
        threading.Thread(target=measures.run, args=(TRIAL,), kwargs={"seed": seed})
        for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seeds = [seed for _, seed in backend.ran]
    assert [len({*seeds[at : at + 4]}) for at in range(0, 12, 4)] == [1, 1, 1]


def test_what_was_asked_before_is_remembered() -> None:
    backend = Listening()
    remembering = Remembering(backend)

    first, again = (remembering.run(TRIAL, seed=1) for _ in range(2))
    remembering.run(TRIAL, seed=2)
    remembering.run(replace(TRIAL, schemes=()), seed=1)

    assert first is again
    assert [seed for _, seed in backend.ran] == [1, 2, 1]


def test_only_what_is_to_be_remembered_is() -> None:
    backend = Listening()
    remembering = Remembering(backend, lambda experiment: experiment.monitoring is None)

    for experiment in (TRIAL, BASELINE, TRIAL, BASELINE):
        remembering.run(experiment, seed=1)

    assert [experiment for experiment, _ in backend.ran] == [TRIAL, BASELINE, TRIAL]


def test_a_wrapper_is_the_backend_inside_in_all_else() -> None:
    backend = ClosedForm()
    for wrapper in (Single(backend), Paired(backend), Remembering(backend), for_study(backend)):
        assert (wrapper.name, wrapper.machine) == (backend.name, backend.machine)
        assert wrapper.slowdown_metric == backend.slowdown_metric
        backend.stopped = False
        wrapper.check(TRIAL)
        wrapper.stop()
        assert backend.stopped
