"""What a terminal shows: the front of a run, one measurement, lists of what can be named."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autotune.doctor import Health
from autotune.experiment.measurement import Measurement
from autotune.experiment.proportional import too_few_readings
from autotune.experiment.working_set import is_only_bounded
from autotune.formats.scheme_export import scheme_text
from autotune.objective.figures import format_figure
from autotune.objective.metrics import METRICS, notable, sentences
from autotune.objective.objective import Objectives
from autotune.objective.spread import CONFIDENCE, Spread
from autotune.recommendation.front import Recommended
from autotune.recommendation.sureness import share_of_runs
from autotune.recommendation.verdict import bounds, marks, why_empty
from autotune.recommendation.worth import verdict
from autotune.run_folder import comparison
from autotune.space.space import SearchSpace
from autotune.study.one_scheme import SchemeMeasurement
from autotune.study.outcome import Outcome
from autotune.units import format_share, megabytes, percent

_MOST_ROWS = 8
"""How many schemes of a front a terminal shows; the run folder has all schemes."""


def results() -> Console:
    """Standard output. Names that a user gave are not taken for markup."""
    return Console(highlight=False, markup=False)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: int = 0
) -> Table:
    """A plain table. Columns from number *right* on are aligned to the right; 0 aligns none so."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        numeric = bool(right) and number >= right
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def show_scheme(found: SchemeMeasurement) -> None:
    """Print a measurement beside its baseline."""
    console = results()
    measured, baseline = found.measurement, found.baseline
    console.print(f"{found.workload} on {found.backend} ({found.machine})")
    console.print(f"scheme: {found.scheme_text or 'none, monitoring only'}")
    if found.reason is not None:
        console.print(f"held back: {found.reason}")
    _show_metrics(console, found)
    for doubt in found.doubts:
        console.print(f"warning: {doubt}\n")
    for note in found.notes:
        console.print(f"note: {note}\n")
    figures: Mapping[str, tuple[str, str]] = {
        "run time": (f"{baseline.runtime_s:.2f} s", f"{measured.runtime_s:.2f} s"),
        "resident, mean": (megabytes(baseline.rss_mean_bytes), megabytes(measured.rss_mean_bytes)),
        **_proportional(baseline, measured),
        "swap pool, mean": (
            megabytes(baseline.swap_pool_mean_bytes),
            megabytes(measured.swap_pool_mean_bytes),
        ),
        "swapped out": (megabytes(baseline.swap_out_bytes), megabytes(measured.swap_out_bytes)),
        "faults from swap": (f"{baseline.major_faults}", f"{measured.major_faults}"),
        "CPU time": (f"{baseline.workload_cpu_s:.2f} s", f"{measured.workload_cpu_s:.2f} s"),
    }
    if measured.wss_mean_bytes is not None:
        size = megabytes(measured.wss_mean_bytes)
        known = f"at most {size}" if is_only_bounded(measured.series) else size
        figures = {**figures, "working set, mean": ("", known)}
    of_seed = f"with seed {found.seeds[0]}"
    console.print(
        table((of_seed, "baseline", "measured"), [(k, *v) for k, v in figures.items()], right=1)
    )
    if few := too_few_readings(baseline):
        console.print(f"note: {few}", soft_wrap=True)
    watched, intervals = measured.watched, found.monitoring.intervals
    for note in () if watched is None else watched.notes(intervals):
        console.print(f"note: {note}", soft_wrap=True)


def _proportional(baseline: Measurement, measured: Measurement) -> dict[str, tuple[str, str]]:
    """The row of memory in which shared memory counts once, if processes shared some."""
    if not (baseline.pss_periods_us or measured.pss_periods_us):
        return {}
    sizes = megabytes(baseline.pss_mean_bytes), megabytes(measured.pss_mean_bytes)
    return {"of that, shared counted once": sizes}


