from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from autotune.backends.base import Backend
from autotune.errors import TrialError
from autotune.evaluation.kernel_table import schemes_of
from autotune.evaluation.tuner_judging import FIRST_SEED, Judge, Judged
from autotune.evaluation.tuner_reference import (
    Best,
    Effort,
    Reference,
    find_reference,
    promising_sets,
)
from autotune.evaluation.tuner_runs import Run
from autotune.evaluation.tuner_tables import Results, scored
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.testing import measurement
from autotune.workload_file.workload_file import load_workload_file

FOLDER = Path(__file__).parents[2] / "benchmarks" / "tuner"
FILE = load_workload_file(FOLDER / "simulator" / "graded.yaml")
LIMIT = 0.02
BASELINE = measurement(work_done=1.0)


class Straight:
    """A backend whose best schemes lie on a straight front: min age decides, and min size costs.

    An age at the share x of its range, from the high end, saves x and slows by x times twice the limit;
    a region size above the least takes saving away. With every *fails*-th seed a run fails, and with
    every *slow*-th it is slower by a tenth.
    """

    name = "straight"
    machine = "straight"
    slowdown_metric: Literal["own_cpu_slowdown"] = "own_cpu_slowdown"
    drifts = False
    most_at_once = None
    starts = 0

    def __init__(self, *, slow: int | None = None, fails: int | None = None) -> None:
        self.slow = slow
        self.fails = fails

    def check(self, experiment: Experiment) -> None:
        pass

    def run(self, experiment: Experiment, *, seed: int) -> Measurement:
        if experiment.monitoring is None:
            return BASELINE
        if self.fails is not None and seed % self.fails == 0:
            raise TrialError("it failed")
        pattern = experiment.schemes[0].pattern
        share = 1.0 - (pattern.age_us.min - 100_000) / 59_900_000
        saving = share / (1.0 + pattern.size_bytes.min / (1 << 20))
        slow = 2.0 * LIMIT * share
        if self.slow is not None and seed % self.slow == 0:
            slow += 0.1
        return measurement(
            work_done=1.0,
            rss_mean_bytes=BASELINE.rss_mean_bytes * (1.0 - saving),
            workload_cpu_s=BASELINE.workload_cpu_s * (1.0 + slow),
        )

    def stop(self) -> None:
        pass


def judge(backend: Backend) -> Judge:
    return Judge(FILE, backend)


HALFWAY = schemes_of(FILE, {"pattern.min_age": 45_000_000, "pattern.min_size": 4096}) or ()


def test_a_scheme_is_judged_by_its_means_over_fresh_seeds() -> None:
    judged = judge(Straight()).judge(HALFWAY, 10)

    share = 1.0 - 44.9 / 59.9
    assert judged.slowdown == pytest.approx(2.0 * LIMIT * share)
    assert judged.saving == pytest.approx(share / (1.0 + 1 / 256), abs=1e-6)
    assert (judged.within, judged.seeds, judged.holds) == (1.0, 10, True)


def test_a_scheme_that_breaks_a_limit_with_one_seed_in_ten_does_not_hold_it() -> None:
    assert FIRST_SEED % 10 == 0

    judged = judge(Straight(slow=10)).judge(HALFWAY, 40)

    assert judged.within == 0.9
    assert not judged.holds
    assert judge(Straight(slow=20)).judge(HALFWAY, 40).holds


def test_a_run_that_fails_keeps_no_limit_and_counts_for_no_mean() -> None:
    judged = judge(Straight(fails=4)).judge(HALFWAY, 8)

    assert judged.within == 0.75
    assert judged.slowdown == pytest.approx(2.0 * LIMIT * (1.0 - 44.9 / 59.9))
    assert judge(Straight(fails=1)).judge(HALFWAY, 8).within == 0.0


def test_the_reference_of_a_straight_front_is_seven_eighths_of_its_area() -> None:
    effort = Effort(lineages=2, design=64, varied=128, joint=384, rounds=2, seeds=2)

    found = find_reference(FILE, judge(Straight()), seed=1, effort=effort)

    # The least size still takes a 257th away; the triangle's area is half of 50 % times the limit.
    area = 0.5 * 0.5 * LIMIT * 256 / 257
    assert len(found.handful) == 7
    assert found.volume == pytest.approx(area * 7 / 8, rel=0.01)
    assert found.volume <= found.whole <= area
    assert found.most_saved == pytest.approx(0.5 * 256 / 257, rel=0.02)


