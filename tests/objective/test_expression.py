from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autotune.objective.expression import MAX_LENGTH, Expression

VALUES = {"a": 3.0, "b": -0.5, "c": 0.25}
SYNTAX = "use numbers, names, + - * / ( ), min(), max() and abs()"

ATOMS = st.one_of(
    st.sampled_from(sorted(VALUES)),
    st.integers(0, 99).map(str),
    st.sampled_from(["0.5", "1e3", ".25", "7."]),
)


def _joined(parts: tuple[str, str, str]) -> str:
    return f"{parts[0]} {parts[1]} {parts[2]}"


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(_joined),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"abs({text})"),
        st.tuples(inner, inner).map(lambda pair: f"max({pair[0]}, {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"min({pair[0]},{pair[1]})"),
    )


@given(st.recursive(ATOMS, _grown, max_leaves=12))
def test_arithmetic_is_pythons_own(text: str) -> None:
    assume(len(text) <= MAX_LENGTH)
    try:
        expected = float(eval(text, {}, dict(VALUES)))  # noqa: S307 - the oracle, on our own text
    except ZeroDivisionError:
        expected = math.nan
    expression = Expression.parse(text, VALUES)

    if math.isfinite(expected):
        assert expression.evaluate(VALUES) == expected
    else:
        with pytest.raises(ValueError, match=r"divides by zero|not a finite number"):
            expression.evaluate(VALUES)


@given(st.integers(0, 10_000))
def test_a_percentage_is_a_hundredth(number: int) -> None:
    assert Expression.parse(f"{number}%", []).evaluate({}) == number / 100


@given(st.text(max_size=30))
def test_any_text_is_an_expression_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        Expression.parse(text, VALUES)


def test_an_expression_knows_the_names_it_needs() -> None:
    expression = Expression.parse("min(a, 2) * b - b", VALUES)

    assert expression.names == {"a", "b"}


def test_spacing_makes_no_difference() -> None:
    assert Expression.parse("a+5%", VALUES) == Expression.parse(" a +  5 % ", VALUES)
    assert Expression.parse("a+b", VALUES) != Expression.parse("b+a", VALUES)


def test_an_expression_prints_as_it_was_written() -> None:
    assert str(Expression.parse(" a +  5 % ", VALUES)) == "a +  5 %"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a ** 2",
        "a // b",
        "+a",
        "a, b",
        "(a",
        "a)",
        "a()",
        "min",
        "abs(*a)",
        "max((a, b), a)",
    ],
)
def test_what_is_not_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Expression.parse(text, VALUES)

    assert str(error.value) == f"'{text}' is not an expression: {SYNTAX}"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a.real", "."),
        ("a[0]", "["),
        ("'a'", "'"),
        ("a % 5", "%"),
        ("1_000", "1"),
        ("0x10", "0"),
        ("3j", "3"),
        ("a == b", "="),
        ("a; b", ";"),
    ],
)
def test_characters_that_are_not_arithmetic_are_named(text: str, rest: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        Expression.parse(text, VALUES)

    assert str(error.value) == f"'{text}' can't be read from '{rest}' on: {SYNTAX}"


@pytest.mark.parametrize(
    ("parse", "message"),
    [
        (
            lambda: Expression.parse("slowdwn + 1", ["slowdown", "cpu_use"]),
            "unknown name 'slowdwn' in 'slowdwn + 1': did you mean 'slowdown'?",
        ),
        (
            lambda: Expression.parse("__import__(a)", VALUES),
            "unknown name '__import__' in '__import__(a)': known are a, b, c",
        ),
        (
            lambda: Expression.parse("min(a)", VALUES),
            "min() in 'min(a)' takes two arguments or more",
        ),
        (lambda: Expression.parse("abs(a, b)", VALUES), "abs() in 'abs(a, b)' takes one argument"),
        (lambda: Expression.parse("1e999", VALUES), "'1e999' in '1e999' is too large"),
        (
            lambda: Expression.parse("-" * 201, VALUES),
            "'--------------------...' has 201 characters: at most 200 are read",
        ),
        (
            lambda: Expression.parse("a / (b - b)", VALUES).evaluate(VALUES),
            "'a / (b - b)' divides by zero",
        ),
        (
            lambda: Expression.parse("1e300 * 1e300", VALUES).evaluate(VALUES),
            "'1e300 * 1e300' is not a finite number",
        ),
        (
            lambda: Expression.parse("a + b", VALUES).evaluate({"b": 1.0}),
            "'a + b' needs a, which was not measured",
        ),
    ],
)
def test_the_message_says_what_is_wrong(parse: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared whole below
        parse()

    assert str(error.value) == message


@pytest.mark.parametrize(("left", "right"), [("(", ")"), ("-", ""), ("abs(", ")")])
def test_the_deepest_nesting_that_fits_is_evaluated(left: str, right: str) -> None:
    depth = (MAX_LENGTH - 1) // len(left + right) // 2 * 2

    expression = Expression.parse(left * depth + "a" + right * depth, VALUES)

    assert expression.evaluate(VALUES) == VALUES["a"]
