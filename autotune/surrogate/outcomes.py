"""How the runs of a scheme have ended, where runs may end in several ways.

Some schemes have two outcomes: most runs keep a limit, and some break it by far. No mean and no
deviation of few runs tells that. So the share of runs that kept the limits counts beside them: of the
kernel's runs, and of the runs of a prior, which are many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ANOTHER = 0.1
"""That the first run of a scheme has one of two outcomes, and the second run the other, happened with
seven of a hundred schemes that were within a limit first."""
_WORTH = 4.0
"""What a prior says of the share of runs that keep the limits counts as so many runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The runs of m schemes.

    Attributes:
        runs: How many there were, and what else counts as runs, shape ``(m,)``.
        broke: How many broke a limit, shape ``(m,)``.
        chance: What share of a prior's runs keeps the limits, shape ``(m,)``; 1 without a prior.
    """

    runs: Floats
    broke: Floats
    chance: Floats

    def of(self, which: Ints) -> Outcomes:
        """Give the outcomes of some of the schemes."""
        return Outcomes(runs=self.runs[which], broke=self.broke[which], chance=self.chance[which])

    def likely(self, within: Floats, more: Floats | float = 0.0) -> Floats:
        """Give the probability that the next run keeps the limits.

        Args:
            within: The same by means and deviations alone, shape ``(..., m)``.
            more: So many more runs keep the limits, of all or of each scheme.

        >>> two = Outcomes(runs=np.full(2, 3.0), broke=np.array([0, 1]), chance=np.array([1, 1]))
        >>> two.likely(np.ones(2)).round(2).tolist()
        [0.97, 0.86]
        """
        runs = self.runs + more
        share = (_WORTH * self.chance + runs - self.broke) / (_WORTH + runs)
        return np.asarray(np.minimum(within * same_outcome(runs), share))


def same_outcome(runs: Floats) -> Floats:
    """Give the probability that the next run of a scheme has no outcome that none of its *runs* had.

    >>> same_outcome(np.array([1.0, 2.0, 4.0])).round(2).tolist()
    [0.91, 0.95, 0.98]
    """
    runs = np.maximum(runs, 1.0)
    return np.asarray(runs / (runs + _ANOTHER))
