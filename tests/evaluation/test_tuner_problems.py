from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autotune.errors import TrialError
from autotune.evaluation.kernel_table import Measured, Schemes, schemes_of
from autotune.evaluation.stored_kernel import StoredKernel
from autotune.evaluation.tuner_judging import Judge
from autotune.evaluation.tuner_kernel_model import KernelModel, cross_validated
from autotune.evaluation.tuner_problems import Kind, problems
from autotune.evaluation.tuner_responses import (
    FORBIDDEN,
    RecordedResponse,
    read_responses,
    regret,
)
from autotune.evaluation.tuner_runs import METHODS, Run, judge_run, run_method
from autotune.objective.figures import Figures
from autotune.surrogate.evolution import Evolution
from autotune.surrogate.unit_cube import UnitCube
from autotune.testing import measurement
from autotune.workload_file.workload_file import load_workload_file

FOLDER = Path(__file__).parents[2] / "benchmarks" / "tuner"
PROBLEMS = problems(FOLDER)
KERNEL_FILE = load_workload_file(FOLDER / "kernel" / "return.yaml")
RESPONSES = read_responses(FOLDER / "responses" / "responses.csv")


def test_there_are_problems_of_every_kind_and_each_can_be_read() -> None:
    for problem in PROBLEMS.values():
        assert problem.plain.objectives.constraints
    kinds = [problem.kind for problem in PROBLEMS.values()]
    assert kinds.count(Kind.SIMULATOR) >= 12
    assert kinds.count(Kind.RESPONSE) == 11


def test_the_simulators_spaces_have_2_to_12_parameters() -> None:
    counts = {
        len(problem.plain.search_space.parameters)
        for problem in PROBLEMS.values()
        if problem.kind is Kind.SIMULATOR
    }

    assert (min(counts), max(counts)) == (2, 12)


def test_a_problem_whose_pattern_changes_has_another_fingerprint(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "simulator", tmp_path / "simulator")
    names = ("simulator/hot-cold", "simulator/drift")
    space = FOLDER / "space-of-twelve.yaml"
    (tmp_path / space.name).write_bytes(space.read_bytes())
    before = [problems(tmp_path)[name].fingerprint for name in names]

    pattern = tmp_path / "simulator" / "hot-cold.cfg"
    pattern.write_text(pattern.read_text().replace("32000", "31000"))

    after = [problems(tmp_path)[name].fingerprint for name in names]
    assert before[0] == PROBLEMS[names[0]].fingerprint
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_every_workload_has_a_score_for_each_second_up_to_a_minute() -> None:
    assert {len(scores) for scores in RESPONSES.values()} == {61}
    assert RESPONSES["blackscholes"][:3] == (FORBIDDEN, FORBIDDEN, 25.83107087020712)


@pytest.mark.parametrize(("age_us", "score"), [(2_400_000, 25.831), (0, -12.5)])
def test_a_recorded_response_shows_its_score_and_a_slowdown_beyond_the_limit(
    age_us: int, score: float
) -> None:
    file = PROBLEMS["responses/blackscholes"].plain
    judge = Judge(file, RecordedResponse(RESPONSES["blackscholes"]))
    schemes = schemes_of(file, {"pattern.min_age": age_us})
    assert schemes is not None

    figures = judge.measure(schemes, 0)

    assert figures is not None
    assert figures["score"] == pytest.approx(score, abs=1e-3)
    assert judge.judge(schemes, 1).within == (score > 0.0)


def test_a_response_needs_one_scheme() -> None:
    file = PROBLEMS["responses/vips"].plain

    with pytest.raises(TrialError, match="0 schemes: only one scheme was recorded"):
        RecordedResponse(RESPONSES["vips"]).run(file.experiment(()), seed=0)


def test_a_file_that_lacks_an_age_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "responses.csv"
    table.write_text("workload,min_age_s,score\nx,0,1\nx,2,1\n")

    with pytest.raises(ValueError, match="x lacks an age: give every second from 0"):
        read_responses(table)


def test_a_method_runs_as_users_runs_do_and_its_starts_are_counted() -> None:
    problem = PROBLEMS["responses/blackscholes"]
    backend = problem.make()

    run = run_method(problem, backend, METHODS["sweep"], budget=10, seed=0)
    judged = judge_run(run, problem, Judge(problem.plain, backend), seeds=1)

    assert run.trials == 10
    # The baseline and ten trials, and confirmations with their baselines.
    assert run.starts > 11
    assert len(run.recommended) == 1
    assert judged.regret is not None
    assert 0.0 <= judged.regret < 5.0


