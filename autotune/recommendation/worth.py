"""The verdict on a run in one sentence: whether tuning is worth it, how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from autotune.objective.figures import Figures, format_figure, violation
from autotune.objective.metrics import METRICS
from autotune.objective.objective import Constraint, Direction, Objective, Objectives
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.sureness import LIKELY, NOT_SURE, limits, share_of_runs
from autotune.recommendation.verdict import why_empty
from autotune.trial import Trial, TrialState

_SAVINGS = {
    "memory_saving": "of the memory",
    "rss_saving": "of the resident memory",
    "system_memory_saving": "of the system's memory",
}
"""What a metric saves, for people."""

_LITTLE = 0.01
"""A saving below this share is hardly worth it."""
_MORE_LIMIT = 0.01
"""How much further a limit on a fraction is moved, to see what it costs."""
_LEAVES, _COLD = "rss_saving", 0.1
"""The metric of what leaves memory, whether or not it is saved, and how much of that is worth a word."""
_MUCH = 0.03
"""What a limit that is moved must bring to be worth a word, in what is saved."""
_MUCH_SHARE = 0.1
"""The same as a share of what is saved within the limit."""


def verdict(
    trials: Sequence[Trial], recommendation: Recommendation, objectives: Objectives
) -> str:
    """Say in one sentence what a run comes to.

    Args:
        trials: All trials of the study.
        recommendation: What was chosen of them.
        objectives: What was sought, and the limits.
    """
    if recommendation.front:
        best = recommendation.front[0]
        worth = "Worth it" if _is_worth_it(best, objectives.objectives[0]) else "Hardly worth it"
        text = f"{worth}: {_told(best, objectives)}{_sure(best, objectives)}"
    elif _may_hold(recommendation.unsure):
        told = (_told(one, objectives) + _doubt(one) for one in recommendation.unsure)
        text = f"Not sure: {'; '.join(told)}"
    else:
        text = _nothing(trials, recommendation, objectives)
    more = _what_the_limit_costs(trials, recommendation, objectives)
    if more is None and not recommendation.front and not _may_hold(recommendation.unsure):
        more = _what_costs_too_much(trials, objectives)
    if more is not None:
        text = f"{text}; {more}"
    return f"{text}."


def _may_hold(unsure: Sequence[Recommended]) -> bool:
    """Whether a scheme keeps the limits more probably than not."""
    return any(one.belief is not None and one.belief.within > LIKELY for one in unsure)


def _is_worth_it(best: Recommended, objective: Objective) -> bool:
    saves = str(objective.metric) in _SAVINGS and objective.direction is Direction.MAXIMIZE
    return not saves or best.figures[objective.name] >= _LITTLE


def _told(option: Recommended, objectives: Objectives) -> str:
    """Say what a scheme gains, with its interval, and what it costs."""
    objective = objectives.objectives[0]
    figure = option.figures[objective.name]
    told, between = _figure(objective.name, figure), _interval(objective.name, option.belief)
    if objective.direction is Direction.MAXIMIZE and (of := _SAVINGS.get(str(objective.metric))):
        gain = f"saves {told} {of}{between}"
    else:
        gain = f"brings {objective.name} to {told}{between}"
    costs = [
        f"{_figure(name, option.figures[name])} {name}"
        for name in _costs(objectives)
        if name in option.figures
    ]
    return f"trial {option.trial.number} {gain}{f' at {_joined(costs)}' if costs else ''}"


def _costs(objectives: Objectives) -> list[str]:
    """What a gain is weighed against: figures with limits, and what else is sought to be small."""
    first = objectives.objectives[0].name
    limited = [constraint.name for constraint in objectives.constraints]
    small = [o.name for o in objectives.objectives[1:] if o.direction is Direction.MINIMIZE]
    return [name for name in dict.fromkeys((*limited, *small)) if name != first]


def _figure(name: str, value: float) -> str:
    """Write a figure briefly: percentages with two digits or without decimals.

    >>> _figure("slowdown", 0.0123), _figure("memory_saving", 0.3456), _figure("slowdown", -0.0001)
    ('1.2 %', '35 %', '0.0 %')
    """
    if name in METRICS and METRICS[name].unit == "fraction":
        return f"{_percent(value)} %"
    return format_figure(name, value, digits=3)


def _percent(value: float) -> str:
    percent = 100.0 * value
    return f"{round(percent):d}" if abs(percent) >= 9.95 else f"{round(percent, 1) + 0.0:.1f}"


def _interval(name: str, belief: Belief | None) -> str:
    if belief is None or not belief.is_known or name not in belief.mean:
        return ""
    ends = belief.interval(name)
    if name in METRICS and METRICS[name].unit == "fraction":
        low, high = (_percent(end) for end in ends)
    else:
        low, high = (format_figure(name, end, digits=3) for end in ends)
    return f" (95 %: {low} to {high})" if low != high else ""


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sure(best: Recommended, objectives: Objectives) -> str:
    """Say how surely the best scheme keeps the limits."""
    if best.belief is None or not objectives.constraints:
        return ""
    if not best.belief.is_known:
        return f"; how surely it keeps {limits(objectives)} takes more runs: raise confirmations"
    return f"; it keeps {limits(objectives)} in {share_of_runs(best.belief.within)} of runs"


def _doubt(unsure: Recommended) -> str:
    if unsure.note is None:
        return ""
    return f", but {unsure.note.removeprefix(NOT_SURE)}"


def _nothing(
    trials: Sequence[Trial], recommendation: Recommendation, objectives: Objectives
) -> str:
    """Say why there is nothing to recommend."""
    measured = _measured(trials)
    if not measured:
        return f"No verdict: {why_empty(trials, recommendation, objectives)}"
    objective = objectives.objectives[0]
    of = _SAVINGS.get(str(objective.metric))
    # What the trials that were ended early save is not known.
    all_known = not any(trial.state is TrialState.CENSORED for trial in trials)
    if all_known and of is not None and objective.direction is Direction.MAXIMIZE:
        most = max(trial.figures[objective.name] for trial in measured)
        if most < _LITTLE:
            told = _figure(objective.name, max(most, 0.0))
            cold = max(trial.figures.get(_LEAVES, 0.0) for trial in measured)
            if str(objective.metric) != _LEAVES and cold >= _COLD:
                return (
                    f"Leave DAMON off: what is cold hardly compresses: {_percent(cold)} % of the memory "
                    f"went out ({_LEAVES}), and no scheme saved more than {told} {of}; only swap on a "
                    "disk would save it"
                )
            return f"Leave DAMON off: nothing here is cold, no scheme saved more than {told} {of}"
    return f"Leave DAMON off: {why_empty(trials, recommendation, objectives)}"


def _what_costs_too_much(trials: Sequence[Trial], objectives: Objectives) -> str | None:
    """Name the best trial that broke a limit, but by no more than once its size, and what may help."""
    measured = _measured(trials)
    objective = objectives.objectives[0]
    near = [
        trial
        for trial in measured
        if 0.0
        < max((_beyond(trial.figures, c) for c in objectives.constraints), default=0.0)
        <= 1.0
    ]
    sign = 1.0 if objective.direction is Direction.MAXIMIZE else -1.0
    best = max(near, key=lambda t: (sign * t.figures[objective.name], -t.number), default=None)
    if best is None or sign * best.figures[objective.name] < _MUCH:
        return None
    gain = _figure(objective.name, best.figures[objective.name])
    costs = [
        f"{_figure(c.name, best.figures[c.name])} {c.name}"
        for c in objectives.constraints
        if violation(best.figures, c) > 0.0
    ]
    told = f"trial {best.number} comes to {gain} {objective.name} at {_joined(costs)}"
    if all(scheme.quota is None for trial in measured for scheme in trial.schemes):
        told += "; a quota may bring a part of it for less: try a search space with quotas"
    return told


def _beyond(figures: Figures, constraint: Constraint) -> float:
    """Give by how many times its size a limit is broken."""
    return violation(figures, constraint) / max(abs(constraint.bound), 1e-9)


def _measured(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def _what_the_limit_costs(
    trials: Sequence[Trial], recommendation: Recommendation, objectives: Objectives
) -> str | None:
    """Say what one percentage point more of a limit buys; None if that is little.

    First figures are compared with first figures, so that both sides have the luck of a search.
    """
    objective = objectives.objectives[0]
    if str(objective.metric) not in METRICS or METRICS[str(objective.metric)].unit != "fraction":
        return None
    measured = _measured(trials)
    shown = [option.figures for option in recommendation.shown]
    within = [t.figures for t in measured if _keeps(t.figures, objectives.constraints)]
    now = _best([*shown, *within], objective)
    found = []
    for moved in objectives.constraints:
        if not moved.upper or not _is_fraction(moved) or moved.name == objective.name:
            continue
        others = [constraint for constraint in objectives.constraints if constraint is not moved]
        further = [
            trial.figures
            for trial in measured
            if 0.0 < violation(trial.figures, moved) <= _MORE_LIMIT
            and _keeps(trial.figures, others)
        ]
        if (then := _best(further, objective)) is not None:
            found.append((then - max(now or 0.0, 0.0), moved.name))
    gain, name = max(found, default=(0.0, ""))
    if gain < max(_MUCH, _MUCH_SHARE * max(now or 0.0, 0.0)):
        return None
    return f"the limit decides: 1 % more {name} buys {round(100.0 * gain):d} points"


def _is_fraction(constraint: Constraint) -> bool:
    return constraint.name in METRICS and METRICS[constraint.name].unit == "fraction"


def _keeps(figures: Figures, constraints: Sequence[Constraint]) -> bool:
    return all(violation(figures, constraint) <= 0.0 for constraint in constraints)


def _best(several: Sequence[Figures], objective: Objective) -> float | None:
    """Give the largest gain in an objective, whose figure without DAMON is 0; None if there is none."""
    sign = 1.0 if objective.direction is Direction.MAXIMIZE else -1.0
    return max((sign * figures[objective.name] for figures in several), default=None)