def _show_metrics(console: Console, found: SchemeMeasurement) -> None:
    several = len(found.seeds) > 1
    columns = ("metric", "mean", "lowest", "highest", "more than noise")
    shown = {
        name: spread
        for name, spread in found.spreads.items()
        if spread is not None or not METRICS[name].situational
    }
    rows = [
        (name, *_spread_cells(name, spread))[: len(columns) if several else 2]
        for name, spread in shown.items()
    ]
    console.print(table(columns if several else ("metric", "value"), rows, right=1))
    for name in shown:
        console.print(f"{name}: {METRICS[name].summary}")
    for line in sentences(notable(found.missing)):
        console.print(f"\n{line}", soft_wrap=True)
    seeds = ", ".join(str(seed) for seed in found.seeds[:_MOST_ROWS])
    more = ", ..." if len(found.seeds) > _MOST_ROWS else ""
    console.print(
        f"\n{len(found.seeds)} seeds: {seeds}{more}\nmore than noise: yes if the mean is not 0 "
        f"by chance, with {format_share(CONFIDENCE)} confidence"
        if several
        else f"\nseed {seeds} alone shows no noise, and a difference may be chance: try --seeds 3"
    )


def _spread_cells(name: str, spread: Spread | None) -> tuple[str, ...]:
    if spread is None:
        return ("unknown",) * 4
    noise = {True: "yes", False: "no", None: "unknown"}[spread.more_than_noise]
    noise = noise if METRICS[name].has_zero else ""
    return (*(_cell(name, value) for value in (spread.mean, spread.low, spread.high)), noise)


def _cell(name: str, value: float) -> str:
    return percent(value) if METRICS[name].unit == "fraction" else format_figure(name, value)


def show_outcome(outcome: Outcome, objectives: Objectives, out: Path) -> None:
    """Print the front of a run: each scheme with its confirmed figures and its first figures.

    Args:
        outcome: What the run came to.
        objectives: What was sought.
        out: The run folder.
    """
    console = results()
    front = outcome.recommendation.front
    shown = outcome.recommendation.shown
    if outcome.reason is not None:
        console.print(f"note: {outcome.reason}")
    failed = f", {outcome.failed} failed" if outcome.failed else ""
    ended = f", {outcome.censored} ended early" if outcome.censored else ""
    console.print(f"{len(outcome.trials)} trials{failed}{ended}; {len(front)} recommended")
    told = verdict(outcome.trials, outcome.recommendation, objectives)
    console.print(told, style="bold")
    why = "" if front else why_empty(outcome.trials, outcome.recommendation, objectives)
    if why not in told:
        console.print(why)
    if shown:
        _show_front(console, shown, objectives, sure=bool(front))
    for bound in bounds(outcome.trials, objectives):
        console.print(f"constraint: {bound}")
    for note in outcome.notes:
        console.print(note, soft_wrap=True)
    console.print(f"everything is in {out}; summary.md tells it in words", soft_wrap=True)
    if shown:
        named = shlex.quote(str(out))
        console.print(
            f"next: autotune export {named} --pick knee --format kdamonds", soft_wrap=True
        )


def _show_front(
    console: Console, front: Sequence[Recommended], objectives: Objectives, *, sure: bool
) -> None:
    names = [objective.name for objective in objectives.objectives]
    marked = (
        marks(front, objectives)
        if sure
        else {option.trial.number: ("not sure",) for option in front}
    )
    shown = _spread(front, marked)
    rows: list[tuple[str | Text, ...]] = [
        (
            _entry(option, marked[option.trial.number]),
            *(
                f"{format_figure(name, option.figures[name])}\n"
                f"({format_figure(name, option.trial.figures[name])})"
                for name in names
            ),
            *((_kept(option),) if objectives.constraints else ()),
        )
        for option in shown
    ]
    kept = ("limits kept\nin runs",) if objectives.constraints else ()
    headings = ("scheme", *(f"{name}\n(at first)" for name in names), *kept)
    console.print(table(headings, rows, right=1))
    for option in shown:
        if option.note is not None:
            console.print(f"{option.trial.id}: {option.note}")
    if len(shown) < len(front):
        console.print(f"{len(front) - len(shown)} more between these are in front.csv")


