"""Figures of runs against references, and the tables that show them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autotune.evaluation.tuner_reference import Reference
from autotune.evaluation.tuner_responses import FORBIDDEN
from autotune.evaluation.tuner_runs import Run
from autotune.evaluation.tuner_volume import volume

ENOUGH = 0.95
"""The share of the reachable volume up to which trials are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A run's figures.

    Attributes:
        share: The volume of what is recommended and holds the limits, over the reference's volume. None
            if the reference has no volume.
        share_by_mean: The same of everything recommended whose mean slowdown is within the limit.
        loss: The largest saving of the reference less that of the scheme recommended first; a first
            scheme that does not hold the limits counts as no saving.
        not_holding: How many recommended schemes don't hold the limits with enough seeds.
    """

    share: float | None
    share_by_mean: float | None
    loss: float
    not_holding: int


def scored(run: Run, reference: Reference, limit: float) -> Scored:
    """Score a run that is judged."""
    holding = [one.point for one in run.judged if one.holds]
    by_mean = [one.point for one in run.judged]
    first = run.judged[0].saving if run.judged and run.judged[0].holds else 0.0
    has_volume = reference.volume > 0.0
    return Scored(
        share=volume(holding, limit) / reference.volume if has_volume else None,
        share_by_mean=volume(by_mean, limit) / reference.volume if has_volume else None,
        loss=reference.most_saved - max(first, 0.0),
        not_holding=sum(not one.holds for one in run.judged),
    )


Way = tuple[str, int | None]
"""A method and its budget of trials."""


def way_text(way: Way) -> str:
    """Give the name of a method with its budget.

    >>> way_text(("tpe", 60)), way_text(("auto", None))
    ('tpe, 60', 'auto')
    """
    method, budget = way
    return method if budget is None else f"{method}, {budget}"


def ways(runs: Iterable[Run], order: Sequence[str]) -> list[Way]:
    """Give the ways of *runs*, in the order of the methods, then by budget."""
    found = {(run.method, run.budget) for run in runs}
    place = {name: number for number, name in enumerate(order)}
    return sorted(found, key=lambda way: (place.get(way[0], -1), way[0], way[1] or 0))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown; the first column is text, the others are numbers."""
    lines = [" | ".join(header), " | ".join(["---", *["---:"] * (len(header) - 1)])]
    lines += [" | ".join(row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def number(value: float | None, digits: int = 2, *, percent: bool = False) -> str:
    """Write a number; None is a dash.

    >>> number(0.12345), number(0.12345, 1, percent=True), number(None)
    ('0.12', '12.3', '-')
    """
    if value is None:
        return "-"
    return f"{100.0 * value:.{digits}f}" if percent else f"{value:.{digits}f}"


def median(values: Iterable[float | None]) -> float | None:
    """Give the median of what is not None; None if nothing is left."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def mean(values: Iterable[float | None]) -> float | None:
    """Give the mean of what is not None; None if nothing is left."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


class Results:
    """Runs that are judged, with their scores.

    Args:
        runs: Runs without failures; those whose problem has no reference are left out.
        references: By the problem's name.
        limits: The limit on the slowdown, by the problem's name.
        order: The methods in the order of the rows.
    """

    def __init__(
        self,
        runs: Iterable[Run],
        references: Mapping[str, Reference],
        limits: Mapping[str, float],
        order: Sequence[str],
    ) -> None:
        self.runs = [run for run in runs if run.failure is None and run.problem in references]
        self.references = references
        self._order = order
        self._scores = {
            run.key: scored(run, references[run.problem], limits[run.problem]) for run in self.runs
        }

    def score(self, run: Run) -> Scored:
        """Give the score of one of the runs."""
        return self._scores[run.key]

    def problems(self) -> list[str]:
        """Give the names of the problems that were run."""
        return sorted({run.problem for run in self.runs})

    def of(self, problem: str | None = None, way: Way | None = None) -> list[Run]:
        """Give the runs on one problem, by one way."""
        return [
            run
            for run in self.runs
            if problem in (None, run.problem) and way in (None, (run.method, run.budget))
        ]

    def by_problem(self, figure: Callable[[Scored], float | None], *, percent: bool) -> str:
        """Write a table: a row a problem, a column a way, medians over seeds."""
        columns = ways(self.runs, self._order)

        def cell(problem: str, way: Way) -> str:
            values = [figure(self.score(run)) for run in self.of(problem, way)]
            return number(median(values), 1 if percent else 2, percent=percent)

        rows = [[problem, *(cell(problem, way) for way in columns)] for problem in self.problems()]
        return table(["problem", *map(way_text, columns)], rows)

    def summary(self) -> str:
        """Write a table: a row a way, over all problems.

        Volumes and losses are medians over the seeds, then means over the problems.
        """
        header = [
            "method, trials",
            "runs",
            "volume",
            "by mean",
            "loss of best, points",
            "seeds that break a limit, %",
            "schemes that don't hold, %",
            "recommended",
            "trials",
            "starts",
            "s a run",
            "s a suggestion",
        ]
        return table(header, (list(self._summary(way)) for way in ways(self.runs, self._order)))

    def _summary(self, way: Way) -> Iterator[str]:
        runs = self.of(way=way)
        scores = [self.score(run) for run in runs]

        def over_problems(figure: Callable[[Scored], float | None]) -> float | None:
            return mean(
                median(figure(self.score(run)) for run in self.of(problem, way))
                for problem in self.problems()
            )

        recommended = sum(len(run.judged) for run in runs)
        not_holding = sum(score.not_holding for score in scores)
        yield way_text(way)
        yield str(len(runs))
        yield number(over_problems(lambda score: score.share))
        yield number(over_problems(lambda score: score.share_by_mean))
        yield number(over_problems(lambda score: score.loss), 1, percent=True)
        yield number(mean(1.0 - one.within for run in runs for one in run.judged), 1, percent=True)
        yield number(not_holding / recommended if recommended else None, 1, percent=True)
        yield number(recommended / len(runs), 1)
        yield number(mean(run.trials for run in runs), 1)
        yield number(mean(run.starts for run in runs), 1)
        yield number(median(run.seconds for run in runs))
        yield number(
            median(
                None if run.suggesting_s is None else run.suggesting_s / max(run.trials, 1)
                for run in runs
            ),
            3,
        )

    def trials_to_enough(self) -> str:
        """Write a table: trials and starts with which the median reaches `ENOUGH` of the volume."""
        methods = list(dict.fromkeys(way[0] for way in ways(self.runs, self._order)))
        rows = [
            [problem, *(self._trials_to_enough(problem, method) for method in methods)]
            for problem in self.problems()
            if self.references[problem].volume > 0.0
        ]
        return table(["problem", *methods], rows)

    def _trials_to_enough(self, problem: str, method: str) -> str:
        of_method = [way for way in ways(self.of(problem), self._order) if way[0] == method]
        for way in of_method:
            runs = self.of(problem, way)
            reached = median(self.score(run).share for run in runs)
            if reached is not None and reached >= ENOUGH:
                trials, starts = (statistics.median(of) for of in zip(*_counts(runs), strict=True))
                return f"{trials:.0f} ({starts:.0f})"
        most = max((way[1] for way in of_method if way[1] is not None), default=None)
        return "-" if most is None else f"> {most}"

    def reference_rows(self) -> str:
        """Write a table of the references."""
        header = ["problem", "most saved, %", "schemes", "seven over all", "tried", "judged"]
        rows = []
        for problem in self.problems():
            one = self.references[problem]
            share = one.volume / one.whole if one.whole else None
            rows.append(
                [
                    problem,
                    number(one.most_saved, 1, percent=True),
                    str(len(one.handful)),
                    number(share),
                    str(one.tried),
                    str(one.judged),
                ]
            )
        return table(header, rows)


def _counts(runs: Iterable[Run]) -> list[tuple[int, int]]:
    return [(run.trials, run.starts) for run in runs]


def response_table(runs: Sequence[Run], best: Mapping[str, float], order: Sequence[str]) -> str:
    """Write a table of the recorded responses: a row a way.

    Args:
        runs: Runs with a regret.
        best: The best recorded score, by the problem's name.
        order: The methods in the order of the rows.
    """
    harmful = {name for name, score in best.items() if score <= 0.0}
    rows = []
    for way in ways(runs, order):
        of_way = [
            run for run in runs if (run.method, run.budget) == way and run.regret is not None
        ]
        regrets = [run.regret for run in of_way if run.regret is not None]
        forbidden = [regret >= -FORBIDDEN / 2.0 for regret in regrets]
        allowed = [one for one, is_so in zip(regrets, forbidden, strict=True) if not is_so]
        off = [run.regret == 0.0 for run in of_way if run.problem in harmful]
        rows.append(
            [
                way_text(way),
                str(len(of_way)),
                number(mean(allowed)),
                number(max(allowed, default=None)),
                number(mean(map(float, forbidden)), 1, percent=True),
                number(mean(map(float, off)), 1, percent=True),
                number(mean(run.trials for run in of_way), 1),
                number(mean(run.starts for run in of_way), 1),
            ]
        )
    header = [
        "method, trials",
        "runs",
        "mean regret, points",
        "largest",
        "answers in the forbidden zone, %",
        "off where nothing helps, %",
        "trials",
        "starts",
    ]
    return table(header, rows)