def test_an_answer_is_judged_by_the_age_that_the_kernel_runs() -> None:
    problem = PROBLEMS["responses/splash2x.water_spatial"]
    scores = RESPONSES["splash2x.water_spatial"]
    run = Run(
        problem=problem.name,
        method="tpe",
        budget=1,
        seed=0,
        recommended=({"pattern.min_age": 1_450_001},),
    )

    judged = judge_run(run, problem, Judge(problem.plain, problem.make()), seeds=1)

    # 1.450001 s is 1.5 s in whole aggregation intervals, rounded up: nearer to 2 s than to 1 s.
    assert judged.regret == regret(scores, 2_000_000) != regret(scores, 1_000_000)


def test_the_search_of_this_program_knows_nothing_beforehand_of_recorded_programs() -> None:
    problem = PROBLEMS["responses/fluidanimate"]

    run = run_method(problem, problem.make(), METHODS["auto, no prior"], budget=4, seed=0)

    assert run.failure is None
    assert 0 < run.trials <= 4
    assert run.starts <= 3 * 4


def test_a_run_is_read_back_as_it_was_written() -> None:
    problem = PROBLEMS["responses/vips"]
    run = run_method(problem, problem.make(), METHODS["random"], budget=3, seed=1)

    again = Run.from_dict(run.to_dict())

    assert again.key == run.key
    assert (again.recommended, again.trials, again.starts) == (
        run.recommended,
        run.trials,
        run.starts,
    )


def _made_up(count: int) -> dict[Schemes, Measured]:
    """Stored schemes whose figures follow from the min age alone, with two seeds that differ a bit."""
    proposing = Evolution(UnitCube(KERNEL_FILE.search_space), (0.0, 0.02), seed=3)
    made: dict[Schemes, Measured] = {}
    for parameters in proposing.design(count):
        schemes = schemes_of(KERNEL_FILE, parameters)
        assert schemes is not None
        share = float(schemes[0].pattern.age_us.min) / 3e6
        figures = {
            seed: {
                "memory_saving": 0.5 * (1.0 - share) + 0.002 * seed,
                "slowdown": 0.06 * (1.0 - share) ** 2 + 0.0002 * seed,
                "kdamond_cpu": 0.05,
                "swap_out_bytes": 1e7,
                "swap_in_bytes": 1e6,
            }
            for seed in (0, 1)
        }
        made[schemes] = Measured(parameters=parameters, origin="design", figures=figures)
    return made


def _nearly(schemes: Schemes) -> list[Figures]:
    """What a simulator says that saves too little, and knows nothing of a slowdown."""
    share = float(schemes[0].pattern.age_us.min) / 3e6
    said = {
        "memory_saving": 0.4 * (1.0 - share),
        "slowdown": 0.0,
        "kdamond_cpu": 0.05,
        "swap_out_bytes": 1e7,
        "swap_in_bytes": 1e6,
    }
    return [said, said]


def test_stored_runs_are_answered_as_they_were_measured_and_others_near_their_mean() -> None:
    made = _made_up(64)
    kernel = StoredKernel(KernelModel(made, _nearly), measurement(work_done=1.0), "linux")
    judge = Judge(KERNEL_FILE, kernel)
    schemes, measured = next(iter(made.items()))

    for seed, figures in measured.figures.items():
        shown = judge.measure(schemes, seed)
        assert shown is not None
        for name in ("memory_saving", "slowdown", "kdamond_cpu"):
            assert shown[name] == pytest.approx(figures[name], abs=1e-6)
    judged = judge.judge(schemes, 40)
    assert judged.saving == pytest.approx(measured.figures[0]["memory_saving"], abs=0.005)


def test_a_model_foretells_what_it_was_not_told() -> None:
    saving, slowdown = cross_validated(_made_up(64), _nearly)

    assert (saving.name, slowdown.name) == ("memory_saving", "slowdown")
    assert saving.error < 0.01
    assert saving.mean_error < saving.simulated / 2
    assert slowdown.error < 0.002
    assert saving.rank > 0.98
    assert saving.noise == pytest.approx(0.002)
