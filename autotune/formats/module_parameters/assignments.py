"""Finds the parameters of DAMON's modules in a text, whatever sets them.

::

    name=value                                            lines of a file of parameters
    damon_reclaim.name=value                              a kernel command line, or what makes one
    options damon_reclaim name=value ...                  modprobe.d; a modprobe command
    w /sys/module/damon_reclaim/parameters/name - - - - value        tmpfiles.d
    /sys/module/damon_reclaim/parameters/name:value       what grep prints; sysfs.conf
    echo value > /sys/module/damon_reclaim/parameters/name           a shell, also after cd

What else stands in such a text is left alone. In a text of lines ``name=value`` every line must be one.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autotune.errors import InputError, Where

_PATH = r"module/(?P<module>damon_[a-z_]+)/parameters"
_VALUE = r"""\$\(\((?:[^()]|\([^()]*\))*\)\)|"[^"]*"|'[^']*'|[^\s"'|>;&)\\]+"""
_FOLDER = re.compile(_PATH)
_TMPFILES = re.compile(
    rf'\s*[fFwW]\S*\s+"?\S*{_PATH}/(?P<name>[A-Za-z_]+)"?(?:\s+\S+){{4}}\s+(?P<value>.+)'
)
_ECHO = re.compile(
    rf"(?:echo|printf)\s+(?:-[neE]+\s+)*(?P<value>{_VALUE})\s*"
    r"(?:\|\s*(?:sudo\s+)?tee\s+(?:-a\s+)?|>>?\s*)(?P<target>(?:\"[^\"]*\"|[^\s\"';&|)])+)"
)
_OF_PATH = re.compile(rf"{_PATH}/(?P<name>[A-Za-z_]+)\s*[=:]\s*(?P<value>{_VALUE})")
_DOTTED = re.compile(
    r"(?<![\w./-])(?P<module>damon[_-](?:reclaim|lru[_-]sort|stat))\.(?P<name>[A-Za-z_-]+)"
    r"(?:=(?P<value>\"[^\"]*\"|[^\s\"',;\\)\]]*)|(?=[\s\"',;]|$))"
)
_OPTIONS = re.compile(
    r"\s*(?:options|(?:sudo\s+)?(?:\S*/)?modprobe(?:\s+-\S+)*)\s+"
    r"(?P<module>damon[_-][a-z_-]+)\s+(?P<values>.*)"
)
_OPTION = re.compile(r"([A-Za-z_-]+)=(\"[^\"]*\"|\S*)")
_LINE = re.compile(r"[a-z_]+\s*=.*")
_VARIABLE = re.compile(rf"\s*(?:export\s+|readonly\s+|local\s+)?([A-Za-z_]\w*)=({_VALUE})\s*")
_USE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_PROMPT = re.compile(r"\s*[#$]\s+(?=(?:sudo\s+)?(?:cd|echo|printf|cat|tee|modprobe)\s)")
_COMMAND = re.compile(r"\s*(?:sudo\s+)?(?:cd|echo|printf)\s")
_TRAILING = re.compile(r"\s#.*")
_SUM: Mapping[type[ast.operator], Callable[[int, int], int]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.floordiv,
    }
)
_LONGEST_SUM = 80


@dataclass(frozen=True, slots=True)
class Assignment:
    """A parameter that is set.

    Attributes:
        module: The module, such as "damon_reclaim"; None in lines of `name=value`.
        name: The parameter's name.
        value: The text of the value, without quotes.
        where: The line.
        again: Whether the parameter may be set more than once, and the last time counts.
    """

    module: str | None
    name: str
    value: str
    where: Where
    again: bool


def is_assignments(text: str) -> bool:
    """Say whether a text sets parameters of a module."""
    rows = [row for row in text.split("\n") if row.strip() and not row.lstrip().startswith("#")]
    return _is_qualified(text) or bool(rows and _LINE.fullmatch(rows[0].strip()))


def assignments(text: str, source: Path | str) -> tuple[Assignment, ...]:
    """Give all parameters that a text sets, in its order.

    Args:
        text: Content of the file.
        source: Name of the file, for messages.

    Raises:
        InputError: If a line sets a parameter in a way that can't be told.
    """
    if _is_qualified(text):
        return tuple(_qualified(text, source))
    return tuple(_lines(text, source))


def _rows(text: str) -> Iterator[tuple[int, str]]:
    """Give rows with the number of their first line; a backslash at a line's end joins lines."""
    first, held = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        first = first or number
        if line.rstrip().endswith("\\"):
            held += line.rstrip()[:-1] + " "
            continue
        yield first, held + line
        first, held = 0, ""
    if held:
        yield first, held


