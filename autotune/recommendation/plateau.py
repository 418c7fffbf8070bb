"""Where a scheme may be moved to without a difference: the plateau around it, in words.

A plateau is a box of parameter values around a scheme. Every measured trial in the box is as good as
the scheme, as far as the scheme's noise tells. The box grows from the scheme, to the nearest trial that
is as good, as long as no trial that is worse comes to lie in it. Where a box finds too few trials, since
a quota decides everything else, a model of the nearest trials says how far each parameter can be moved
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.objective.figures import Figures, broken, minimised, violation
from autotune.objective.objective import Objectives
from autotune.recommendation.front import Recommended
from autotune.recommendation.handful import NEGLIGIBLE
from autotune.recommendation.simplicity import PLAIN
from autotune.space.fields import FIELDS, Value
from autotune.space.parameters import Choices, Numeric, Parameter
from autotune.space.space import ParameterSet, SearchSpace
from autotune.surrogate.gaussian_process import GaussianProcess
from autotune.surrogate.unit_cube import UnitCube
from autotune.trial import Trial, TrialState

Floats = NDArray[np.float64]

_FEWEST_TO_LEARN = 20
_MOST_TO_LEARN = 150
_GRID = 41
_MODEL_LOST = 0.03
"""The share of what is at stake that a moved scheme may be worse by, as a model sees it."""
_MODEL_UNSURE = 0.05
"""How unsure a model may be of that, a standard deviation as a share of what is at stake."""
_FEWEST = 4
_NARROW = 0.02
"""A box that is narrower than this share of a range tells less than a model, if there is one."""
"""A box with fewer trials tells nothing."""
_MOST_LOOKED_AT = 400
_NOISE = 2.0
"""By how many standard deviations of a run figures of two schemes may differ by chance."""
_MOST_NOISE = 0.02
"""The share of what is at stake that may be put down to noise, however large the noise is."""
_END = 0.1
"""Within this share of a range, a box reaches an end of the range."""
_AT = 0.02
"""Within this share of a range, a scheme lies at an end of the range."""
_COUNTED_AGES = ("pattern.min_age", "pattern.max_age")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """What is as good as a scheme.

    Attributes:
        trials: The measured trials in the box, with the scheme itself.
        box: What the box allows for each parameter that matters there: a lowest and a highest value, or
            choices. A parameter that is not named may have any value.
        text: The same in words, as a part of a sentence.
        modelled: Whether this is what a model of the nearest trials says, of each parameter alone.
    """

    trials: int
    box: dict[str, tuple[Value, ...]]
    text: str
    modelled: bool = False


def plateau(
    option: Recommended,
    trials: Sequence[Trial],
    space: SearchSpace,
    objectives: Objectives,
    *,
    modelled: bool = False,
) -> Plateau | None:
    """Find the plateau around a scheme; None if too few trials were measured there.

    First figures are compared, since all of them have one seed.

    Args:
        option: The scheme.
        trials: All trials of the study.
        space: The parameters.
        objectives: What is sought, and the limits.
        modelled: Whether a model is asked where too few trials were measured; that takes longer.
    """
    measured = [t for t in trials if t.state is TrialState.COMPLETE]
    if option.trial.number not in {trial.number for trial in measured}:
        return None
    cube = UnitCube(space)
    own = option.trial.parameters
    here = [t for t in measured if t.parameters.keys() == own.keys()]
    away = [t for t in measured if t.parameters.keys() != own.keys()]
    points = np.array([cube.point(trial.parameters) for trial in here])
    stakes = at_stake(measured, objectives)
    good = np.array([as_good(trial.figures, option, objectives, stakes) for trial in here])
    start = cube.point(own)
    low, high = start.copy(), start.copy()
    order = np.argsort(np.abs(points - start).max(axis=1), kind="stable")
    for place in order[good[order]][:_MOST_LOOKED_AT].tolist():
        wider = np.minimum(low, points[place]), np.maximum(high, points[place])
        if good[_inside(points, *wider)].all():
            low, high = wider
    count = int(_inside(points, low, high).sum())
    narrow = count < _FEWEST or any(
        isinstance(parameter, Numeric) and parameter.name in own and top - bottom < _NARROW
        for parameter, bottom, top in zip(space.parameters, low, high, strict=True)
    )
    if modelled and narrow:
        told = _modelled(option, here, points, space, objectives, stakes)
        if told is not None:
            return told
    if count < _FEWEST:
        return None
    box = {
        parameter.name: _allowed(
            parameter, float(bottom), float(top), cube.choices(row), points[:, row], here
        )
        for row, (parameter, bottom, top) in enumerate(
            zip(space.parameters, low, high, strict=True)
        )
        if parameter.name in own and not _is_whole(parameter, float(bottom), float(top))
    }
    box |= _switches(own, away, space)
    free = [p.name for p in space.parameters if p.name in own and p.name not in box]
    return Plateau(trials=count, box=box, text=_in_words(box, free, space, count))


def _modelled(
    option: Recommended,
    here: Sequence[Trial],
    points: Floats,
    space: SearchSpace,
    objectives: Objectives,
    stakes: Sequence[float],
) -> Plateau | None:
    """Find how far each parameter can be moved alone, by a model of the trials around a scheme."""
    if len(here) < _FEWEST_TO_LEARN:
        return None
    cube, own = UnitCube(space), option.trial.parameters
    start = cube.point(own)
    order = np.argsort(((points - start) ** 2).sum(axis=1), kind="stable")[:_MOST_TO_LEARN]
    near = [here[place] for place in order.tolist()]
    model = _Model(near, option.trial, cube, objectives, stakes)
    box: dict[str, tuple[Value, ...]] = {}
    counts = []
    for row, parameter in enumerate(space.parameters):
        if parameter.name not in own or _words_of(parameter):
            continue
        shares = np.array(cube.choices(row) or np.linspace(0.0, 1.0, _GRID))
        moved = np.repeat(start[None, :], len(shares), axis=0)
        moved[:, row] = shares
        good, worse = model.judge([cube.values(point) for point in moved])
        here_at = int(np.argmin(np.abs(shares - start[row])))
        low = high = here_at
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(shares) - 1 and good[high + 1]:
            high += 1
        beyond = [worse[end] for end in (low - 1, high + 1) if 0 <= end < len(shares)]
        if low == high and all(beyond):
            counts.append(parameter)
        if low > 0 or high < len(shares) - 1:
            ends = [cube.values(moved[end])[parameter.name] for end in (low, high)]
            box[parameter.name] = (
                tuple(parameter.choices[low : high + 1])
                if isinstance(parameter, Choices)
                else (own[parameter.name],) * 2
                if low == high
                else tuple(ends)
            )
    fixed = [p.name for p in space.parameters if p.name in own and _words_of(p)]
    free = [p.name for p in space.parameters if p.name in own and p.name not in (*box, *fixed)]
    if not free and all(len(set(allowed)) == 1 for allowed in box.values()):
        return None
    return Plateau(
        trials=len(near), box=box, text=_model_in_words(box, counts, free, space), modelled=True
    )


def _words_of(parameter: Parameter) -> tuple[Value, ...]:
    """The choices of a parameter that are words, which the model does not move between."""
    if not isinstance(parameter, Choices):
        return ()
    return tuple(choice for choice in parameter.choices if isinstance(choice, str))


class _Model:
    """Predicts whether parameter sets are as good as a scheme."""

    def __init__(
        self,
        near: Sequence[Trial],
        scheme: Trial,
        cube: UnitCube,
        objectives: Objectives,
        stakes: Sequence[float],
    ) -> None:
        self._cube = cube
        layout = cube.layout([trial.parameters for trial in near])
        ours = minimised(scheme.figures, objectives)
        self._allowed: list[tuple[GaussianProcess, float, float]] = []
        losses = np.array([minimised(trial.figures, objectives) for trial in near])
        for loss, mine, stake in zip(losses.T, ours, stakes, strict=True):
            if np.ptp(loss) > 0.0:
                process = GaussianProcess(layout, loss - mine, np.zeros(len(near)))
                self._allowed.append((process, _MODEL_LOST * stake, _MODEL_UNSURE * stake))
        for constraint in objectives.constraints:
            beyond = np.array([violation(trial.figures, constraint) for trial in near])
            if np.ptp(beyond) > 0.0:
                process = GaussianProcess(layout, beyond, np.zeros(len(near)))
                self._allowed.append((process, 0.0, _MODEL_UNSURE * abs(constraint.bound)))

    def judge(self, sets: Sequence[ParameterSet]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Say which parameter sets are surely as good, and which are surely worse."""
        good = np.ones(len(sets), dtype=np.bool_)
        worse = np.zeros(len(sets), dtype=np.bool_)
        layout = self._cube.layout(sets)
        for process, most, least_sure in self._allowed:
            mean, deviation = process.each(layout)
            good &= (mean <= most) & (deviation <= least_sure)
            worse |= mean - deviation > most
        return good, worse


