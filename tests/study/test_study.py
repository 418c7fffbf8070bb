from __future__ import annotations

import itertools
import json
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autotune.damon.damos import Scheme
from autotune.errors import BackendUnavailableError, InputError, RunError, TrialError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.objective import pareto
from autotune.objective.metrics import notable
from autotune.run_folder.measurements import read_measurements
from autotune.run_folder.reader import load_run
from autotune.run_folder.tables import outcome_json
from autotune.study.confirming import confirmation_seeds
from autotune.study.events import (
    BatchFinished,
    ConfirmationFinished,
    Ended,
    Event,
    Failed,
    MeasurementMade,
    Role,
    Started,
    TrialAsked,
    TrialFinished,
)
from autotune.study.outcome import RunState
from autotune.study.study import prepare, run
from autotune.trial import TrialState
from tests.closed_form import (
    CPU_S,
    EIGHT,
    NOISY,
    ClosedForm,
    Tuned,
    kept_bytes,
    make_file,
    saving,
    slowdown,
    table,
    tune,
    tune_file,
)

GIVEN = EIGHT + "  initial:\n    - {pattern.min_age: 1s, pattern.min_size: 1M}\n"


def ages_s(outcome: Tuned) -> list[float]:
    return [
        option.trial.schemes[0].pattern.age_us.min / 1e6 for option in outcome.recommendation.front
    ]


def state(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["state"])


def interrupt_after(*, trials: int = -1, confirmations: int = -1) -> Callable[[Event], None]:
    """Press Ctrl-C when so many trials, or measurements that confirm, are there."""

    def hear(event: Event) -> None:
        match event:
            case TrialFinished(trial=trial) if trial.number + 1 == trials:
                raise KeyboardInterrupt
            case ConfirmationFinished(done=done, total=total) if done == confirmations < total:
                raise KeyboardInterrupt

    return hear


def test_the_front_is_the_true_one(plain: Tuned) -> None:
    assert ages_s(plain) == [1.0, 2.0, 5.0]
    assert "it adds less than 1 %" in next(iter(plain.recommendation.thrown_out.values()))
    for option in plain.recommendation.front:
        (scheme,) = option.trial.schemes
        assert scheme.pattern.size_bytes.min == 4096
        assert option.figures["memory_saving"] == pytest.approx(saving(scheme))
        assert option.figures["slowdown"] == pytest.approx(slowdown(scheme))


def test_the_hypervolume_is_that_of_the_true_front(plain: Tuned) -> None:
    points = [(-0.6 * np.exp(-age / 10), 0.5 * np.exp(-age)) for age in (1.0, 2.0, 5.0)]
    assert plain.recommendation.hypervolume == pytest.approx(
        pareto.hypervolume(points, (0.0, 0.5))
    )


def test_what_breaks_a_constraint_is_not_recommended(tmp_path: Path) -> None:
    outcome = tune(tmp_path, {"constraints": "[slowdown <= 5%]"})

    assert ages_s(outcome) == [5.0, 10.0]


def test_what_is_worse_than_doing_nothing_is_not_recommended(tmp_path: Path) -> None:
    objectives = "[{metric: slowdown, direction: minimize, reference: 50%}]"

    outcome = tune(tmp_path, {"objectives": objectives})

    assert outcome.recommendation.front == ()
    assert (
        "It is empty: no scheme was better than leaving DAMON off."
        in (outcome.out / "summary.md").read_text()
    )


def test_nothing_on_the_front_is_dominated(noisy: Tuned) -> None:
    front = table(noisy, "front.csv")
    points = np.stack([-front["memory_saving"], front["slowdown"]], axis=1)
    assert len(points) > 1
    assert pareto.pareto_front(points).all()


def test_constraints_are_kept_by_the_confirmed_means(noisy: Tuned) -> None:
    assert (table(noisy, "front.csv")["slowdown"] <= 0.05).all()


@pytest.mark.parametrize("threads", [1, 4, 7])
def test_results_do_not_depend_on_the_number_of_threads(
    noisy: Tuned, tmp_path: Path, threads: int
) -> None:
    backend = ClosedForm(amplitude=0.02, shuffle=True)

    again = tune(tmp_path, NOISY, backend=backend, threads=threads)

    assert kept_bytes(noisy.out) == kept_bytes(again.out)


