"""Baselines at another speed, kept on disk by the fingerprint of the baseline that they belong to."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path

from autotune.experiment.other_speed import OtherSpeed


class KeptSpeeds:
    """A folder of small files, one for each baseline.

    Args:
        folder: Made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, fingerprint: str) -> OtherSpeed | None:
        """Give what is kept for the baseline *fingerprint*; None if nothing readable is."""
        try:
            return OtherSpeed(**json.loads(self._path(fingerprint).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, fingerprint: str, found: OtherSpeed) -> None:
        """Keep *found*. A folder that can't be written keeps nothing."""
        path = self._path(fingerprint)
        partial = path.with_suffix(".partial")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(dataclasses.asdict(found)))
            partial.replace(path)

    def _path(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint}.json"