def test_equal_arguments_give_equal_references() -> None:
    effort = Effort(lineages=2, design=32, varied=64, joint=64, rounds=1, seeds=2)

    first, second = (
        find_reference(FILE, judge(Straight()), seed=1, effort=effort) for _ in range(2)
    )

    assert first == second


def test_schemes_that_break_the_limit_too_often_are_no_reference() -> None:
    effort = Effort(lineages=1, design=32, varied=64, joint=64, rounds=1, seeds=20)

    found = find_reference(FILE, judge(Straight(slow=10)), seed=1, effort=effort)

    assert (found.handful, found.volume, found.most_saved) == ((), 0.0, 0.0)


def test_promising_sets_are_near_the_front_and_as_many_as_asked_for() -> None:
    effort = Effort(lineages=1, design=32, varied=64, joint=64, rounds=1, seeds=2)

    found = promising_sets(FILE, judge(Straight()), 40, seed=1, effort=effort)

    assert len(found) == 40
    small = [float(values["pattern.min_size"]) < 262_144 for values in found]
    assert sum(small) > 20


def one(saving: float, slowdown: float, within: float = 1.0) -> Judged:
    return Judged(saving=saving, slowdown=slowdown, within=within, seeds=40)


REFERENCE = Reference(
    handful=(Best(parameters={}, judged=one(0.4, 0.01)),),
    volume=0.4 * 0.01,
    whole=0.4 * 0.01,
    most_saved=0.4,
    tried=1,
    judged=1,
)
RUN = Run(problem="simulator/graded", method="tpe", budget=8, seed=0, trials=8, starts=20)


def test_the_share_is_of_the_references_volume_and_only_of_what_holds() -> None:
    run = replace(RUN, judged=(one(0.4, 0.015, within=0.9), one(0.2, 0.01)))

    score = scored(run, REFERENCE, LIMIT)

    assert score.share == pytest.approx(0.5)
    # By the means, the first adds 0.2 * 0.005.
    assert score.share_by_mean == pytest.approx(0.75)
    assert score.not_holding == 1


def test_a_best_scheme_that_does_not_hold_loses_everything() -> None:
    broken = replace(RUN, judged=(one(0.5, 0.015, within=0.9), one(0.3, 0.01)))
    holding = replace(RUN, judged=(one(0.3, 0.01),))

    assert scored(broken, REFERENCE, LIMIT).loss == pytest.approx(0.4)
    assert scored(holding, REFERENCE, LIMIT).loss == pytest.approx(0.1)
    assert scored(RUN, REFERENCE, LIMIT).loss == pytest.approx(0.4)


def test_where_nothing_is_to_be_had_there_is_no_share() -> None:
    nothing = replace(REFERENCE, handful=(), volume=0.0, whole=0.0, most_saved=0.0)

    score = scored(RUN, nothing, LIMIT)

    assert (score.share, score.share_by_mean, score.loss) == (None, None, 0.0)


def test_trials_are_counted_up_to_the_first_budget_whose_median_is_enough() -> None:
    def run(budget: int, seed: int, saving: float) -> Run:
        return replace(
            RUN,
            budget=budget,
            seed=seed,
            trials=budget,
            starts=budget + 10,
            judged=(one(saving, 0.01),),
        )

    enough, little = 0.39, 0.2
    runs = [
        *(run(4, seed, saving) for seed, saving in enumerate((little, little, enough))),
        *(run(8, seed, saving) for seed, saving in enumerate((little, enough, enough))),
        *(run(16, seed, enough) for seed in range(3)),
        *(replace(run(16, seed, little), method="random") for seed in range(3)),
    ]

    results = Results(runs, {RUN.problem: REFERENCE}, {RUN.problem: LIMIT}, ["tpe", "random"])

    assert results.trials_to_enough().splitlines()[-1] == "| simulator/graded | 8 (18) | > 16 |"
