"""Which schemes are recommended: first figures give the candidates, confirmed figures give the front.

"Off", DAMON not turned on at all, is one of the points: a scheme that is worse than doing nothing is
never recommended. "Off" itself is no candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autotune.damon.damos import Scheme
from autotune.objective import pareto
from autotune.objective.figures import Figures, broken, format_figure, mean, minimised
from autotune.objective.objective import Objectives
from autotune.trial import Trial, TrialState

OFF = "DAMON off"
"""What the point without DAMON is called."""

NEGLIGIBLE = 1e-9
"""A figure counts as better than without DAMON only if it is better by more than this; for figures above
1, by this share. Means over time round differently when a run takes a microsecond longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The figures of a trial's schemes, measured again with fresh seeds.

    Attributes:
        figures: One entry a seed; empty if a measurement failed.
        failure: Why a measurement failed; None if all went well.
    """

    figures: tuple[Figures, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """A scheme on the front, or a scheme that is shown beside the front.

    Attributes:
        trial: With the first figures.
        figures: The mean of the confirmations; the first figures if there are no confirmations.
        confirmations: The figures of each confirmation.
    """

    trial: Trial
    figures: Figures
    confirmations: tuple[Figures, ...] = ()

    def low(self, name: str) -> float | None:
        """The smallest value of a figure in the confirmations; None if no confirmation has it."""
        return min((one[name] for one in self.confirmations if name in one), default=None)

    def high(self, name: str) -> float | None:
        """The largest value of a figure in the confirmations; None if no confirmation has it."""
        return max((one[name] for one in self.confirmations if name in one), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What a study comes to.

    Attributes:
        front: Non-dominated schemes within the constraints; the best by the first objective comes first.
        thrown_out: Why a candidate is not on the front, by the number of its trial.
        confirmed: Every confirmed scheme, on the front or not, by the number of its trial.
        hypervolume: The hypervolume of the front.
    """

    front: tuple[Recommended, ...]
    thrown_out: Mapping[int, str]
    confirmed: Mapping[int, Recommended]
    hypervolume: float


def _just_below(value: float) -> float:
    return value - NEGLIGIBLE * max(1.0, abs(value))


def _non_dominated(
    options: Sequence[tuple[Trial, Figures]], off: Figures | None, objectives: Objectives
) -> list[tuple[Trial, Figures]]:
    points = [minimised(values, objectives) for _, values in options]
    if off is not None and not broken(off, objectives):
        points.append(tuple(_just_below(value) for value in minimised(off, objectives)))
    mask = pareto.pareto_front(points)
    return [option for option, on in zip(options, mask, strict=False) if on]


def candidates(
    trials: Iterable[Trial], off: Figures | None, objectives: Objectives
) -> list[Trial]:
    """Give the trials that are non-dominated by their first figures within the constraints.

    Of several trials with equal schemes, only the first can be among them.

    Args:
        trials: In the order of their numbers.
        off: The figures without DAMON; None if an objective has no value there.
        objectives: What is sought.
    """
    within = [trial for trial in _measured(trials) if not broken(trial.figures, objectives)]
    options = [(trial, trial.figures) for trial in within]
    return [trial for trial, _ in _non_dominated(options, off, objectives)]


def published(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Give the measured trials among the first *count*; of trials with equal schemes, the first."""
    return _measured(trials[:count])


def _measured(trials: Iterable[Trial]) -> list[Trial]:
    kept: dict[tuple[Scheme, ...], Trial] = {}
    for trial in trials:
        if trial.state is TrialState.COMPLETE:
            kept.setdefault(trial.schemes, trial)
    return list(kept.values())


def recommend(
    first: Sequence[Trial],
    beside: Sequence[Trial],
    confirmations: Mapping[int, Confirmation],
    off: Figures | None,
    objectives: Objectives,
) -> Recommendation:
    """Choose the front.

    Args:
        first: The candidates.
        beside: Trials that are confirmed, and may be on the front whatever their first figures are.
        confirmations: By the number of the trial. If it is empty, the first figures stand, and only the
            candidates count.
        off: The figures without DAMON, as confirmed; None if an objective has no value there.
        objectives: What is sought.
    """
    trials = {trial.number: trial for trial in (*first, *(beside if confirmations else ()))}
    options, thrown_out = _confirmed(trials, confirmations)
    kept = []
    for option in options:
        if breaks := broken(option.figures, objectives):
            name = breaks[0].name
            figure = format_figure(name, option.figures[name], digits=6)
            thrown_out[option.trial.number] = f"confirmed {name} {figure} breaks {breaks[0]}"
        else:
            kept.append(option)
    front = _front(kept, off, objectives)
    for option in kept:
        if option not in front:
            thrown_out[option.trial.number] = _why_not(option, front, objectives)
    were_candidates = {trial.number for trial in first}
    return Recommendation(
        front=front,
        thrown_out={
            number: reason
            for number, reason in sorted(thrown_out.items())
            if number in were_candidates
        },
        confirmed={option.trial.number: option for option in options} if confirmations else {},
        hypervolume=pareto.hypervolume(
            [minimised(option.figures, objectives) for option in front], objectives.reference
        ),
    )


def _confirmed(
    trials: Mapping[int, Trial], confirmations: Mapping[int, Confirmation]
) -> tuple[list[Recommended], dict[int, str]]:
    """Give the trials whose figures stand, and by number why the figures of a trial don't."""
    options, thrown_out = [], {}
    for number, trial in sorted(trials.items()):
        confirmation = confirmations.get(number)
        if not confirmations:
            options.append(Recommended(trial=trial, figures=trial.figures))
        elif confirmation is None:
            thrown_out[number] = "not confirmed, since the run was stopped"
        elif confirmation.failure is not None:
            thrown_out[number] = confirmation.failure
        else:
            figures = confirmation.figures
            options.append(Recommended(trial=trial, figures=mean(figures), confirmations=figures))
    return options, thrown_out


def _front(
    options: Sequence[Recommended], off: Figures | None, objectives: Objectives
) -> tuple[Recommended, ...]:
    # Of several options with equal figures, only the first that was tried is kept.
    apart = {minimised(option.figures, objectives): option for option in reversed(options)}
    by_number = {option.trial.number: option for option in apart.values()}
    pairs = [(option.trial, option.figures) for option in apart.values()]
    front = [by_number[trial.number] for trial, _ in _non_dominated(pairs, off, objectives)]
    return tuple(sorted(front, key=lambda o: (minimised(o.figures, objectives), o.trial.number)))


def _why_not(option: Recommended, front: Sequence[Recommended], objectives: Objectives) -> str:
    point = minimised(option.figures, objectives)
    for other in front:
        theirs = minimised(other.figures, objectives)
        if theirs == point:
            return f"trial {other.trial.number} has the same confirmed figures"
        if pareto.dominates(theirs, point):
            return f"trial {other.trial.number} is better by the confirmed figures"
    return f"{OFF} is better by the confirmed figures"


def knee(front: Sequence[Recommended], objectives: Objectives) -> Recommended | None:
    """The balanced choice of a front (`autotune.objective.pareto.knee`); None if the front is empty."""
    if not front:
        return None
    points = [minimised(option.figures, objectives) for option in front]
    return front[pareto.knee(points, objectives.limit)]
