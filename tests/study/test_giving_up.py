from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from autotune.errors import EndedEarlyError
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.patience import Patience
from autotune.experiment.program import Program
from autotune.recommendation.verdict import why_empty
from autotune.study.giving_up import patience
from autotune.study.outcome import Outcome
from autotune.study.study import prepare, run
from autotune.testing import measurement
from autotune.trial import Trial, TrialState
from autotune.views.terminal import show_outcome
from autotune.workload_file.workload_file import WorkloadFile
from tests.closed_form import CPU_S, ClosedForm, make_file, table, tune_file

PROGRAM = Program(command=("true",))
LIMIT = "[slowdown <= 5%]"


class Impatient(ClosedForm):
    """Ends a run, as who measures does, when the closed form has used up the patience."""

    def __init__(self) -> None:
        super().__init__()
        self.patiences: list[tuple[bool, Patience | None]] = []

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        measured = super().run(experiment, seed=seed)
        self.patiences.append((bool(experiment.schemes), experiment.patience))
        if experiment.patience is not None:
            slower = experiment.patience.lost(
                cpu_s=measured.workload_cpu_s, time_s=measured.runtime_s
            )
            if slower is not None:
                raise EndedEarlyError(slower)
        return measured


def file_of(
    folder: Path, program: Program | None = PROGRAM, constraints: str = LIMIT, **keys: object
) -> WorkloadFile:
    file = make_file(folder, {"constraints": constraints, **keys})
    return file if program is None else replace(file, workload=program)


def test_patience_ends_at_twice_the_limit_and_ten_points(tmp_path: Path) -> None:
    file = file_of(tmp_path, constraints="[slowdown <= 5%, own_cpu_slowdown <= 2%]")

    assert patience(file, measurement(workload_cpu_s=8.0), "own_cpu_slowdown") == Patience(
        of="cpu", baseline_s=8.0, most=2.0 * 0.02 + 0.10
    )
    assert patience(
        file, measurement(workload_cpu_s=8.0, runtime_s=9.0), "wall_slowdown"
    ) == Patience(of="time", baseline_s=9.0, most=2.0 * 0.05 + 0.10)


@pytest.mark.parametrize(
    ("program", "constraints"),
    [
        (None, LIMIT),
        (replace(PROGRAM, work="([0-9]+) requests"), LIMIT),
        (replace(PROGRAM, duration_us=1_000_000), LIMIT),
        (PROGRAM, "[memory_saving >= 5%]"),
        (PROGRAM, "[slowdown >= 5%]"),
        (PROGRAM, "[cpu_use <= 5%]"),
    ],
    ids=["a pattern", "counts work", "ends by a clock", "no limit", "a lower one", "another"],
)
def test_what_takes_no_longer_when_slower_or_has_no_limit_runs_to_its_end(
    tmp_path: Path, program: Program | None, constraints: str
) -> None:
    file = file_of(tmp_path, program, constraints)

    assert patience(file, measurement(), "own_cpu_slowdown") is None


def test_a_share_of_next_to_no_cpu_time_ends_nothing(tmp_path: Path) -> None:
    file = file_of(tmp_path)

    assert patience(file, measurement(workload_cpu_s=0.09), "own_cpu_slowdown") is None


@pytest.fixture
def backend() -> Impatient:
    return Impatient()


def outcome_of(file: WorkloadFile, backend: ClosedForm) -> Outcome:
    return run(prepare(file, backend))


def censored(outcome: Outcome) -> list[Trial]:
    return [trial for trial in outcome.trials if trial.state is TrialState.CENSORED]


def test_a_trial_that_is_clearly_beyond_the_limit_has_no_figures(
    tmp_path: Path, backend: Impatient
) -> None:
    outcome = outcome_of(file_of(tmp_path, constraints="[slowdown <= 2%]"), backend)

    # 18.4 % at an age of 1 s is more than 14 %; 6.8 % at 2 s breaks the limit, but runs to its end.
    found = censored(outcome)
    assert {trial.schemes[0].pattern.age_us.min for trial in found} == {1_000_000}
    assert len(found) == 2
    for trial in found:
        assert trial.figures == {}
        assert trial.at_least["slowdown"] == pytest.approx(0.5 / 2.718281828)
        assert trial.reason == "ended early: slower than 18.4%, 2% allowed"
    assert outcome.failed == 0
    assert outcome.starts == len(backend.seeds)