def _is_qualified(text: str) -> bool:
    """Say whether a text names a module where it sets a parameter."""
    for _, row in _rows(text):
        line = _PROMPT.sub("", row)
        if line.lstrip().startswith("#"):
            continue
        named = _FOLDER.search(line) or _OPTIONS.match(line)
        if named is not None or any(True for _ in _dotted(line, Where(""))):
            return True
    return False


def _lines(text: str, source: Path | str) -> Iterator[Assignment]:
    for number, row in enumerate(text.split("\n"), start=1):
        line = _TRAILING.sub("", row).strip()
        if not line or line.startswith("#"):
            continue
        where = Where(source, number)
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign:
            raise InputError(f"'{line}' is no parameter: write name=value", where)
        yield Assignment(None, name, _bare(value), where, again=False)


def _qualified(text: str, source: Path | str) -> Iterator[Assignment]:
    rows = list(_rows(text))
    script = text.startswith("#!") or any(_COMMAND.match(row) for _, row in rows)
    variables: dict[str, str] = {}
    folder: str | None = None
    for number, row in rows:
        # In an example a # may be root's prompt. In a script it begins a comment.
        line = row if script else _PROMPT.sub("", row)
        if line.lstrip().startswith("#"):
            continue
        where = Where(source, number)
        line = _TRAILING.sub("", line)
        if (variable := _VARIABLE.fullmatch(line)) is not None:
            variables[variable[1]] = _bare(variable[2])
        line = _filled(line, variables)
        if (named := _FOLDER.search(line)) is not None:
            folder = named["module"]
        yield from _set_by(line, folder, where)


def _set_by(line: str, folder: str | None, where: Where) -> Iterator[Assignment]:
    """Give what one line sets; *folder* is the module whose folder a shell is in."""
    if (entry := _TMPFILES.fullmatch(line)) is not None:
        yield Assignment(entry["module"], entry["name"], _bare(entry["value"]), where, again=False)
        return
    if (options := _OPTIONS.fullmatch(line)) is not None:
        module = options["module"].replace("-", "_")
        for name, value in _OPTION.findall(options["values"]):
            yield Assignment(module, name.replace("-", "_"), _bare(value), where, again=True)
        return
    echoes = [echo for echo in _ECHO.finditer(line) if _is_parameter(echo["target"], folder)]
    for echo in echoes:
        name = _bare(echo["target"]).rpartition("/")[2]
        yield Assignment(folder, name, _bare(echo["value"]), where, again=True)
    if echoes:
        return
    if _FOLDER.search(line) and re.search(r"(?<![<0-9])>|\btee\b", line):
        raise InputError(
            "what is written here can't be told: write echo NUMBER > PATH OF THE PARAMETER", where
        )
    for entry in _OF_PATH.finditer(line):
        yield Assignment(entry["module"], entry["name"], _bare(entry["value"]), where, again=True)
    yield from _dotted(line, where)


def _dotted(line: str, where: Where) -> Iterator[Assignment]:
    for word in _DOTTED.finditer(line):
        module, name = (word[part].replace("-", "_") for part in ("module", "name"))
        value = word["value"]
        # A switch alone is set, as in `damon_reclaim.enabled`. Other words are prose.
        if value is not None or name == "enabled":
            yield Assignment(
                module, name, _bare("Y" if value is None else value), where, again=True
            )


def _is_parameter(target: str, folder: str | None) -> bool:
    """Say whether a shell writes to a parameter: by its path, or by its name in the folder."""
    path = _bare(target)
    beside = "/" not in path and re.fullmatch(r"[a-z_]+", path) is not None
    return folder is not None and (_FOLDER.search(path) is not None or beside)


def _filled(line: str, variables: Mapping[str, str]) -> str:
    return _USE.sub(lambda use: variables.get(use[1] or use[2], use[0]), line)


def _bare(value: str) -> str:
    """Take the quotes off a value, and reckon what a shell would: ``$((4 * 1024))``."""
    text = re.sub(r"[\"']", "", value).strip()
    if text.startswith("$((") and text.endswith("))") and len(text) <= _LONGEST_SUM:
        try:
            return str(_reckoned(ast.parse(text[3:-2].strip(), mode="eval").body))
        except (ValueError, SyntaxError, ZeroDivisionError, RecursionError):
            return text
    return text


def _reckoned(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _SUM:
        return _SUM[type(node.op)](_reckoned(node.left), _reckoned(node.right))
    raise ValueError("no sum")
