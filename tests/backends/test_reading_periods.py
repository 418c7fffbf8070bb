from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from autotune.backends.reading_periods import ReadingPeriods
from autotune.errors import TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.program import Program
from autotune.testing import measurement, pattern

SERVER = Experiment(workload=Program(command=("server",)))


class Runs:
    """Runs that find the periods of *found* one after the other, unless they are told one."""

    def __init__(self, *found: tuple[int, ...]) -> None:
        self._found = list(found)
        self.told: list[int | None] = []

    def __call__(self, period_us: int | None) -> Measurement:
        self.told.append(period_us)
        if period_us is not None:
            return measurement(pss_periods_us=(period_us,))
        return measurement(pss_periods_us=self._found.pop(0))


def periods(backend: ReadingPeriods, runs: Runs, times: int) -> list[tuple[int, ...]]:
    return [backend.measure(SERVER, runs).pss_periods_us for _ in range(times)]


def test_a_machine_whose_costs_drift_keeps_the_first_runs_period() -> None:
    runs = Runs((200,))

    assert periods(ReadingPeriods(repeats=False), runs, 3) == [(200,)] * 3
    assert runs.told == [None, 200, 200]


def test_forks_of_one_machine_find_one_period_by_themselves() -> None:
    runs = Runs((200,), (200,), (200,))

    assert periods(ReadingPeriods(repeats=True), runs, 3) == [(200,)] * 3
    assert runs.told == [None] * 3


@pytest.mark.parametrize("repeats", [True, False])
def test_a_run_whose_period_grew_is_made_again_and_all_share_the_longest(repeats: bool) -> None:
    runs = Runs((100, 200, 800))

    assert periods(ReadingPeriods(repeats=repeats), runs, 2) == [(800,)] * 2
    assert runs.told == [None, 800, 800]


def test_a_trial_whose_period_grew_is_made_again_with_its_baselines() -> None:
    runs = Runs((100,), (100, 400))

    assert periods(ReadingPeriods(repeats=True), runs, 3) == [(100,)] * 3
    assert runs.told == [None, None, 100, 100]


def test_one_process_has_no_period_to_share() -> None:
    runs = Runs((), ())

    assert periods(ReadingPeriods(repeats=False), runs, 2) == [()] * 2
    assert runs.told == [None, None]


def test_a_run_that_failed_decides_nothing() -> None:
    def fail(period_us: int | None) -> Measurement:
        del period_us
        raise TrialError("no")

    backend, runs = ReadingPeriods(repeats=False), Runs((300,))

    with pytest.raises(TrialError, match="no"):
        backend.measure(SERVER, fail)

    assert periods(backend, runs, 2) == [(300,)] * 2


def test_the_second_run_of_a_program_waits_for_the_first() -> None:
    first_may_end = threading.Event()
    runs = Runs((100, 200))

    def first(period_us: int | None) -> Measurement:
        first_may_end.wait(10.0)
        return runs(period_us)

    backend = ReadingPeriods(repeats=True)
    with ThreadPoolExecutor(2) as pool:
        begun = pool.submit(backend.measure, SERVER, first)
        while not begun.running():
            pass
        second = pool.submit(backend.measure, SERVER, runs)
        first_may_end.set()

    assert begun.result().pss_periods_us == second.result().pss_periods_us == (200,)


def test_runs_of_a_pattern_do_not_wait() -> None:
    both = threading.Barrier(2, timeout=10.0)

    def meet(period_us: int | None) -> Measurement:
        assert period_us is None
        both.wait()
        return measurement()

    backend, experiment = ReadingPeriods(repeats=True), Experiment(workload=pattern())
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(backend.measure, experiment, meet) for _ in range(2)]

    assert [run.result() for run in runs] == [measurement()] * 2