def test_only_first_runs_of_schemes_are_ended(tmp_path: Path, backend: Impatient) -> None:
    outcome = outcome_of(file_of(tmp_path), backend)

    given = [had for with_schemes, had in backend.patiences if with_schemes]
    assert all(had is None for with_schemes, had in backend.patiences if not with_schemes)
    assert given.count(None) == len(given) - len(outcome.trials)
    assert {had for had in given if had is not None} == {
        Patience(of="cpu", baseline_s=CPU_S, most=0.20)
    }


def test_tables_and_views_tell_of_it(
    tmp_path: Path, backend: Impatient, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path / "user", constraints="[slowdown <= 2%]")
    tuned = tune_file(file, tmp_path / "out", backend=backend)

    rows = table(tuned, "trials.csv")
    ended = rows[rows.state == "censored"]
    summary = (tuned.out / "summary.md").read_text()
    assert len(ended) == 2
    assert ended.memory_saving.isna().all()
    assert ended.slowdown.isna().all()
    assert set(ended.reason) == {"ended early: slower than 18.4%, 2% allowed"}
    told = "ended early: slower than 18.4%, 2% allowed"
    numbers = ", ".join(map(str, ended.trial))
    assert f"## Ended early\n\n- trials {numbers}: {told}\n" in summary
    assert "8 trials, 0 of them failed, 2 ended early\n" in summary
    show_outcome(tuned.outcome, file.objectives, tuned.out)
    assert capsys.readouterr().out.startswith("8 trials, 2 ended early; 2 recommended\n")
    assert "within slowdown <= 2%: broken by 4 of 8 measured trials" in summary


def test_a_sampler_is_told_of_the_broken_limit_and_of_no_figure(
    tmp_path: Path, backend: Impatient
) -> None:
    file = file_of(tmp_path / "user", constraints="[slowdown <= 2%, cpu_use <= 50%]")
    tuned = tune_file(file, tmp_path / "out", backend=backend)

    [storage] = [*tuned.out.glob("study.db")]
    study = optuna.load_study(study_name=file.name, storage=f"sqlite:///{storage}")
    numbers = {trial.number for trial in censored(tuned.outcome)}
    told = [trial for trial in study.trials if trial.number in numbers]
    assert len(told) == 2
    for trial in told:
        # Worth nothing: no memory saved, and as slow as the reference.
        assert trial.values == [0.0, 0.5]
        assert trial.constraints == pytest.approx(
            {"slowdown <= 2%": 0.5 / 2.718281828 - 0.02, "cpu_use <= 50%": 0.0}
        )


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "polyfit", "refaults", "sweep"])
def test_every_sampler_goes_on_after_it(tmp_path: Path, backend: Impatient, sampler: str) -> None:
    space = "{base: prcl, parameters: {pattern.min_age: {low: 100ms, high: 20s, scale: log}}}"
    file = file_of(
        tmp_path,
        constraints="[slowdown <= 2%]",
        sampler=sampler,
        search_space=space,
        budget="{trials: 16}",
        confirmations=0,
    )

    outcome = outcome_of(file, backend)

    assert len(outcome.trials) == 16
    assert outcome.failed == 0


def test_where_all_were_ended_the_limit_is_why_nothing_is_recommended(
    tmp_path: Path,
) -> None:
    class Slow(Impatient):
        def run(self, experiment: Experiment, *, seed: int) -> Measurement:
            if experiment.schemes:
                raise EndedEarlyError(0.5)
            return super().run(experiment, seed=seed)

    file = file_of(tmp_path, constraints="[slowdown <= 2%, cpu_use <= 50%]")

    outcome = outcome_of(file, Slow())

    assert len(censored(outcome)) == 8
    assert (
        why_empty(outcome.trials, outcome.recommendation, file.objectives)
        == "no trial kept slowdown <= 2%"
    )
