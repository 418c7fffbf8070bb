"""Why a run comes to what it does, as plain records: what matters, cliffs, neighbours, second best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from autotune.objective.figures import breaches, format_figure
from autotune.objective.objective import Objectives
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.importance import importances
from autotune.recommendation.plateau import (
    Plateau,
    as_good,
    at_an_end,
    at_stake,
    plateau,
    rounded,
    worse_by,
)
from autotune.recommendation.verdict import marks
from autotune.space.fields import Value
from autotune.space.parameters import Numeric, Parameter
from autotune.space.space import SearchSpace
from autotune.surrogate.unit_cube import UnitCube
from autotune.trial import Trial, TrialState

_STEPS = 12
"""Into so many equal parts a range is cut, to find where a figure changes most."""
_FEWEST_IN_A_STEP = 3
_MATTERS = 0.15
"""A parameter with a smaller share in what is known of a figure has no cliff."""
_LEAST_FALL = 0.1
"""What a cliff is at least, as a share of the figure's limit or reference."""
_CLIFF = 0.25
"""The share of its whole change that a figure changes by in one step, at a cliff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cliff:
    """Where a figure changes most along one parameter.

    Attributes:
        parameter: Name of the parameter, the one that matters most for the figure.
        figure: Name of the figure.
        low: Value of the parameter below the cliff.
        high: Value above the cliff.
        at_low: Median of the figure around the value below.
        at_high: Median of the figure around the value above.
        text: The same in words, as a part of a sentence.
    """

    parameter: str
    figure: str
    low: float
    high: float
    at_low: float
    at_high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The nearest measured trial that is not as good as a scheme.

    Attributes:
        number: Number of that trial.
        differs: By the name of each parameter that differs: the scheme's value, and that of the trial;
            None where a parameter does not exist.
        reason: Why that trial is not recommended instead.
        text: The same in words, as a part of a sentence.
    """

    number: int
    differs: Mapping[str, tuple[Value | None, Value | None]]
    reason: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What is behind a recommendation.

    Attributes:
        importances: The share of each parameter, by the name of the objective and then of the parameter.
        cliff: Where the first limited figure changes most; None if it has no cliff.
        plateaus: What is as good as a recommended scheme, by the number of its trial.
        neighbours: The nearest trial that is not as good, by the number of a recommended scheme's trial.
        second: The number of the second best recommended scheme by the first objective; None if there is
            none.
    """

    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    cliff: Cliff | None = None
    plateaus: Mapping[int, Plateau] = field(default_factory=dict)
    neighbours: Mapping[int, Neighbour] = field(default_factory=dict)
    second: int | None = None


def explain(
    trials: Sequence[Trial],
    recommendation: Recommendation,
    space: SearchSpace,
    objectives: Objectives,
) -> Why:
    """Say what is behind a recommendation. Equal trials give equal records.

    Args:
        trials: All trials of the study.
        recommendation: What was chosen of them.
        space: The parameters.
        objectives: What was sought, and the limits.
    """
    shares = importances(trials, space, objectives)
    plateaus, neighbours = {}, {}
    marked = marks(recommendation.shown, objectives)
    for option in recommendation.shown:
        number = option.trial.number
        around = plateau(option, trials, space, objectives, modelled=bool(marked[number]))
        if around is not None:
            plateaus[number] = around
        if (beside := _neighbour(option, trials, recommendation, space, objectives)) is not None:
            neighbours[number] = beside
    front = recommendation.front
    return Why(
        importances=shares,
        cliff=_cliff(trials, shares, space, objectives),
        plateaus=plateaus,
        neighbours=neighbours,
        second=front[1].trial.number if len(front) > 1 else None,
    )


def with_ends(
    recommendation: Recommendation,
    trials: Sequence[Trial],
    space: SearchSpace,
    objectives: Objectives,
    *,
    aggregation_us: int,
) -> Recommendation:
    """Note of each scheme that lies at an end of a range that it does, with the remedy.

    Args:
        recommendation: What was chosen.
        trials: All trials of the study.
        space: The parameters.
        objectives: What was sought, and the limits.
        aggregation_us: DAMON's aggregation interval in microseconds.
    """

    def noted(option: Recommended) -> Recommended:
        around = plateau(option, trials, space, objectives)
        end = at_an_end(option, around, space, aggregation_us=aggregation_us)
        return replace(option, note="; ".join(n for n in (option.note, end) if n) or None)

    return replace(
        recommendation,
        front=tuple(noted(option) for option in recommendation.front),
        unsure=tuple(noted(option) for option in recommendation.unsure),
    )


def _cliff(
    trials: Sequence[Trial],
    shares: Mapping[str, Mapping[str, float]],
    space: SearchSpace,
    objectives: Objectives,
) -> Cliff | None:
    """Find where the first limited figure, or the second objective, changes most."""
    names = [
        *(constraint.name for constraint in objectives.constraints),
        *(objective.name for objective in objectives.objectives[1:]),
    ]
    figure = next((name for name in names if name in shares), None)
    if figure is None:
        return None
    ordered = [parameter for parameter in space.parameters if _has_order(parameter)]
    if not ordered:
        return None
    main = max(ordered, key=lambda parameter: shares[figure][parameter.name])
    if shares[figure][main.name] < _MATTERS:
        return None
    parts = _parts(trials, main, figure, UnitCube(space))
    if len(parts) < 2:
        return None
    figures = np.array([float(np.median(part[:, 1])) for part in parts])
    changes = np.abs(np.diff(figures))
    place = int(np.argmax(changes))
    least = max(_CLIFF * float(np.ptp(figures)), _LEAST_FALL * _size(figure, objectives))
    if changes[place] <= least:
        return None
    low, high = (float(np.median(parts[place + side][:, 0])) for side in (0, 1))
    at_low, at_high = (float(figures[place + side]) for side in (0, 1))
    return Cliff(
        parameter=main.name,
        figure=figure,
        low=low,
        high=high,
        at_low=at_low,
        at_high=at_high,
        text=(
            f"{figure} is {format_figure(figure, at_low, digits=2)} around {main.name} "
            f"{rounded(main, low)}, and {format_figure(figure, at_high, digits=2)} around "
            f"{rounded(main, high)}"
        ),
    )


def _size(figure: str, objectives: Objectives) -> float:
    """Give the bound of a limited figure, else the reference of an objective."""
    bounds = [abs(c.bound) for c in objectives.constraints if c.name == figure]
    references = [abs(o.reference) for o in objectives.objectives if o.name == figure]
    return next(iter((*bounds, *references)), 0.0)


def _has_order(parameter: Parameter) -> bool:
    return isinstance(parameter, Numeric) or not any(
        isinstance(choice, str) for choice in parameter.choices
    )


def _parts(
    trials: Sequence[Trial], main: Parameter, figure: str, cube: UnitCube
) -> list[NDArray[np.float64]]:
    """Cut the range of a parameter into equal parts; give value and figure of the trials in each.

    A part with too few trials is left out.
    """
    row = [parameter.name for parameter in cube.space.parameters].index(main.name)
    found: dict[int, list[tuple[float, float]]] = {}
    for trial in trials:
        if trial.state is TrialState.COMPLETE and main.name in trial.parameters:
            share = float(cube.point(trial.parameters)[row])
            value = float(trial.parameters[main.name])
            found.setdefault(int(share * _STEPS), []).append((value, trial.figures[figure]))
    return [
        np.array(found[part]) for part in sorted(found) if len(found[part]) >= _FEWEST_IN_A_STEP
    ]


def _neighbour(
    option: Recommended,
    trials: Sequence[Trial],
    recommendation: Recommendation,
    space: SearchSpace,
    objectives: Objectives,
) -> Neighbour | None:
    """Find the nearest trial that is not as good, and say why."""
    cube, mine = UnitCube(space), option.trial
    start = cube.point(mine.parameters)
    shown = {one.trial.number for one in recommendation.shown}
    measured = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    stakes = at_stake(measured, objectives)
    others = [
        trial
        for trial in measured
        if trial.number not in shown and not as_good(trial.figures, option, objectives, stakes)
    ]
    if not others:
        return None
    points = np.array([cube.point(trial.parameters) for trial in others])
    near = others[int(np.argmin(np.abs(points - start).sum(axis=1)))]
    differs = {
        p.name: (mine.parameters.get(p.name), near.parameters.get(p.name))
        for p in space.parameters
        if mine.parameters.get(p.name) != near.parameters.get(p.name)
    }
    reason = breaches(near.figures, objectives) or _what_is_worse(near, option, objectives, stakes)
    told = ", ".join(
        f"{p.name} {_told(p, differs[p.name][1])} instead of {_told(p, differs[p.name][0])}"
        for p in space.parameters
        if p.name in differs and _told(p, differs[p.name][0]) != _told(p, differs[p.name][1])
    )
    return Neighbour(
        number=near.number,
        differs=differs,
        reason=reason,
        text=f"trial {near.number} beside it ({told}): {reason}",
    )


def _what_is_worse(
    near: Trial, option: Recommended, objectives: Objectives, stakes: Sequence[float]
) -> str:
    worse = worse_by(near.figures, option, objectives, stakes)
    name = objectives.objectives[worse.index(max(worse))].name
    theirs, ours = near.figures[name], option.trial.figures[name]
    return f"{name} is {format_figure(name, theirs)} and not {format_figure(name, ours)}"


def _told(parameter: Parameter, value: Value | None) -> str:
    return "none" if value is None else rounded(parameter, value)
