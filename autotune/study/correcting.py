"""A search on a real kernel: simulate, then correct.

The simulator knows the whole response beforehand, as far as it is right. Each run of the kernel corrects
it. A run is a new scheme, or once more a scheme that was run, with a fresh seed, whichever raises the
volume of what can be recommended most. The search ends by itself when too little is left to gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from autotune.backends.base import Backend, RecordingBackend
from autotune.damon.damos import Scheme
from autotune.damon.kernel_units import on_grid
from autotune.damon.recording import Recording
from autotune.objective.figures import Figures, mean, minimised
from autotune.objective.pareto import pareto_front
from autotune.recommendation.belief import Belief
from autotune.recommendation.front import Confirmation
from autotune.recommendation.probability import beliefs
from autotune.space.space import ParameterSet
from autotune.study.confirming import confirmation_seeds
from autotune.study.events import ConfirmationFinished, RecordingMade
from autotune.study.proposals import keep
from autotune.study.recording_run import record_workload
from autotune.study.simulated_prior import Know, foreknowledge
from autotune.study.storage import Storage
from autotune.study.trying import Trying
from autotune.surrogate.correction import Correction
from autotune.surrogate.prior import Prior
from autotune.surrogate.proposed import Expected, Left, Start
from autotune.trial import Trial, TrialState

_AT_ONCE = 2
"""So many runs are proposed together where they don't disturb each other; neither knows of the next."""
_STARTS = 3
"""So many starts of the workload there may be for each trial of the budget, all counted."""
_SHARE = 0.0025
"""A run that adds less than this share of the volume that is had is not worth making: the best saving
alone, which counts for a ninth of it, would grow by 2 % at most,"""
_POINTS = 0.001
"""nor is one that adds less than this to the first objective over the whole range of the limits: 0.1
points of a saving are less than two runs of a workload differ by."""
_OFF, _OFF_OF_FEW = 0.5, 0.8
"""A prior is given up that is wrong by more than this share of what schemes gain, and that divided by
their number: by 90 % of what two gain, and by 60 % of what eight gain."""
_LIKELY = 0.5
"""Where all of several runs must keep the limits: so likely it must be before they are made."""
_TICKS, _FIRST, _STEP, _LEAST = 12_000.0, 1200, 96, 16
"""With so many ticks of monitoring a run, the prior is asked so often before the first batch and before
each further batch; the longer a run is, the fewer, down to these few before a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    number: int
    parameters: ParameterSet


class CorrectingSearch:
    """A search for a backend whose every measurement takes a start of the workload.

    Args:
        backend: What measures.
        seed: Decides the proposals.
        first: Parameter sets that are weighed beside those that the search finds.
        know: Says what is known before the backend measures.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        seed: int,
        first: Sequence[ParameterSet] = (),
        know: Know = foreknowledge,
    ) -> None:
        self._backend = backend
        self._starts_before = backend.starts
        self._seed = seed
        self._first = first
        self._know = know

    def go(self, trying: Trying, storage: Storage) -> None:
        """Search until too little is left to gain, or the budget is used up."""
        file, backend = trying.file, self._backend

        def record(recorder: RecordingBackend) -> Recording:
            before = backend.starts
            try:
                recording = record_workload(file, recorder)
            finally:
                count = backend.starts - before
                times = "once" if count == 1 else f"{count} times"
                trying.notes.append(f"The workload was run {times} to record it.")
            trying.emit(RecordingMade(recording=recording))
            return recording

        known = self._know(file, backend, trying.baseline, record)
        trying.notes.append(known.note)
        runtime_us = 1e6 * trying.baseline.runtime_s
        longer = max(1.0, known.ticks / _TICKS)

        def correction(priors: Sequence[Prior]) -> Correction:
            return Correction(
                file.search_space,
                file.objectives,
                priors,
                seed=self._seed,
                first=max(20 * _LEAST, int(_FIRST / longer)),
                step=max(_LEAST, int(_STEP / longer)),
                also=self._first,
                guess=known.guess,
                alike=alike,
            )

        def alike(values: ParameterSet) -> tuple[Scheme, ...] | None:
            schemes = file.search_space.schemes(values)
            if all(scheme.pattern.age_us.min >= runtime_us for scheme in schemes):
                return None
            return tuple(on_grid(scheme, file.monitoring.intervals) for scheme in schemes)

        turns = _Turns(
            trying,
            correction(known.priors),
            backend,
            self._starts_before,
            without=lambda: correction(()),
        )
        try:
            turns.go()
        finally:
            measured = [t for t in trying.trials if t.state is TrialState.COMPLETE]
            trying.finalists = [trial for trial in measured if turns.is_better_than_off(trial)]
            trying.beliefs = turns.beliefs()
            keep(file.name, file.search_space, file.objectives, storage, measured)