def test_all_trials_have_the_seed_of_the_run_and_confirmations_fresh_ones(tmp_path: Path) -> None:
    outcome = tune(tmp_path, {"seed": 7})

    records = read_measurements(outcome.out / "measurements.jsonl")
    assert {r.seed for r in records if r.role == "trial"} == {7}
    fresh = {r.seed for r in records if r.role == "confirmation"}
    assert len(fresh) == 2
    assert 7 not in fresh
    assert {r.seed for r in records if r.role == "baseline"} == {7, *fresh}


def test_given_sets_are_tried_first_and_confirmed_whatever_their_figures(tmp_path: Path) -> None:
    outcome = tune(tmp_path, {"search_space": GIVEN})

    first = outcome.trials[0]
    assert first.parameters == {"pattern.min_age": 1_000_000, "pattern.min_size": 1 << 20}
    assert 0 in outcome.recommendation.confirmed
    assert all(option.trial is not first for option in outcome.recommendation.front)
    assert "reason" not in (table(outcome, "trials.csv").loc[0].dropna())


def test_given_sets_count_in_the_budget(tmp_path: Path) -> None:
    outcome = tune(tmp_path, {"search_space": "prcl", "sampler": "tpe", "budget": "{trials: 2}"})

    ages = [trial.parameters["pattern.min_age"] for trial in outcome.trials]
    assert ages == [3_000_000, 5_000_000]


def test_what_confirmation_throws_out_is_marked(tmp_path: Path) -> None:
    class Optimistic(ClosedForm):
        """With the run's own seed it sees half of the slowdown."""

        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            found = super().run(experiment, seed=seed)
            if seed != 0:
                return found
            return replace(found, workload_cpu_s=(CPU_S + found.workload_cpu_s) / 2)

    outcome = tune(tmp_path, {"constraints": "[slowdown <= 5%]"}, backend=Optimistic())

    trials = table(outcome, "trials.csv")
    marked = trials[trials["reason"].str.startswith("not on the front", na=False)]
    assert marked["reason"].tolist() == [
        "not on the front: slowdown <= 5% holds in less than 1 % of runs, not in 95 %"
    ]
    assert marked["pattern.min_age_us"].tolist() == [2_000_000]
    assert marked["state"].tolist() == ["complete"]
    assert marked["trial"].tolist()[0] not in table(outcome, "front.csv")["trial"].tolist()


def test_without_confirmations_the_first_figures_stand(tmp_path: Path) -> None:
    outcome = tune(tmp_path, {"confirmations": 0})

    front = table(outcome, "front.csv")
    assert front["memory_saving"].tolist() == front["memory_saving_first"].tolist()
    assert front["memory_saving_low"].isna().all()
    assert set(front["seeds"]) == {1}
    assert ages_s(outcome) == [1.0, 2.0, 5.0]


def test_a_failed_trial_is_recorded_and_the_run_goes_on(tmp_path: Path) -> None:
    backend = ClosedForm(
        fail=lambda s: "it got lost" if s.pattern.age_us.min == 2_000_000 else None
    )

    outcome = tune(tmp_path, backend=backend)

    trials = table(outcome, "trials.csv")
    failed = trials[trials["state"] == "failed"]
    assert failed["reason"].tolist() == ["it got lost", "it got lost"]
    assert failed["memory_saving"].isna().all()
    assert (outcome.failed, len(trials), outcome.state) == (2, 8, RunState.COMPLETE)
    assert ages_s(outcome) == [1.0, 5.0]


def test_impossible_schemes_are_failed_trials(tmp_path: Path) -> None:
    space = """
  schemes:
    - action: pageout
      parameters:
        pattern.min_age: {choices: [1s, 2050ms]}
        pattern.max_age: {choices: [2080ms, 10s]}
"""

    outcome = tune(tmp_path, {"search_space": space, "budget": "{trials: 4}"})

    (reason,) = [t.reason for t in outcome.trials if t.state is TrialState.FAILED]
    assert reason == (
        "age_us from 2050ms to 2080ms holds no multiple of the aggregation interval (100ms): widen it"
    )


