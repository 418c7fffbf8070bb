"""What a study searches by."""

from __future__ import annotations

from typing import Protocol

from autotune.study.storage import Storage
from autotune.study.trying import Trying


class Search(Protocol):
    """Tries parameter sets, and measures again what may be recommended."""

    def go(self, trying: Trying, storage: Storage) -> None:
        """Search until the budget is used up, or nothing more is to be had.

        Args:
            trying: Measures, and keeps all that comes of it.
            storage: Where an Optuna study is kept for those who look at it with Optuna's tools.

        Raises:
            BackendUnavailableError: If nothing can be measured any more.
            RunError: If the storage failed, or a listener could not do its part.
        """
        ...
