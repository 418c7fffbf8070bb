"""`summary.md`: what a run found, for people with a text editor."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autotune.experiment.measurement import Measurement
from autotune.experiment.proportional import too_few_readings
from autotune.formats.scheme_export import scheme_text
from autotune.objective.figures import format_figure
from autotune.objective.objective import Objectives
from autotune.recommendation.front import Recommendation, Recommended
from autotune.recommendation.sureness import limits, share_of_runs
from autotune.recommendation.verdict import bounds, marks, why_empty
from autotune.recommendation.why import Why
from autotune.recommendation.worth import verdict
from autotune.study.outcome import Outcome
from autotune.trial import TrialState
from autotune.units import megabytes
from autotune.workload_file.workload_file import WorkloadFile

_WIDTH = 150
"""How long a line of sentences is at most."""

_MOST_REASONS = 12
"""How many different reasons a summary lists."""

_MOST_NEIGHBOURS = 2
"""Of how many schemes it says why not the scheme beside it."""

_MOST_NUMBERS = 12
"""How many trials a summary lists for one reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a summary tells.

    Attributes:
        file: What was tuned.
        backend: The name of the backend that measured.
        machine: The machine on which the backend measured.
        outcome: What the study came to.
        why: What is behind the recommendation.
        notes: Sentences about what went wrong.
    """

    file: WorkloadFile
    backend: str
    machine: str
    outcome: Outcome
    why: Why
    notes: Sequence[str]

    @property
    def recommendation(self) -> Recommendation:
        """The front, and the candidates that are not on it."""
        return self.outcome.recommendation

    @property
    def shown(self) -> tuple[str, ...]:
        """The figures in the front's table: figures of objectives and of constraints."""
        objectives = self.file.objectives
        sought = [objective.name for objective in objectives.objectives]
        bounded = [constraint.name for constraint in objectives.constraints]
        return tuple(dict.fromkeys((*sought, *bounded)))

    @property
    def verdict(self) -> str:
        """What the run comes to, in one sentence."""
        return verdict(self.outcome.trials, self.recommendation, self.file.objectives)

    @property
    def confirmed(self) -> bool:
        """Whether the figures of the front come from confirmations."""
        return bool(self.recommendation.confirmed)