def test_a_failed_confirmation_throws_a_candidate_out(tmp_path: Path) -> None:
    def lose(count: int, schemes: tuple[Scheme, ...], seed: int) -> None:
        if seed != 0 and schemes and schemes[0].pattern.age_us.min == 5_000_000:
            raise TrialError(f"it got lost after {min(count, 0)} runs")

    outcome = tune(tmp_path, backend=ClosedForm(hook=lose))

    (number,) = outcome.recommendation.thrown_out
    seed = json.loads((outcome.out / "run.json").read_text())["confirmation_seeds"][0]
    assert table(outcome, "trials.csv")["reason"][number] == (
        f"not on the front: the confirmation with seed {seed} failed: it got lost after 0 runs"
    )
    assert ages_s(outcome) == [1.0, 2.0, 10.0]


def test_a_seed_whose_baseline_fails_does_not_count(tmp_path: Path) -> None:
    fresh: list[int] = []

    def lose(count: int, schemes: tuple[Scheme, ...], seed: int) -> None:
        if not schemes and count > 0 and not fresh:
            fresh.append(seed)
            raise TrialError("it got lost")

    outcome = tune(tmp_path, backend=ClosedForm(hook=lose), threads=1)

    assert {len(o.confirmations) for o in outcome.recommendation.front} == {1}
    assert (
        f"The confirmations with seed {fresh[0]} don't count: their baseline failed: it got lost"
        in (outcome.out / "summary.md").read_text()
    )


def confirmed_seeds(outcome: Tuned) -> dict[int | None, list[int]]:
    """The seeds of the measurements that confirm and were kept, by trial."""
    kept: dict[int | None, list[int]] = {}
    for record in read_measurements(outcome.out / "measurements.jsonl"):
        if record.role == "confirmation":
            kept.setdefault(record.trial, []).append(record.seed)
    return kept


def test_after_a_failed_confirmation_those_with_the_other_seeds_are_kept(tmp_path: Path) -> None:
    workload = make_file(tmp_path / "user", {"confirmations": 3})
    first, *others = confirmation_seeds(workload.seed, 3)

    def lose(_: int, schemes: tuple[Scheme, ...], seed: int) -> None:
        if schemes and seed == first:
            raise TrialError("it got lost")

    outcome = tune_file(workload, tmp_path / "out", backend=ClosedForm(hook=lose))

    assert list(outcome.recommendation.thrown_out.values()) == [
        f"the confirmation with seed {first} failed: it got lost"
    ] * len(confirmed_seeds(outcome))
    assert set(map(tuple, confirmed_seeds(outcome).values())) == {tuple(others)}


@pytest.mark.parametrize("count", [1, 2])
def test_confirmations_whose_baseline_failed_are_kept(tmp_path: Path, count: int) -> None:
    workload = make_file(tmp_path / "user")
    seeds = confirmation_seeds(workload.seed, 2)

    def lose(_: int, schemes: tuple[Scheme, ...], seed: int) -> None:
        if not schemes and seed in seeds[:count]:
            raise TrialError("it got lost")

    outcome = tune_file(workload, tmp_path / "out", backend=ClosedForm(hook=lose))

    assert {len(o.confirmations) for o in outcome.recommendation.front} == {2 - count}
    assert set(map(tuple, confirmed_seeds(outcome).values())) == {seeds}


def test_a_failed_baseline_ends_the_run(tmp_path: Path) -> None:
    def lose(*_: object) -> None:
        raise TrialError("it got lost")

    with pytest.raises(RunError) as error:
        tune(tmp_path, backend=ClosedForm(hook=lose))

    assert str(error.value) == f"{tmp_path}/user/my.yaml: the baseline failed: it got lost"
    assert state(tmp_path / "out") == "failed"


class Idle(ClosedForm):
    """A workload that takes no CPU time, so that nothing can be said of its slowdown."""

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        return replace(super().run(experiment, seed=seed), workload_cpu_s=0.0)