class _Turns:
    """The batches of a search, one after the other."""

    def __init__(
        self,
        trying: Trying,
        correction: Correction,
        backend: Backend,
        starts_before: int,
        *,
        without: Callable[[], Correction],
    ) -> None:
        file = trying.file
        self._trying = trying
        self._correction = correction
        self._without = without
        self._told: list[tuple[ParameterSet, Figures | None]] = []
        self._backend = backend
        self._starts_before = starts_before
        self._legs = 4 if backend.drifts else 1
        alone = backend.drifts or backend.most_at_once == 1
        self._at_once = 1 if alone else min(_AT_ONCE, file.parallel)
        self._seeds = confirmation_seeds(file.seed, file.confirmations)
        self._had: set[int] = set()
        self._repeats = 0
        trials = file.budget.trials
        most = None if trials is None else trials * max(_STARTS, self._legs + 1)
        self._most_starts = most

    @property
    def _starts(self) -> int:
        """How often the workload was started for this study."""
        return self._backend.starts - self._starts_before

    def go(self) -> None:
        """Run batches until one is not worthwhile."""
        while wanted := self._batch():
            self._try([start for start in wanted if not start.again])
            self._repeat([self._trial(one.parameters) for one in wanted if one.again])
            self._doubt()
        if (wanted_runs := self._trying.file.objectives.hold.worst_of) is not None:
            self._repeat_for_the_rule(wanted_runs)

    def _tell(self, parameters: ParameterSet, figures: Figures | None) -> None:
        self._told.append((parameters, figures))
        self._correction.tell(parameters, figures)

    def _doubt(self) -> None:
        """Go on without the prior, if what was run shows that it is wrong."""
        off = self._correction.learning.prior_is_off_by()
        tried = len(self._trying.trials)
        if off is None or off <= _OFF + _OFF_OF_FEW / tried:
            return
        self._go_without(
            f"What the simulator said of the first {tried} trials was wrong by {off:.0%} of what they "
            "gain"
        )

    def _go_without(self, why: str) -> None:
        self._correction = self._without()
        for parameters, figures in self._told:
            self._correction.tell(parameters, figures)
        self._trying.notes.append(f"{why}, so from then on nothing of it was used.")

    def _repeat_for_the_rule(self, wanted: int) -> None:
        """Run what may be recommended as often as the rule for limits wants, with fresh seeds."""
        objectives = self._trying.file.objectives
        likely = {
            number: minimised(belief.mean, objectives)
            for number, belief in self.beliefs().items()
            if belief.within**wanted >= _LIKELY
        }
        on_front = pareto_front(list(likely.values()))
        numbers = [number for number, on in zip(likely, on_front, strict=True) if on]
        trials = [t for t in self._trying.trials if t.number in numbers]
        confirmed = self._trying.confirmed.confirmations
        for count in range(wanted):
            self._repeat(
                [
                    trial
                    for trial in trials[: self._trying.file.recommend]
                    if len(confirmed.get(trial.number, Confirmation()).figures) == count
                ]
            )

    def _batch(self) -> list[Start]:
        trying = self._trying
        room = self._room()
        if room == 0:
            return []
        new = trying.room(room)
        for_repeats = self._for_repeats()
        may_repeat = bool(trying.trials) and for_repeats > 0
        if may_repeat and new == 0:
            # A repeat may need a baseline of its seed, too.
            room = int(max(1, min(room, for_repeats // (self._legs + 1))))
        starts = self._correction.suggest(room, new=new, price=self._price if may_repeat else None)
        left = self._correction.left
        if left is None or _worthwhile(left):
            return starts
        if left.volume == 0.0 and new > 0 and self._correction.learning.surface.tells_noise:
            tried = f"After {len(trying.trials)} trials the" if trying.trials else "The"
            self._go_without(f"{tried} simulator promised nothing that is worth a run")
            return self._batch()
        trying.notes.append(self._ended(left, new))
        return []

    def _room(self) -> int:
        """How many runs there may be in the next batch."""
        if self._trying.out_of_time():
            return 0
        if self._most_starts is None:
            return self._at_once
        return min(self._at_once, (self._most_starts - self._starts) // self._legs)

    def _for_repeats(self) -> float:
        """How many starts there are for repeats, beside those that are kept for new schemes."""
        trials = self._trying.file.budget.trials
        if self._most_starts is None or trials is None:
            return math.inf
        kept = self._legs * max(0, trials - len(self._trying.trials))
        left = self._most_starts - self._starts - kept
        a_batch = self._at_once * (self._legs + 1)
        return left if kept == 0 or left >= a_batch else 0

    def _ended(self, left: Left, new: int) -> str:
        trials = f"{len(self._trying.trials)} trials and {self._starts} starts"
        if new == 0:
            return f"After {trials} nothing was left that was worth running again."
        told = f"The search ended by itself after {trials}"
        if left.volume == 0.0 and left.gain == 0.0:
            return f"{told}: nothing that keeps the limits saves anything, so far as is known."
        return (
            f"{told}: one more run would add less than {_SHARE:.2%}, or less than {100 * _POINTS:g} "
            "points, to what is recommended."
        )

    def _price(self, parameters: ParameterSet) -> int | None:
        """How many starts of the workload it takes to run *parameters* once more; None: too many."""
        seed = self._next_seed(self._trial(parameters))
        if seed is None:
            return None
        baseline = 0 if self._legs > 1 or seed in self._had else 1
        price = self._legs + baseline
        return price if price <= self._for_repeats() else None

    def _next_seed(self, trial: Trial) -> int | None:
        if trial.state is not TrialState.COMPLETE:
            return None
        confirmation = self._trying.confirmed.confirmations.get(trial.number)
        if confirmation is None:
            return self._seeds[0] if self._seeds else None
        if confirmation.failure is not None or len(confirmation.figures) >= len(self._seeds):
            return None
        return self._seeds[len(confirmation.figures)]

    def _trial(self, parameters: ParameterSet) -> Trial:
        return next(t for t in self._trying.trials if t.parameters == parameters)

    def _try(self, wanted: Sequence[Start]) -> None:
        count = len(self._trying.trials)
        asked = [
            _Asked(number=count + at, parameters=start.parameters)
            for at, start in enumerate(wanted)
        ]
        if not asked:
            return
        for one, trial in self._trying.batch(asked):
            self._tell(one.parameters, _shown(trial))

    def _repeat(self, wanted: Sequence[Trial]) -> None:
        pairs: list[tuple[Trial, int]] = []
        for trial in wanted:
            seed = self._next_seed(trial)
            if seed is not None and trial.number not in {one.number for one, _ in pairs}:
                pairs.append((trial, seed))
        if not pairs:
            return
        found = self._trying.again(pairs, confirms=True, series=True)
        for (trial, seed), figures in zip(pairs, found, strict=True):
            self._had.add(seed)
            self._repeats += 1
            if figures is not None:
                self._tell(trial.parameters, figures)
            self._trying.emit(ConfirmationFinished(done=self._repeats, total=self._repeats))

    def is_better_than_off(self, trial: Trial) -> bool:
        """Whether what a trial showed is better than DAMON off in some objective."""
        off = self._trying.off()
        if off is None:
            return True
        confirmation = self._trying.confirmed.confirmations.get(trial.number)
        again = () if confirmation is None else confirmation.figures
        objectives = self._trying.file.objectives
        shown = minimised(mean([trial.figures, *again]), objectives)
        return any(
            ours < theirs for ours, theirs in zip(shown, minimised(off, objectives), strict=True)
        )

    def beliefs(self) -> dict[int, Belief]:
        """Give what is believed of each measured trial, by number."""
        trying = self._trying
        confirmed = trying.confirmed.confirmations
        runs = {}
        for trial in trying.trials:
            if trial.state is TrialState.COMPLETE:
                again = confirmed[trial.number].figures if trial.number in confirmed else ()
                runs[trial.number] = (trial.figures, *again)
        made = beliefs(runs, trying.file.objectives)
        for parameters, expected in self._correction.expected():
            number = self._trial(parameters).number
            if number in made:
                made[number] = _believed(made[number], expected)
        return made


def _shown(trial: Trial) -> Figures | None:
    """Give what a trial tells: of one that was ended early, the least that its figures can be."""
    if trial.state is TrialState.CENSORED:
        return trial.at_least
    return None if trial.state is TrialState.FAILED else trial.figures


def _believed(by_runs: Belief, expected: Expected) -> Belief:
    """Take what the model expects of its figures, and what several runs show of all others."""
    if by_runs.freedom == math.inf:  # one run: nothing is known of how far others would differ
        by_runs = replace(by_runs, mean={}, error={}, spread={})
    return replace(
        by_runs,
        mean={**by_runs.mean, **expected.mean},
        error={**by_runs.error, **expected.error},
        spread={**by_runs.spread, **expected.spread},
        freedom=expected.freedom,
        within=expected.within,
    )


def _worthwhile(left: Left) -> bool:
    """Say whether the best run adds more than the user cares for."""
    return left.gain > _SHARE * left.volume and left.gain * left.stake > _POINTS
