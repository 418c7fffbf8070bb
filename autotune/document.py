"""Reads YAML 1.2. Every key and value knows its place, and an error message is one line.

`Mapping.take` takes one key after another out of a mapping, and reads its value with a function. Then
`Mapping.finish` refuses the keys that were not taken::

    document = load(path)
    memory = document.take("memory", size, example="64M")
    period = document.take("period", duration, default=100_000)
    document.finish()
"""

from __future__ import annotations

import contextlib
import difflib
import re
import shlex
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Mapping as TypingMapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, TypeVar, overload

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from autotune.errors import InputError, Where, nearest, shortened
from autotune.units import gib, parse_duration, parse_share, parse_size

T = TypeVar("T")
D = TypeVar("D")
Reader = Callable[["Value"], T]

_REQUIRED = object()
_INDENT = "  "
"""What a tab that indents stands for."""
_VERBATIM = re.compile(r"[|>][+-]?[0-9]?[ \t]*$|[\"'].*\t", re.MULTILINE)
"""Text that keeps its tabs: blocks, and what stands in quotes."""
_TAG = "tag:yaml.org,2002:"
_KINDS: TypingMapping[str, str] = MappingProxyType(
    {
        "str": "text",
        "timestamp": "text",
        "int": "a number",
        "float": "a number",
        "bool": "true or false",
        "null": "nothing",
    }
)
"""The kinds of scalars, by the tag that the parser gives. The user wrote any tag that is not here."""


_MOST_BYTES = 1 << 30
"""A larger file was named by mistake: an hour of a recording takes some megabytes."""

_PACKED: TypingMapping[bytes, tuple[str, str]] = MappingProxyType(
    {
        b"\x1f\x8b\x08": ("gunzip", ".gz"),
        b"\xfd7zXZ\x00": ("unxz", ".xz"),
        b"\x28\xb5\x2f\xfd": ("unzstd", ".zst"),
        b"BZh": ("bunzip2", ".bz2"),
        b"\x04\x22\x4d\x18": ("unlz4", ".lz4"),
        b"PK\x03\x04": ("unzip", ".zip"),
    }
)
"""How a compressed file begins; the command that unpacks it, and the suffix that this command expects.

Source: magic(5), RFC 1952, RFC 8878.
"""


def read_bytes(path: Path) -> bytes:
    """Give the content of a user's file. No such file is compressed, a recording's JSON aside.

    Raises:
        InputError: If the file is missing, is not a file, is not readable or must be unpacked.
    """
    content = _bytes_of(path)
    for start, (command, suffix) in _PACKED.items():
        if content.startswith(start):
            raise InputError(
                f"is compressed: unpack it first: {_unpacking(command, suffix, path)}", Where(path)
            )
    return content


def _unpacking(command: str, suffix: str, path: Path) -> str:
    """Give the command that unpacks a file; one with another suffix is not taken by its name."""
    name = shlex.quote(str(path))
    if command == "unzip" or path.suffix == suffix:
        return f"{command} {name}"
    return f"{command} <{name} >{shlex.quote(str(path.with_name(f'unpacked-{path.name}')))}"