def show_fronts(compared: comparison.Comparison) -> None:
    """Print how fronts compare, two by two."""
    console = results()
    letters = [chr(ord("A") + number) for number in range(len(compared.runs))]
    rows = [
        (letter, run, f"{volume:.4f}")
        for letter, run, volume in zip(letters, compared.runs, compared.hypervolume, strict=True)
    ]
    console.print(table(("", "run", "hypervolume"), rows, right=2))
    for title, matrix in (
        (
            "coverage: share of the column's front that the row's equals or beats",
            compared.coverage,
        ),
        (
            "epsilon: how much the row's front must gain everywhere to equal or beat the column's",
            compared.epsilon,
        ),
    ):
        console.print(title)
        console.print(
            table(
                ("", *letters),
                [
                    (letter, *("-" if value is None else f"{value:.4f}" for value in row))
                    for letter, row in zip(letters, matrix, strict=True)
                ],
                right=1,
            )
        )
    largest = max(compared.hypervolume)
    leading = [
        letter
        for letter, volume in zip(letters, compared.hypervolume, strict=True)
        if volume == largest
    ]
    verb = "leads" if len(leading) == 1 else "are equal"
    console.print(f"the larger the hypervolume, the better: {' and '.join(leading)} {verb}")


def _spread(
    front: Sequence[Recommended], marked: Mapping[int, tuple[str, ...]]
) -> list[Recommended]:
    """Up to `_MOST_ROWS` schemes spread over a front, and all schemes that have a mark."""
    steps = max(1, _MOST_ROWS - 1)
    chosen = {round(step * (len(front) - 1) / steps) for step in range(_MOST_ROWS)}
    return [
        option
        for number, option in enumerate(front)
        if number in chosen or marked[option.trial.number]
    ]


def _kept(option: Recommended) -> str:
    """In which share of runs a scheme keeps the limits; a question mark if nobody knows."""
    known = option.belief is not None and option.belief.is_known
    if not known or option.belief is None:
        return "?"
    return (
        share_of_runs(option.belief.within).replace("more than ", "> ").replace("less than ", "< ")
    )


def _entry(option: Recommended, its_marks: tuple[str, ...]) -> Text:
    """A scheme of the front: its trial, its marks, and its text."""
    title = " ".join([option.trial.id, *its_marks])
    return Text.assemble((title, "bold"), "\n", scheme_text(option.trial.schemes))


def show_spaces(spaces: Iterable[tuple[SearchSpace, str]]) -> None:
    """Print search spaces with their ranges, each with a line of description."""
    console = results()
    for space, summary in spaces:
        console.print(Text.assemble((space.name, "bold"), f"  {summary}"))
        rows = [(row.parameter, row.range, row.scale, row.condition) for row in space.describe()]
        console.print(table(("parameter", "range", "scale", "only when"), rows))


def show_objectives(objectives: Iterable[tuple[Objectives, str]]) -> None:
    """Print objectives, and the metrics that objectives can name."""
    console = results()
    for item, summary in objectives:
        console.print(Text.assemble((item.name, "bold"), f"  {summary}"))
        rows = [(o.name, o.direction.value, o.reference_text) for o in item.objectives]
        console.print(table(("metric", "direction", "reference"), rows))
        for constraint in item.constraints:
            console.print(f"constraint: {constraint}")
        if item.constraints:
            console.print(f"hold: {item.hold} (how constraints must hold to be recommended)\n")
    summary = "what objectives and constraints can name; fractions unless a unit is named"
    console.print(Text.assemble(("metrics", "bold"), f"  {summary}"))
    console.print(
        table(
            ("metric", "better", "unit", "what it is"),
            [
                (
                    m.name,
                    "higher" if m.direction == "maximize" else "lower",
                    "" if m.unit == "fraction" else m.unit,
                    m.summary,
                )
                for m in METRICS.values()
            ],
        )
    )


def show_health(health: Health) -> None:
    """Print what a machine can do: each check with its remedy, and which backends can be used."""
    console = results()
    rows = [
        (
            item.name,
            item.state.value,
            f"{item.found}\nfix: {item.fix}" if item.fix else item.found,
        )
        for item in health.findings
    ]
    console.print(table(("", "", "found"), rows))
    for backend, obstacles in health.obstacles().items():
        names = ", ".join(obstacles)
        console.print(f"{backend}: {f'cannot be used, see {names}' if names else 'can be used'}")
