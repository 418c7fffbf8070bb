"""YAML text to the parser's nodes, every mistake in one line."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError

from autotune.errors import InputError, Where


def compose(text: str, source: Path | str) -> Node | None:
    """Parse YAML 1.2, without giving values a type.

    Returns:
        The outermost node; None if there is nothing but comments.

    Raises:
        InputError: If *text* is not one document of YAML 1.2; *source* is named in the message.
    """
    if re.search(r"^%YAML\s+(?!1\.2\s*$)", text, re.MULTILINE):
        line = text[: text.index("%YAML")].count("\n") + 1
        raise InputError("files are YAML 1.2: leave the %YAML line out", Where(source, line))
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Where(source, mark.line + 1, mark.column + 1) if mark else Where(source)
        raise InputError(_syntax_message(error), where) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"character U+{ord(text[error.position]):04X} is not allowed in YAML: remove it",
            Where(source, line),
        ) from error
    except (YAMLError, ValueError) as error:
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", Where(source)) from error
    except RecursionError as error:
        raise InputError("nested too deeply: flatten it", Where(source)) from error
    return root


def _syntax_message(error: MarkedYAMLError) -> str:
    problem = (error.problem or "").replace("\n", " ")
    if r"'\t'" in problem:
        return "not YAML: a tab indents this line: use spaces"
    if "another document" in problem:
        return "a second document begins here: a file holds one"
    return f"not YAML: {problem}: check indentation and punctuation up to here"
