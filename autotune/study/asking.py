"""A search by a sampler of Optuna's interface: ask, measure, tell; then confirm what came out best."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.samplers import BaseSampler

from autotune.space.space import ParameterSet
from autotune.study.confirming import confirm, confirmation_seeds
from autotune.study.events import ConfirmationFinished
from autotune.study.proposals import Proposals
from autotune.study.storage import Storage
from autotune.study.trying import Trying


class SamplerSearch:
    """A search whose proposals come from a sampler.

    Args:
        sampler: Makes the proposals.
        first: Parameter sets to try before these, after the search space's own.
    """

    def __init__(self, sampler: BaseSampler, first: Sequence[ParameterSet] = ()) -> None:
        self._sampler = sampler
        self._first = first

    def go(self, trying: Trying, storage: Storage) -> None:
        """Try what the sampler proposes, and confirm the candidates of the front."""
        file = trying.file
        proposals = Proposals(
            file.name, file.search_space, file.objectives, self._sampler, storage
        )
        given = file.search_space.initial
        new = [values for values in self._first if values not in given]
        proposals.enqueue([*given, *new][: file.budget.trials])
        while (count := trying.room(file.parallel)) > 0:
            for proposal, trial in trying.batch(proposals.ask(count)):
                proposals.tell(proposal, trial)
        chosen = {t.number: t for t in (*trying.candidates(), *trying.published())}
        confirm(
            trying.pool,
            [chosen[number] for number in sorted(chosen)],
            confirmation_seeds(file.seed, file.confirmations),
            trying.confirmed,
            lambda done, total: trying.emit(ConfirmationFinished(done=done, total=total)),
        )
