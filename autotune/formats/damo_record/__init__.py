"""Recordings in the file format of `damo record`."""

from __future__ import annotations

from autotune.formats.damo_record.reader import is_compressed, load
from autotune.formats.damo_record.writer import check_new, save

__all__ = ["check_new", "is_compressed", "load", "save"]