def _bytes_of(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise InputError("is a device: name a file", Where(path))
        if stat.S_ISFIFO(status.st_mode):
            # A file is read more than once: to tell its kind, and to keep it in a run folder.
            raise InputError(
                "is a pipe, which can be read only once: save it to a file", Where(path)
            )
        if status.st_size > _MOST_BYTES:
            raise InputError(
                f"has {gib(status.st_size)}, too much for a file of this program: check the path",
                Where(path),
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError("no such file: check the path", Where(path)) from error
    except IsADirectoryError as error:
        raise InputError("is a folder: name a file in it", Where(path)) from error
    except PermissionError as error:
        raise InputError("may not be read: check its permissions", Where(path)) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't be read ({reason}): check the path", Where(path)) from error


def read_text(path: Path, *, with_mark: bool = False) -> str:
    """Give the text of a user's file; a byte order mark only if *with_mark*.

    Raises:
        InputError: If the file is missing, is not a file, is not readable, must be unpacked or is not
            UTF-8.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8" if with_mark else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise InputError(
            f"byte 0x{byte:02x} is not UTF-8: save the file as UTF-8", Where(path, line)
        ) from error


def load(path: Path) -> Mapping:
    """Read a YAML file whose outermost level is a mapping.

    Raises:
        InputError: If the file can't be read, is not YAML, repeats a key, or is no mapping.
    """
    return loads(read_text(path), path)


def loads(text: str, source: Path | str) -> Mapping:
    """Read YAML text whose outermost level is a mapping; messages name *source*.

    Raises:
        InputError: If the text is not YAML, repeats a key, or is no mapping.
    """
    root = compose(text, source)
    if root is None:
        raise InputError("is empty: write at least one 'key: value'", Where(source))
    return Value(node=root, where=_place(root, source), label="the file").mapping()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a document, not yet read.

    Attributes:
        node: The value's node, as the parser gave it.
        where: Place of the value, or, if the value is empty, place of its key.
        label: Name of the value in messages: "key 'budget'".
    """

    node: Node
    where: Where
    label: str

    @property
    def is_mapping(self) -> bool:
        """Whether the value has keys."""
        return isinstance(self.node, MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether the value has items."""
        return isinstance(self.node, SequenceNode)

    @property
    def kind(self) -> str:
        """The kind of value, for messages.

        >>> loads("a: [1]", "f").take("a", lambda value: value.kind, example="1")
        'a list'
        """
        if self.is_mapping:
            return "a mapping"
        if self.is_list:
            return "a list"
        return _KINDS.get(self._tag, f"something tagged '{self.node.tag}'")

    @property
    def _tag(self) -> str:
        return str(self.node.tag).removeprefix(_TAG)

    def fail(self, message: str) -> NoReturn:
        """Say what is wrong with this value.

        Raises:
            InputError: Always; its message is *message* with place and label in front.
        """
        raise InputError(f"{self.label}: {self._shortened(message)}", self.where)

    def _shortened(self, message: str) -> str:
        """Write a long value in a message by its begin and its length."""
        content = self.node.value
        if not isinstance(content, str) or (short := shortened(content)) == content:
            return message
        return message.replace(content, short)

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Turn a `ValueError` of the domain into an `InputError` about this value."""
        try:
            yield
        except ValueError as error:
            message = self._shortened(str(error))
            raise InputError(f"{self.label}: {message}", self.where) from error

    def mapping(self) -> Mapping:
        """Read the value as a mapping.

        Raises:
            InputError: If the value is no mapping, or a key is repeated or not plain text.
        """
        if not self.is_mapping:
            self.fail(f"{self.kind} stands here: write a mapping, lines of 'key: value'")
        return Mapping(self)

    def items(self) -> list[Value]:
        """Read the value as a list.

        Raises:
            InputError: If the value is no list.
        """
        if not self.is_list:
            self.fail(f"{self.kind} stands here: write a list, as in [a, b]")
        return [
            Value(
                node=node,
                where=_place(node, self.where.file),
                label=f"{self.label}, item {number}",
            )
            for number, node in enumerate(self.node.value, start=1)
        ]

    def scalar(self, expected: str) -> str:
        """Give the value's text, also if the parser took the value for a number.

        Raises:
            InputError: If the value is empty, a list or a mapping; *expected* is the remedy.
        """
        if not isinstance(self.node, ScalarNode) or self._tag not in _KINDS or self._tag == "null":
            self.fail(f"{self.kind} stands here: {expected}")
        return str(self.node.value)

    def tagged(self, *tags: str, expected: str) -> str:
        """Give the value's text, if the parser gave the value one of *tags*.

        Raises:
            InputError: If the value has another tag; *expected* is the remedy.
        """
        content = self.scalar(expected)
        if self._tag not in tags:
            shown = content if content.strip() else f"'{content}'"
            self.fail(f"{shown} is {self.kind}: {expected}")
        return content


def _place(node: Node, source: Path | str) -> Where:
    return Where(source, node.start_mark.line + 1, node.start_mark.column + 1)


class Mapping:
    """The keys and values of a mapping. Each key can be taken once.

    Raises:
        InputError: If a key is repeated or not plain text.
    """

    def __init__(self, value: Value) -> None:
        self.value = value
        self._left: dict[str, tuple[Where, Value]] = {}
        self._asked: set[str] = set()
        for key, node in value.node.value:
            where = _place(key, value.where.file)
            if not isinstance(key, ScalarNode):
                raise InputError("a key must be plain text: quote it", where)
            empty = isinstance(node, ScalarNode) and not node.value and node.tag == _TAG + "null"
            if key.value in self._left:
                first = self._left[key.value][0]
                raise InputError(
                    f"key '{key.value}' is repeated: it is already in line {first.line}", where
                )
            self._left[key.value] = (
                where,
                Value(
                    node=node,
                    where=where if empty else _place(node, value.where.file),
                    label=f"key '{key.value}'",
                ),
            )

    def __contains__(self, key: str) -> bool:
        """Say whether *key* is there and not taken yet."""
        return key in self._left

    def __iter__(self) -> Iterator[str]:
        """Give the keys that are not taken yet, in the order of the file."""
        return iter(list(self._left))

    def peek(self, key: str) -> Value:
        """Give the value of a key that is not taken yet. The key stays."""
        return self._left[key][1]

    def where(self, key: str | None = None) -> Where:
        """Give the place of a key that is not taken yet; without *key*, the place of the mapping."""
        return self._left[key][0] if key in self._left else self.value.where

    @overload
    def take(self, key: str, reader: Reader[T], *, example: str) -> T: ...

    @overload
    def take(self, key: str, reader: Reader[T], default: D) -> T | D: ...

    def take(
        self, key: str, reader: Reader[T], default: object = _REQUIRED, *, example: str = ""
    ) -> object:
        """Take *key*, and read its value.

        Args:
            key: The key.
            reader: Reads the value.
            default: What a missing key stands for; without it, the key must be there.
            example: A value that the message about a missing key shows.

        Raises:
            InputError: If *reader* raises it, or the key is missing and there is no default.
        """
        self._asked.add(key)
        if key in self._left:
            return reader(self._left.pop(key)[1])
        if default is not _REQUIRED:
            return default
        close = difflib.get_close_matches(key, self._left, n=1)
        if close:
            raise InputError(
                f"unknown key '{close[0]}': did you mean '{key}'?", self._left[close[0]][0]
            )
        raise InputError(
            f"key '{key}' is missing: add it, as in {key}: {example}", self.value.where
        )

    def take_present(
        self, keys: Collection[str], reader_of: Callable[[str], Reader[T]]
    ) -> dict[str, T]:
        """Take those of *keys* that are there, in the file's order, each read with its own reader.

        Raises:
            InputError: If a reader raises it.
        """
        self._asked.update(keys)
        return {key: reader_of(key)(self._left.pop(key)[1]) for key in self if key in keys}

    def entries(self) -> list[tuple[str, Value]]:
        """Take all keys that are not taken yet; give them with their values, in the file's order."""
        entries = [(key, value) for key, (_, value) in self._left.items()]
        self._left.clear()
        return entries

    def finish(self, *, also: Iterable[str] = ()) -> None:
        """Check that every key was taken.

        Args:
            also: Further keys that are allowed here, and that the message may name.

        Raises:
            InputError: If a key was not taken; the message names the nearest known key.
        """
        self.check_known({*self._asked, *also} - self._left.keys())

    def check_known(self, known: Collection[str]) -> None:
        """Check that every key that is not taken yet is in *known*.

        Raises:
            InputError: If a key is not in *known*; the message names the nearest known key.
        """
        for key, (where, _) in self._left.items():
            if key not in known:
                raise InputError(f"unknown key '{key}': {nearest(key, known)}", where)


def itself(value: Value) -> Value:
    """Give the value itself, to be read later."""
    return value


def text(value: Value) -> str:
    """Read text that is not empty."""
    remedy = "write text; in quotes if it looks like a number"
    content = value.tagged("str", "timestamp", expected=remedy)
    if not content.strip():
        value.fail(f"the text is empty: {remedy}")
    return content


def integer(*, at_least: int, at_most: int | None = None) -> Reader[int]:
    """Make a reader of whole numbers within bounds."""

    def read(value: Value) -> int:
        span = f"of {at_least} or more" if at_most is None else f"from {at_least} to {at_most}"
        remedy = f"write a whole number {span}"
        content = value.tagged("int", expected=remedy)
        try:
            number = int(content, 0 if re.match(r"[-+]?0[xo]", content) else 10)
        except ValueError as error:
            raise InputError(f"{value.label}: unreadable: {remedy}", value.where) from error
        if number < at_least or (at_most is not None and number > at_most):
            value.fail(f"{content} is out of range: {remedy}")
        return number

    return read


def boolean(value: Value) -> bool:
    """Read `true` or `false`."""
    content = value.tagged("bool", expected="write true or false")
    return content.lower() == "true"


def one_of(choices: Iterable[str]) -> Reader[str]:
    """Make a reader of one of a few words."""
    known = list(choices)

    def read(value: Value) -> str:
        content = value.scalar(f"write one of {', '.join(known)}")
        if content not in known:
            value.fail(f"unknown '{content}': {nearest(content, known)}")
        return content

    return read


def parsed(parse: Callable[[str], T], expected: str) -> Reader[T]:
    """Make a reader of a function that takes text and raises `ValueError`."""

    def read(value: Value) -> T:
        content = value.scalar(expected)
        with value.blamed():
            return parse(content)

    return read


size = parsed(parse_size, "write a size with its unit, as in 64M")
"""Read a size with a unit, in bytes."""

duration = parsed(parse_duration, "write a duration with its unit, as in 100ms")
"""Read a duration with a unit, in microseconds."""

share = parsed(parse_share, "write a share with a percent sign, as in 5%")
"""Read a percentage, as a fraction."""


def list_of(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Make a reader of a list, which reads every item with *reader*."""
    return lambda value: tuple(reader(item) for item in value.items())


def compose(text: str, source: Path | str) -> Node | None:
    """Parse YAML 1.2. The values of nodes stay text.

    Returns:
        The outermost node; None if there is nothing but comments.

    Raises:
        InputError: If *text* is not one document of YAML 1.2; the message names *source*.
    """
    if re.search(r"^%YAML\s+(?!1\.2\s*$)", text, re.MULTILINE):
        line = text[: text.index("%YAML")].count("\n") + 1
        raise InputError("files are YAML 1.2: leave the %YAML line out", Where(source, line))
    try:
        root = _compose(text)
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


def _compose(text: str) -> Node | None:
    """Parse YAML. Where YAML forbids the tabs of a text, read the text with blanks instead of tabs.

    Raises:
        YAMLError: If that is not YAML either; the error is about *text* as it stands.
    """
    try:
        return _parsed(text)
    except MarkedYAMLError as error:
        if not _is_about_tabs(error) or (without := _without_tabs(text)) is None:
            raise
        try:
            return _parsed(without)
        except (YAMLError, ValueError):
            raise error from None


def _parsed(text: str) -> Node | None:
    root: Node | None = YAML(typ="safe", pure=True).compose(text)
    return root


def _is_about_tabs(error: MarkedYAMLError) -> bool:
    return r"'\t'" in (error.problem or "")


def _without_tabs(text: str) -> str | None:
    r"""Put blanks where tabs indent and separate; None if it is not clear what the tabs mean.

    >>> _without_tabs("a:\n\tb:\t1\n"), _without_tabs("a:\n  b: 1\n\tc: 2\n")
    ('a:\n  b: 1\n', None)
    """
    margins = [re.match(r"[ \t]*", line)[0] for line in text.split("\n") if line.strip()]  # type: ignore[index]
    indents = {margin[0] for margin in margins if margin}
    if len(indents) > 1 or any(" \t" in margin for margin in margins) or _VERBATIM.search(text):
        return None
    indented = re.sub(r"^\t+", lambda tabs: _INDENT * len(tabs[0]), text, flags=re.MULTILINE)
    return re.sub(r"(?<=[:,\[{-])\t+|\t+(?=[\]},#\n]|$)", " ", indented)


def _syntax_message(error: MarkedYAMLError) -> str:
    problem = (error.problem or "").replace("\n", " ")
    if _is_about_tabs(error):
        return "not YAML: a tab stands where YAML wants spaces: use spaces"
    if "another document" in problem:
        return "a second document begins here: a file holds one"
    return f"not YAML: {problem}: check indentation and punctuation up to here"
