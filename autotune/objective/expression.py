"""Arithmetic over named figures, as users write it in objectives and constraints.

An expression has numbers (also `5%`), names, ``+ - * / ( )``, unary minus, `min`, `max` and `abs`, and
nothing else. Python never runs a part of it.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from autotune.errors import nearest
from autotune.units import parse_share

MAX_LENGTH = 200
"""Longest expression, in characters. The limit keeps the recursion over it shallow."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:\s*%)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[-+*/(),]))",
    re.ASCII,
)
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }
)
_FUNCTIONS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {"abs": abs, "max": max, "min": min}
)
_SYNTAX = "use numbers, names, + - * / ( ), min(), max() and abs()"


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. Two expressions that differ only in blanks are equal.

    Attributes:
        text: The expression as it was written.
        names: The figures that the expression needs.
    """

    text: str = field(compare=False)
    names: frozenset[str] = field(compare=False, repr=False)
    _tokens: tuple[str, ...] = field(repr=False)
    _tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, known: Collection[str]) -> Expression:
        """Read an expression over the names *known*.

        Raises:
            ValueError: If the text is not such arithmetic, or a name is unknown.

        >>> Expression.parse("memory_saving - 2 * max(slowdown, 5%)", ["memory_saving", "slowdown"])
        Expression(text='memory_saving - 2 * max(slowdown, 5%)')
        >>> Expression.parse("memory_savin", ["memory_saving", "slowdown"])
        Traceback (most recent call last):
        ValueError: unknown name 'memory_savin' in 'memory_savin': did you mean 'memory_saving'?
        """
        text = text.strip()
        if len(text) > MAX_LENGTH:
            raise ValueError(
                f"'{text[:20]}...' has {len(text)} characters: at most {MAX_LENGTH} are read"
            )
        tokens = _tokens(text, known)
        try:
            tree = ast.parse(" ".join(tokens), mode="eval").body
        except (SyntaxError, MemoryError) as error:
            raise ValueError(f"'{text}' is not an expression: {_SYNTAX}") from error
        return cls(text, frozenset(_check(tree, text)), tokens, tree)

    def evaluate(self, values: Mapping[str, float]) -> float:
        """Compute the value.

        Raises:
            ValueError: If a figure was not measured, or the result is not a finite number.

        >>> Expression.parse("-(a + 5%) / 2", ["a"]).evaluate({"a": 0.95})
        -0.5
        """
        for name in sorted(self.names):
            if name not in values:
                raise ValueError(f"'{self.text}' needs {name}, which was not measured")
        try:
            result = _evaluate(self._tree, values)
        except ZeroDivisionError as error:
            raise ValueError(f"'{self.text}' divides by zero") from error
        if not math.isfinite(result):
            raise ValueError(f"'{self.text}' is not a finite number")
        return result

    def __str__(self) -> str:
        """The text as it was written."""
        return self.text


def _tokens(text: str, known: Collection[str]) -> tuple[str, ...]:
    """Cut *text* into tokens that Python's parser may see; `5%` becomes `0.05`."""
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            character = text[position:].lstrip()[0]
            raise ValueError(f"'{text}' can't be read from '{character}' on: {_SYNTAX}")
        if match["number"]:
            tokens.append(repr(_number(match["number"], text)))
        elif match["name"]:
            name = match["name"]
            if name not in known and name not in _FUNCTIONS:
                raise ValueError(f"unknown name '{name}' in '{text}': {nearest(name, known)}")
            tokens.append(name)
        else:
            tokens.append(match["sign"])
        position = match.end()
    return tuple(tokens)


def _number(token: str, text: str) -> float:
    if token.endswith("%"):
        digits = token[:-1].strip()
        number = float(digits) / 100 if "e" in digits.lower() else parse_share(digits + "%")
    else:
        number = float(token)
    if not math.isfinite(number):
        raise ValueError(f"'{token}' in '{text}' is too large")
    return number


def _check(node: ast.expr, text: str) -> set[str]:
    """Refuse every node that is not on the list of allowed nodes; give the names below *node*."""
    match node:
        case ast.Constant(value=float()):
            return set()
        case ast.Name(id=name) if name not in _FUNCTIONS:
            return {name}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            parts = [left, right]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in _FUNCTIONS:
            if not parts or (len(parts) == 1) != (name == "abs"):
                count = "one argument" if name == "abs" else "two arguments or more"
                raise ValueError(f"{name}() in '{text}' takes {count}")
        case _:
            raise ValueError(f"'{text}' is not an expression: {_SYNTAX}")
    return set[str]().union(*(_check(part, text) for part in parts))


def _evaluate(node: ast.expr, values: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=float(number)):
            return number
        case ast.Name(id=name):
            return float(values[name])
        case ast.UnaryOp(operand=operand):
            return -_evaluate(operand, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*(_evaluate(argument, values) for argument in arguments))
        case _:
            raise AssertionError(f"unchecked node {ast.dump(node)}")
