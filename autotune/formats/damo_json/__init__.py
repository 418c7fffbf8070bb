"""damo's JSON: the full form ``{"kdamonds": [...]}`` and the list of schemes ``[...]``."""

from __future__ import annotations

from autotune.formats.damo_json.reader import Parsed, loads, read
from autotune.formats.damo_json.writer import dumps_kdamonds, dumps_schemes

__all__ = ["Parsed", "dumps_kdamonds", "dumps_schemes", "loads", "read"]