def summary(findings: Findings) -> str:
    """Write the summary; equal findings give equal text."""
    front = findings.recommendation.front
    count = f"{len(front)} scheme{'s' * (len(front) != 1)}"
    sections = (
        [
            f"# {findings.file.name}: {count} recommended",
            "",
            *_wrapped(findings.verdict),
            "",
            *_run(findings),
        ],
        [f"Note: {findings.outcome.reason}."] if findings.outcome.reason else [],
        [*findings.notes],
        ["## Baseline", "", *_baseline(findings.outcome.baseline)],
        ["## Front", "", *_front(findings)],
        _published(findings),
        _listed("## Thrown out", findings.recommendation.thrown_out),
        _listed(
            "## Failed trials",
            {
                trial.number: trial.reason or ""
                for trial in findings.outcome.trials
                if trial.state is TrialState.FAILED
            },
        ),
        _listed(
            "## Held back",
            {
                trial.number: trial.reason
                for trial in findings.outcome.trials
                if trial.state is TrialState.COMPLETE and trial.reason
            },
        ),
        _listed(
            "## Ended early",
            {
                trial.number: trial.reason or ""
                for trial in findings.outcome.trials
                if trial.state is TrialState.CENSORED
            },
        ),
        _listed(
            "## Figures in doubt",
            {trial.number: trial.doubt for trial in findings.outcome.trials if trial.doubt},
        ),
        _what_mattered(findings.why),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _run(findings: Findings) -> list[str]:
    file = findings.file
    sought = [f"{o.name} ({o.direction.value})" for o in file.objectives.objectives]
    ended = findings.outcome.censored
    early = f", {ended} ended early" if ended else ""
    lines = [
        f"- measured by: {findings.backend}, machine {findings.machine}, seed {file.seed}",
        f"- search space: {file.search_space.name}, sampler {file.sampler}, "
        f"{len(findings.outcome.trials)} trials, {findings.outcome.failed} of them failed{early}",
        f"- sought: {', '.join(sought)}",
    ]
    within = [f"- within {bound}" for bound in bounds(findings.outcome.trials, file.objectives)]
    return [
        *lines,
        *within,
        f"- hypervolume of the front: {findings.recommendation.hypervolume:.6g}",
    ]


def _baseline(baseline: Measurement | None) -> list[str]:
    if baseline is None:
        return ["It was not measured."]
    rows = {
        "run time": f"{baseline.runtime_s:.6g} s",
        "CPU time of the workload": f"{baseline.workload_cpu_s:.6g} s",
        "resident memory": f"{megabytes(baseline.rss_mean_bytes)} on average, "
        f"{megabytes(baseline.rss_peak_bytes)} at most",
        "major faults": f"{baseline.major_faults}",
    }
    if baseline.pss_periods_us:
        rows["resident memory, shared counted once"] = megabytes(baseline.pss_mean_bytes)
    if few := too_few_readings(baseline):
        rows["note"] = few
    return ["Without DAMON:", "", *(f"- {name}: {value}" for name, value in rows.items())]


def _front(findings: Findings) -> list[str]:
    front, objectives = findings.recommendation.front, findings.file.objectives
    if not front:
        why = why_empty(findings.outcome.trials, findings.recommendation, objectives)
        return [f"It is empty: {why}.", *_unsure(findings)]
    marked = marks(front, objectives)
    return [
        _of_how_many(findings, front),
        "",
        *_table(front, findings.shown, findings.confirmed),
        "",
        f"Best is the one with the best {objectives.objectives[0].name}; knee is "
        "the balanced one, nearest to the best of everything at once.",
        *_how_sure(front, objectives),
        "",
        *(
            line
            for option in front
            for line in _entry(option, marked[option.trial.number], findings.why)
        ),
    ]


def _entry(option: Recommended, its_marks: Sequence[str], why: Why) -> list[str]:
    """Give a scheme as it is written, what to know of it, and what would be as good."""
    number = option.trial.number
    around = why.plateaus.get(number)
    return [
        f"- trial {', '.join([str(number), *its_marks])}: `{scheme_text(option.trial.schemes)}`",
        *(_wrapped(f"note: {option.note}", indent="  ") if option.note else ()),
        *(_wrapped(f"as good: {around.text}", indent="  ") if around is not None else ()),
    ]


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    """Break a sentence, or an entry of a list, into lines."""
    deeper = f"{indent}  " if text.startswith("- ") else indent
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _of_how_many(findings: Findings, options: Sequence[Recommended]) -> str:
    if not findings.confirmed:
        return (
            "Not confirmed: every figure is that of one measurement, with the search's own seed."
        )
    counts = sorted({len(option.confirmations) for option in options})
    if counts[0] == 0:
        return (
            f"Means of up to {counts[-1]} confirmations with fresh seeds, each against a baseline with "
            "the same seed; of a scheme without confirmations, the measurement with the search's own "
            "seed. In brackets is what the search saw first."
        )
    count = " to ".join(str(number) for number in dict.fromkeys((counts[0], counts[-1])))
    return (
        f"Means of {count} confirmation{'s' * (count != '1')} with fresh seeds, each against a "
        "baseline with the same seed; in brackets what the search saw first."
    )


def _how_sure(front: Sequence[Recommended], objectives: Objectives) -> list[str]:
    """Say how surely each scheme keeps the limits."""
    sure = [
        f"trial {option.trial.number} {share_of_runs(option.belief.within)}"
        for option in front
        if option.belief is not None and option.belief.is_known
    ]
    if not sure or not objectives.constraints:
        return []
    told = f"The next run keeps {limits(objectives)} with a probability of: {', '.join(sure)}."
    return ["", *_wrapped(told)]


def _unsure(findings: Findings) -> list[str]:
    """Show the schemes that most probably keep the limits, where none is sure to."""
    options = findings.recommendation.unsure
    if not options:
        return []
    return [
        "",
        f"Most probable, and not recommended. {_of_how_many(findings, options)}",
        "",
        *_table(options, findings.shown, findings.confirmed),
        "",
        *(line for option in options for line in _entry(option, (), findings.why)),
    ]


def _table(options: Sequence[Recommended], shown: Sequence[str], confirmed: bool) -> list[str]:
    rows = [["trial", *shown]]
    for option in options:
        first = [format_figure(name, option.trial.figures[name]) for name in shown]
        figures = [format_figure(name, option.figures[name]) for name in shown]
        cells = [f"{a} ({b})" for a, b in zip(figures, first, strict=True)]
        rows.append([str(option.trial.number), *(cells if confirmed else first)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]


def _published(findings: Findings) -> list[str]:
    if not findings.outcome.published:
        return []
    confirmed = findings.recommendation.confirmed
    beside = [
        confirmed.get(t.number, Recommended(trial=t, figures=t.figures))
        for t in findings.outcome.published
        if t.number in confirmed or not findings.confirmed
    ]
    confirmed_too = "and confirmed " if findings.confirmed else ""
    on_front = {option.trial.number for option in findings.recommendation.front}
    return [
        "## Published schemes",
        "",
        f"The search space names them; they were measured {confirmed_too}like the others.",
        "",
        *_table(beside, findings.shown, findings.confirmed),
        "",
        *(
            f"- trial {t.number}{', on the front' if t.number in on_front else ''}: "
            f"`{scheme_text(t.schemes)}`"
            for t in findings.outcome.published
        ),
    ]


def _listed(heading: str, reasons: Mapping[int, str]) -> list[str]:
    """List reasons: each once, with its trials."""
    found: dict[str, list[str]] = {}
    for number, why in reasons.items():
        found.setdefault(why, []).append(str(number))
    if not found:
        return []
    rows = [
        f"- trial{'s' * (len(their) > 1)} {_few(their)}: {why}" for why, their in found.items()
    ]
    left = f"{len(rows) - _MOST_REASONS} more are in trials.csv."
    return [
        heading,
        "",
        *rows[:_MOST_REASONS],
        *(["", left] if len(rows) > _MOST_REASONS else []),
    ]


def _few(numbers: Sequence[str]) -> str:
    """List the first numbers, and say how many more there are."""
    if len(numbers) <= _MOST_NUMBERS:
        return ", ".join(numbers)
    return f"{', '.join(numbers[:_MOST_NUMBERS])} and {len(numbers) - _MOST_NUMBERS} more"


def _what_mattered(why: Why) -> list[str]:
    shares = [f"- {name}: {_ranked(of.items())}" for name, of in why.importances.items()]
    lines = [
        *(["Share of each parameter in what a model knows about a figure.", ""] if shares else []),
        *(line for text in shares for line in _wrapped(text)),
        *(_wrapped(f"- the cliff: {why.cliff.text}") if why.cliff is not None else ()),
        *(
            line
            for number, beside in [*why.neighbours.items()][:_MOST_NEIGHBOURS]
            for line in _wrapped(f"- why trial {number} and not {beside.text}")
        ),
    ]
    return ["## What mattered", "", *lines] if lines else []


def _ranked(shares: Iterable[tuple[str, float]]) -> str:
    ranked = sorted(shares, key=lambda item: -item[1])
    return ", ".join(f"{name} {100 * share:.0f}%" for name, share in ranked)
