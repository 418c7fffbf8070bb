"""damo's YAML: the full form, ``kdamonds:``, or a list of schemes. It says the same as damo's JSON.

damo reads YAML 1.1, where ``yes`` and ``off`` are true and false.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from autotune.errors import InputError, Where
from autotune.formats.damo_json import tree
from autotune.formats.warn import Warn, ignore

_FIRST = re.compile(r"(kdamonds\s*:|-\s+[a-z_]+\s*:).*")
_OF_DAMO = re.compile(r"^[\s-]*(kdamonds|contexts|action|access_pattern)\s*:", re.MULTILINE)


def is_yaml(text: str) -> bool:
    """Say whether a text is damo's YAML."""
    rows = (row.rstrip() for row in text.split("\n"))
    content = (row for row in rows if row and row != "---" and not row.lstrip().startswith("#"))
    return _FIRST.fullmatch(next(content, "")) is not None and _OF_DAMO.search(text) is not None


def parse(text: str, source: Path | str, warn: Warn = ignore) -> tree.Node:
    """Read YAML as `autotune.formats.damo_json.tree` reads JSON.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.
        warn: Called with one line about each key that is ignored.

    Raises:
        InputError: If the text is not YAML (with line and column), or an object has a key twice.
    """
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    try:
        value = reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = Where(source, mark.line + 1, mark.column + 1) if mark else Where(source)
        problem = " ".join(str(error.problem or "it can't be parsed").split())
        raise InputError(f"not YAML: {problem}", where) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"not YAML: {' '.join(str(error).split())}", Where(source)) from error
    try:
        return tree.parse(json.dumps(value, default=str), source, warn)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError("no scheme in YAML: write kdamonds: first", Where(source)) from error
