"""Reads scheme files of every format: damo's JSON, YAML and commands, one-line text, parameters."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from autotune import catalog, document
from autotune.damon.damos import Scheme
from autotune.damon.monitoring import Monitoring, OperationsSet, Target
from autotune.errors import InputError, Where
from autotune.formats import (
    damo_command,
    damo_json,
    damo_yaml,
    damos_text,
    debugfs,
    module_parameters,
    other_forms,
)
from autotune.formats.file_kinds import PATTERN, RECORDING, told_kind
from autotune.formats.module_parameters.assignments import is_assignments
from autotune.formats.text import unix_lines
from autotune.formats.warn import Warn, ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeFile:
    """What a scheme file says.

    Attributes:
        schemes: One or more schemes, in the file's order.
        monitoring: DAMON's attributes; None if the file does not say them.
        target: What is monitored; None if the file's format has no place for it.
        of_module: Whether the file has parameters of a kernel module, which fixes all other fields.
    """

    schemes: tuple[Scheme, ...]
    monitoring: Monitoring | None = None
    target: Target | None = None
    of_module: bool = False


def _is_json(text: str) -> bool:
    """Say whether a text means to be JSON; a unit of systemd begins with a bracket too."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    if not is_assignments(text):
        return True
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _of_damo(parsed: damo_json.Parsed) -> SchemeFile:
    return SchemeFile(schemes=parsed.schemes, monitoring=parsed.monitoring, target=parsed.target)


def _parse(text: str, path: Path, warn: Warn) -> SchemeFile:
    if _is_json(text):
        return _of_damo(damo_json.loads(text, path, warn))
    if damo_yaml.is_yaml(text):
        return _of_damo(damo_json.read(damo_yaml.parse(text, path, warn)))
    if damo_command.is_command(text):
        return _of_damo(damo_json.read(damo_command.parse(text, path, warn)))
    if (kind := told_kind(text.encode())) is PATTERN:
        raise InputError(kind.refusal("a scheme", path), Where(path))
    if is_assignments(text):
        settings = module_parameters.loads(text, path, warn)
        return SchemeFile(
            schemes=settings.schemes,
            monitoring=settings.monitoring,
            target=Target(operations=OperationsSet.PADDR, pid=None, regions=settings.regions),
            of_module=True,
        )
    if debugfs.is_debugfs(text):
        return SchemeFile(schemes=debugfs.loads(text, path, warn))
    if kind is not None:
        raise InputError(kind.refusal("a scheme", path), Where(path))
    if (message := other_forms.remedy(text)) is not None:
        raise InputError(message, Where(path))
    return SchemeFile(schemes=damos_text.loads(text, path))


def load_scheme_file(path: Path, *, warn: Warn = ignore) -> SchemeFile:
    """Read a scheme file of any format. Its content tells the format, not its suffix.

    Args:
        path: The file.
        warn: Called with one line about each thing that is read and has no effect.

    Raises:
        InputError: If the file can't be read, is no scheme file, or has no scheme in it.
    """
    if (kind := told_kind(document.read_bytes(path))) is RECORDING:
        raise InputError(kind.refusal("a scheme", path), Where(path))
    file = _parse(unix_lines(document.read_text(path)), path, warn)
    if not file.schemes:
        raise InputError(
            "there is no scheme in it: write one, such as 4K max 0 0 10s max pageout", Where(path)
        )
    return file


def load_schemes(path: Path) -> tuple[Scheme, ...]:
    """Read the schemes of a scheme file of any format.

    Raises:
        InputError: If the file can't be read, is no scheme file, or has no scheme in it.
    """
    return load_scheme_file(path).schemes


def resolve(name_or_path: str, relative_to: Path) -> Path:
    """Find the file of a reference scheme's name, or of a path.

    Args:
        name_or_path: The name or path, as the user wrote it.
        relative_to: The folder that a path is relative to.

    Raises:
        InputError: If there is neither such a reference scheme nor such a file.
    """
    if re.search(r"\s", name_or_path) and not catalog.is_file(relative_to / name_or_path):
        raise InputError(
            f"no file '{name_or_path}' in {relative_to}: a scheme itself goes into a file, such as "
            "mine.damos: name that"
        )
    return catalog.find(name_or_path, "reference_schemes", relative_to)
