"""Which schemes are recommended: first figures give the candidates, confirmed figures give the front.

"Off", DAMON not turned on at all, is one of the points: a scheme that is worse than doing nothing is
never recommended. "Off" itself is no candidate. Where it is known how sure a scheme is to keep the
limits, only sure schemes are recommended, and of these a handful that covers the front.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autotune.damon.damos import Scheme
from autotune.objective import pareto
from autotune.objective.bistable import LEAST_RUNS, several_outcomes
from autotune.objective.figures import Figures, broken, format_figure, mean, minimised
from autotune.objective.objective import Objectives
from autotune.recommendation import handful
from autotune.recommendation.belief import Belief
from autotune.recommendation.handful import NO_GAIN
from autotune.recommendation.simplicity import knobs
from autotune.recommendation.sureness import (
    LEAST_LIKELY,
    LIKELY,
    not_known,
    not_sure,
    why_not_sure,
)
from autotune.space.space import ParameterSet
from autotune.trial import Trial, TrialState

OFF = "DAMON off"
"""What the point without DAMON is called."""

MOST = 7
"""How many schemes are recommended unless somebody asks for more."""


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
        belief: What is believed of the figures; None if nothing was told.
        note: What to know before using the scheme, in a sentence without its full stop; None if there is
            nothing.
    """

    trial: Trial
    figures: Figures
    confirmations: tuple[Figures, ...] = ()
    belief: Belief | None = None
    note: str | None = None

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
        unsure: Where no scheme is sure to keep the limits, the one that most probably does, after one
            that is better in the first objective and keeps them more probably than not, if there is
            one. Notes say how probably, and what would settle it. Empty if the front has a scheme, or no
            scheme is better than DAMON off and keeps the limits with a probability that is worth a word.
    """

    front: tuple[Recommended, ...]
    thrown_out: Mapping[int, str]
    confirmed: Mapping[int, Recommended]
    hypervolume: float
    unsure: tuple[Recommended, ...] = ()

    @property
    def shown(self) -> tuple[Recommended, ...]:
        """The front; where it is empty, the schemes that are not sure, if there are any."""
        return self.front or self.unsure


def _just_below(value: float) -> float:
    return value - NO_GAIN * max(1.0, abs(value))


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


def published(trials: Sequence[Trial], sets: Sequence[ParameterSet]) -> list[Trial]:
    """Give the measured trials of some parameter sets; of trials with equal schemes, the first."""
    return _measured(trial for trial in trials if trial.parameters in sets)


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
    beliefs: Mapping[int, Belief] | None = None,
    *,
    most: int = MOST,
) -> Recommendation:
    """Choose the front.

    Args:
        first: The candidates.
        beside: Trials that are confirmed, and may be on the front whatever their first figures are.
        confirmations: By the number of the trial. If it is empty, the first figures stand, and only the
            candidates count.
        off: The figures without DAMON, as confirmed; None if an objective has no value there.
        objectives: What is sought, and how limits must hold.
        beliefs: What is believed of each trial's figures, by its number. Without beliefs the front is
            all that is non-dominated by the mean figures and keeps the limits by them.
        most: The most schemes on a front that is chosen by beliefs; 1 or more.
    """
    trials = {trial.number: trial for trial in (*first, *(beside if confirmations else ()))}
    options, thrown_out = _confirmed(trials, confirmations, beliefs or {})
    unsure: tuple[Recommended, ...] = ()
    if beliefs:
        options = [replace(option, belief=beliefs.get(option.trial.number)) for option in options]
        front, why = _sure_front(options, off, objectives, most)
        if not front:
            unsure = _probable(options, off, objectives)
    else:
        front, why = _front_by_means(options, off, objectives)
    thrown_out.update(why)
    front = tuple(_with_outcomes(option, objectives) for option in front)
    unsure = tuple(_with_outcomes(option, objectives) for option in unsure)
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
        unsure=unsure,
    )


def _front_by_means(
    options: Sequence[Recommended], off: Figures | None, objectives: Objectives
) -> tuple[tuple[Recommended, ...], dict[int, str]]:
    """Choose by mean figures alone; say by number why the other options are not chosen."""
    kept, thrown_out = [], {}
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
    return front, thrown_out


def _sure_front(
    options: Sequence[Recommended], off: Figures | None, objectives: Objectives, most: int
) -> tuple[tuple[Recommended, ...], dict[int, str]]:
    """Choose a handful of sure schemes; say by number why the other options are not chosen."""
    sure, thrown_out = {}, {}
    for option in options:
        if why := why_not_sure(option.belief, option.figures, option.confirmations, objectives):
            thrown_out[option.trial.number] = why
        else:
            sure[option.trial.number] = option
    choice = handful.choose(
        [_may_be_taken(option, objectives) for option in sure.values()],
        None if off is None else minimised(off, objectives),
        objectives.limit,
        most=most,
        off_name=OFF,
    )
    front = [_noted(sure[number]) for number in choice.taken]
    front.sort(key=lambda o: (minimised(o.figures, objectives), o.trial.number))
    return tuple(front), {**thrown_out, **choice.left}


def _may_be_taken(option: Recommended, objectives: Objectives) -> handful.Option:
    belief = option.belief
    figures = option.figures if belief is None else {**option.figures, **belief.mean}
    names = [objective.name for objective in objectives.objectives]
    return handful.Option(
        number=option.trial.number,
        losses=minimised(figures, objectives),
        errors=tuple(0.0 if belief is None else belief.error.get(name, 0.0) for name in names),
        freedom=math.inf if belief is None else belief.freedom,
        knobs=knobs(option.trial.schemes),
        within=1.0 if belief is None else belief.within,
    )


def _noted(option: Recommended, note: str | None = None) -> Recommended:
    """Add what to know before using a scheme."""
    told = (
        note,
        not_known(option.belief, option.confirmations),
    )
    return replace(option, note="; ".join(one for one in told if one) or None)


def _with_outcomes(option: Recommended, objectives: Objectives) -> Recommended:
    """Note if the figures of the option's runs fall into two groups."""
    runs = option.confirmations
    if len(runs) < LEAST_RUNS:
        runs = (option.trial.figures, *runs)
    outcomes = several_outcomes(runs, objectives)
    notes = [note for note in (option.note, outcomes) if note]
    return replace(option, note="; ".join(notes) or None)