def test_a_figure_that_is_sought_and_unknown_ends_the_run_before_the_first_trial(
    tmp_path: Path,
) -> None:
    backend = Idle()

    with pytest.raises(InputError) as error:
        tune(tmp_path, backend=backend)

    assert str(error.value) == (
        f"{tmp_path}/user/my.yaml: 'slowdown' needs slowdown, which is unknown: the baseline's "
        "workload_cpu_s is 0: nothing can be compared with it; or seek another figure"
    )
    assert len(backend.seeds) == 1
    assert state(tmp_path / "out") == "failed"


def test_a_figure_that_is_not_sought_may_be_unknown(tmp_path: Path) -> None:
    keys = {"objectives": "[{metric: memory_saving, direction: maximize, reference: 0}]"}

    tuned = tune(tmp_path, keys, backend=Idle())

    why = "the baseline's workload_cpu_s is 0: nothing can be compared with it"
    assert tuned.state is RunState.COMPLETE
    assert tuned.recommendation.front
    assert notable(tuned.outcome.missing) == dict.fromkeys(("slowdown", "own_cpu_slowdown"), why)
    written = outcome_json(tuned.out, tuned.outcome, load_run(tuned.out).objectives)
    assert written["missing"] == dict(tuned.outcome.missing)
    assert [row["slowdown"] for row in written["front"]] == [None]
    assert f"slowdown, own_cpu_slowdown: unknown: {why}" in (tuned.out / "summary.md").read_text()


def unavailable_after(count: int) -> Callable[[int, tuple[Scheme, ...], int], None]:
    def hook(done: int, schemes: tuple[Scheme, ...], seed: int) -> None:
        del schemes, seed
        if done >= count:
            raise BackendUnavailableError("the machine is gone: switch it on")

    return hook


def test_when_the_backend_is_gone_the_run_stops_with_what_it_has(tmp_path: Path) -> None:
    backend = ClosedForm(hook=unavailable_after(1 + 4))

    with pytest.raises(BackendUnavailableError, match=r"^the machine is gone: switch it on$"):
        tune(tmp_path, backend=backend, threads=1)

    out = tmp_path / "out"
    assert state(out) == "failed"
    assert len((out / "trials.csv").read_text().splitlines()) == 1 + 4
    assert len((out / "front.csv").read_text().splitlines()) > 1
    assert (
        "The run could not go on: the machine is gone: switch it on"
        in (out / "summary.md").read_text()
    )


def test_ctrl_c_keeps_the_trials_that_were_told(tmp_path: Path) -> None:
    outcome = tune(tmp_path, listeners=[interrupt_after(trials=6)])

    assert outcome.state is RunState.INTERRUPTED
    assert state(outcome.out) == "interrupted"
    assert table(outcome, "trials.csv")["trial"].tolist() == list(range(6))
    assert outcome.recommendation.confirmed == {}
    assert len(outcome.recommendation.front) > 0
    assert "The run was interrupted before its end." in (outcome.out / "summary.md").read_text()


def test_a_signal_while_measurements_run_ends_the_run(tmp_path: Path) -> None:
    main = threading.main_thread().ident
    assert main is not None
    released = threading.Event()
    too_late: list[int] = []

    def hook(count: int, schemes: tuple[Scheme, ...], seed: int) -> None:
        del schemes, seed
        if count == 5:
            signal.pthread_kill(main, signal.SIGINT)
        if count >= 5 and not released.wait(60.0):
            too_late.append(count)

    outcome = tune(tmp_path, backend=ClosedForm(hook=hook), threads=2)
    released.set()

    assert too_late == []
    assert outcome.state is RunState.INTERRUPTED
    assert len(outcome.trials) == 4


def test_ctrl_c_while_confirming_keeps_what_is_confirmed(tmp_path: Path) -> None:
    # Two baselines, then two measurements of each candidate.
    outcome = tune(tmp_path, listeners=[interrupt_after(confirmations=2 + 2)])

    assert len(outcome.recommendation.front) == 1
    reasons = table(outcome, "trials.csv")["reason"].dropna().tolist()
    assert reasons == ["not on the front: not confirmed, since the run was stopped"] * 3