def at_stake(trials: Sequence[Trial], objectives: Objectives) -> tuple[float, ...]:
    """Give how far each objective's best figure is from where the objective is worth nothing.

    Args:
        trials: Measured trials, at least one. Those that keep the limits count, if there are any.
        objectives: What is sought, and the limits.
    """
    within = [trial for trial in trials if not broken(trial.figures, objectives)]
    losses = np.array([minimised(trial.figures, objectives) for trial in within or trials])
    stakes = np.abs(np.array(objectives.limit) - losses.min(axis=0))
    return tuple(np.where(stakes > 0.0, stakes, 1.0).tolist())


def as_good(
    figures: Figures, option: Recommended, objectives: Objectives, stakes: Sequence[float]
) -> bool:
    """Say whether a trial is worse than a scheme by noise at most, and keeps the limits as well."""
    return max(worse_by(figures, option, objectives, stakes)) <= 0.0 and all(
        violation(figures, constraint) <= max(violation(option.trial.figures, constraint), 0.0)
        for constraint in objectives.constraints
    )


def worse_by(
    figures: Figures, option: Recommended, objectives: Objectives, stakes: Sequence[float]
) -> tuple[float, ...]:
    """Say by how much more than noise a trial is worse than a scheme, in each objective.

    Args:
        figures: The first figures of the trial, which are compared with those of the scheme.
        option: The scheme.
        objectives: What is sought.
        stakes: What is at stake in each objective (`at_stake`).

    Returns:
        Shares of what is at stake; 0 or less where the trial is not worse.
    """
    mine, belief = option.trial.figures, option.belief
    shares = []
    for objective, theirs, ours, stake in zip(
        objectives.objectives,
        minimised(figures, objectives),
        minimised(mine, objectives),
        stakes,
        strict=True,
    ):
        spread = belief.spread.get(objective.name, 0.0) if belief else 0.0
        noise = max(min(_NOISE * spread / stake, _MOST_NOISE), NEGLIGIBLE)
        shares.append((theirs - ours) / stake - noise)
    return tuple(shares)