def _probable(
    options: Sequence[Recommended], off: Figures | None, objectives: Objectives
) -> tuple[Recommended, ...]:
    """Give what most probably keeps the limits, after what is best and does so more probably than not.

    Both are better than DAMON off; often they are one.
    """
    away = None if off is None else minimised(off, objectives)
    probable = [
        (option, option.belief)
        for option in options
        if option.belief is not None
        and option.belief.within >= LEAST_LIKELY
        and handful.why_not_better(_may_be_taken(option, objectives), away, OFF) is None
    ]
    if not probable:
        return ()

    def losses(one: tuple[Recommended, Belief]) -> tuple[tuple[float, ...], int]:
        return (minimised(one[0].figures, objectives), one[0].trial.number)

    surest = min(probable, key=lambda one: (-one[1].within, losses(one)))
    best = min((one for one in probable if one[1].within > LIKELY), key=losses, default=surest)
    chosen = {option.trial.number: (option, belief) for option, belief in (best, surest)}
    return tuple(
        _noted(option, not_sure(belief, len(option.confirmations), objectives))
        for option, belief in chosen.values()
    )


def _confirmed(
    trials: Mapping[int, Trial],
    confirmations: Mapping[int, Confirmation],
    beliefs: Mapping[int, Belief],
) -> tuple[list[Recommended], dict[int, str]]:
    """Give the trials whose figures stand, and by number why the figures of a trial don't.

    The figures of a trial that was measured once stand if something is believed of it.
    """
    options, thrown_out = [], {}
    for number, trial in sorted(trials.items()):
        confirmation = confirmations.get(number)
        if not confirmations or (confirmation is None and number in beliefs):
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