def test_time_ends_a_run_too(tmp_path: Path) -> None:
    keys = {"search_space": "prcl", "sampler": "random", "budget": "{time: 200ms}"}

    outcome = tune(tmp_path, keys)

    assert outcome.state is RunState.COMPLETE
    assert len(outcome.trials) % 4 == 0
    assert len(outcome.trials) >= 4


def heard_kinds(listened: list[Event]) -> list[str]:
    """The kinds of events, a run of one kind counted: TrialAsked*4."""
    runs = itertools.groupby(type(event).__name__ for event in listened)
    counted = [(name, len(list(group))) for name, group in runs]
    return [name if count == 1 else f"{name}*{count}" for name, count in counted]


def test_a_study_tells_all_that_happens_in_a_fixed_order(tmp_path: Path) -> None:
    heard: list[Event] = []

    tune(tmp_path, backend=ClosedForm(shuffle=True), listeners=[heard.append], threads=4)

    batch = ["TrialAsked*4", *["MeasurementMade", "TrialFinished"] * 4, "BatchFinished"]
    baselines = ["MeasurementMade", "ConfirmationFinished"] * 2
    candidates = ["MeasurementMade*2", "ConfirmationFinished"] * 4
    assert heard_kinds(heard) == [
        "Started",
        "MeasurementMade",
        "BaselineMeasured",
        *batch,
        *batch,
        *baselines,
        *candidates,
        "Ended",
    ]


def test_events_hold_all_that_a_study_is(tmp_path: Path) -> None:
    heard: list[Event] = []
    file = make_file(tmp_path / "user", NOISY)

    outcome = run(prepare(file, ClosedForm(amplitude=0.02)), listeners=[heard.append])

    asked = [event for event in heard if isinstance(event, TrialAsked)]
    finished = [event.trial for event in heard if isinstance(event, TrialFinished)]
    batches = [event.trials for event in heard if isinstance(event, BatchFinished)]
    made = [event for event in heard if isinstance(event, MeasurementMade)]
    started, ended = heard[0], heard[-1]
    assert isinstance(started, Started)
    assert (started.file, started.backend, started.machine) == (file, "simulator", "closed form")
    assert started.confirmation_seeds == confirmation_seeds(file.seed, 3)
    assert ended == Ended(outcome=outcome)
    assert tuple(finished) == outcome.trials == batches[-1]
    assert [(a.number, a.parameters, a.schemes) for a in asked] == [
        (t.number, t.parameters, t.schemes) for t in finished
    ]
    assert [(m.trial, m.seed, m.schemes) for m in made if m.role is Role.TRIAL] == [
        (t.number, file.seed, t.schemes) for t in finished
    ]
    assert {m.backend for m in made} == {"simulator"}


def test_without_listeners_and_storage_a_study_writes_nothing(
    noisy: Tuned, tmp_path: Path
) -> None:
    file = make_file(tmp_path / "user", NOISY)
    before = sorted(tmp_path.rglob("*"))

    outcome = run(prepare(file, ClosedForm(amplitude=0.02)))

    assert outcome == noisy.outcome
    assert sorted(tmp_path.rglob("*")) == before


def test_an_error_is_told_before_it_is_raised(tmp_path: Path) -> None:
    heard: list[Event] = []

    def full(event: Event) -> None:
        if isinstance(event, TrialFinished) and event.trial.number == 2:
            raise RunError("no room")

    with pytest.raises(RunError, match=r"^no room$") as raised:
        tune(tmp_path, listeners=[heard.append, full])

    last = heard[-1]
    assert isinstance(last, Failed)
    assert last.error is raised.value
    assert [trial.number for trial in last.trials] == [0, 1, 2]


def test_batches_are_proposed_before_any_of_their_outcomes_is_known(tmp_path: Path) -> None:
    workload = make_file(tmp_path / "user", {**NOISY, "parallel": 30})

    together = tune_file(workload, tmp_path / "a", backend=ClosedForm())
    failing = tune_file(workload, tmp_path / "b", backend=ClosedForm(fail=lambda _: "it got lost"))

    assert [t.parameters for t in together.trials] == [t.parameters for t in failing.trials]