def _inside(points: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    return np.asarray(((low <= points) & (points <= high)).all(axis=1))


def _is_whole(parameter: Parameter, low: float, high: float) -> bool:
    """Whether a box reaches from one end of a range to the other."""
    if isinstance(parameter, Choices):
        count = len(parameter.choices)
        return high - low >= 1.0 - 1.0 / count - 1e-9
    return low <= _END and high >= 1.0 - _END


def _allowed(
    parameter: Parameter,
    low: float,
    high: float,
    choices: Sequence[float],
    shares: Floats,
    here: Sequence[Trial],
) -> tuple[Value, ...]:
    """Give the values that a box allows: the choices in it, or its ends.

    Args:
        parameter: Its values are asked for.
        low: The lower end of the box on its coordinate.
        high: The upper end.
        choices: The coordinates of its choices, if it has some.
        shares: Its coordinate in each of the trials.
        here: The trials.
    """
    if isinstance(parameter, Choices):
        return tuple(
            choice
            for choice, share in zip(parameter.choices, choices, strict=True)
            if low - 1e-9 <= share <= high + 1e-9
        )
    seen = sorted(
        (share, trial.parameters[parameter.name])
        for share, trial in zip(shares.tolist(), here, strict=True)
    )
    inside = [value for share, value in seen if low <= share <= high]
    ends = inside[0], inside[-1]
    if low <= _END:
        return (parameter.low, ends[1])
    return (ends[0], parameter.high) if high >= 1.0 - _END else ends


def _switches(
    own: ParameterSet, away: Sequence[Trial], space: SearchSpace
) -> dict[str, tuple[Value, ...]]:
    """Give the choices that other parameters depend on: a box holds for these choices only."""
    if not away:
        return {}
    names = {condition.name for p in space.parameters for condition in p.when}
    return {name: (own[name],) for name in own if name in names}


def _in_words(
    box: Mapping[str, tuple[Value, ...]], free: Sequence[str], space: SearchSpace, count: int
) -> str:
    parameters = {parameter.name: parameter for parameter in space.parameters}
    parts = [
        _range(parameters[name], allowed)
        for name, allowed in box.items()
        if _moves(parameters[name], allowed)
    ]
    whatever = [f"whatever {_short(parameters[name])}" for name in free]
    rest = ["the rest as it is"] if len(parts) < len(box) else []
    listed = ", ".join([*parts, *whatever, *rest])
    return f"{'any ' if parts else ''}{listed} (all {count} trials there are as good)"


def _model_in_words(
    box: Mapping[str, tuple[Value, ...]],
    counts: Sequence[Parameter],
    free: Sequence[str],
    space: SearchSpace,
) -> str:
    parameters = {parameter.name: parameter for parameter in space.parameters}
    parts = [
        _range(parameters[name], allowed)
        for name, allowed in box.items()
        if _moves(parameters[name], allowed)
    ]
    listed = ", ".join([*parts, *(f"whatever {_short(parameters[name])}" for name in free)])
    what = f"what counts is {' and '.join(map(_short, counts))}; " if counts else ""
    return f"{what}{'any ' if parts else ''}{listed} (a model's word, for each alone)"


def _moves(parameter: Parameter, allowed: tuple[Value, ...]) -> bool:
    """Whether a box allows more than one value that reads differently."""
    return len({rounded(parameter, value) for value in allowed}) > 1


def _short(parameter: Parameter) -> str:
    return parameter.name.removeprefix("pattern.")


def _range(parameter: Parameter, allowed: tuple[Value, ...]) -> str:
    """Write what a box allows for one parameter."""
    name = _short(parameter)
    if isinstance(parameter, Choices):
        return f"{name} {' or '.join(parameter.format(value) for value in allowed)}"
    low, high = allowed
    if low == high:
        return f"{name} {rounded(parameter, low)}"
    if low == parameter.low:
        return f"{name} up to {rounded(parameter, high)}"
    if high == parameter.high:
        return f"{name} from {rounded(parameter, low)}"
    return f"{name} from {rounded(parameter, low)} to {rounded(parameter, high)}"


_STEPS = {
    "_us": ((1_000_000, "s"), (1_000, "ms"), (1, "us")),
    "_bytes": ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")),
}


def rounded(parameter: Parameter, value: Value) -> str:
    """Write a value with three digits, in a unit in which it is 1 or more."""
    if isinstance(value, str) or parameter.field not in FIELDS:
        return parameter.format(value)
    suffix = FIELDS[parameter.field].quantity.suffix
    if suffix not in _STEPS:
        return parameter.format(value)
    size, unit = next((step for step in _STEPS[suffix] if value >= step[0]), _STEPS[suffix][-1])
    return f"{value / size:.3g} {unit}"


def at_an_end(
    option: Recommended, around: Plateau | None, space: SearchSpace, *, aggregation_us: int
) -> str | None:
    """Say that a scheme lies at an end of a range, with the remedy; None if it does not.

    An end is no reason to look further if it is a plain value, if no scheme can go beyond it, if it is
    the loose end of a quota, or if the plateau around the scheme reaches over the whole range.

    Args:
        option: The scheme.
        around: The plateau around it; None if it is not known.
        space: The parameters.
        aggregation_us: DAMON's aggregation interval in microseconds, in which the kernel counts ages.
    """
    cube = UnitCube(space)
    own = option.trial.parameters
    point = cube.point(own)
    for parameter, share in zip(space.parameters, point.tolist(), strict=True):
        if not isinstance(parameter, Numeric) or parameter.name not in own:
            continue
        if around is not None and parameter.name not in around.box:
            continue
        field = FIELDS[parameter.field]
        least = max(field.least, aggregation_us if parameter.field in _COUNTED_AGES else 0)
        if share <= _AT and parameter.low > least and parameter.low != PLAIN.get(parameter.field):
            side, wider = "lower", f"low: {_exact(parameter, max(parameter.low / 2, least))}"
        elif (
            share >= 1.0 - _AT
            and parameter.high < field.most
            and not parameter.field.startswith("quota.")
        ):
            side, wider = (
                "upper",
                f"high: {_exact(parameter, min(parameter.high * 2, field.most))}",
            )
        else:
            continue
        return (
            f"it lies at the {side} end of {parameter.name} ({parameter.range}): widen that with "
            f"{parameter.name}: {{{wider}}} in the search space's parameters"
        )
    return None


def _exact(parameter: Parameter, value: float) -> str:
    whole = FIELDS[parameter.field].quantity.whole
    return parameter.format(int(value) if whole else value)
