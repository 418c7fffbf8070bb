from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.damon.damos import UNLIMITED, Range, Scheme
from autotune.damon.monitoring import Monitoring
from autotune.experiment import plain_json
from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.experiment.program import Program, Ready
from autotune.testing import prcl
from tests.strategies import MONITORING, schemes

WORDS = st.text(max_size=8) | st.sampled_from(("unlimited", "null", "1", "é\n'\""))
COMMANDS = st.lists(WORDS, min_size=1, max_size=3).map(tuple)
READY = st.one_of(
    st.integers(0, 10**9).map(lambda delay_us: Ready(delay_us=delay_us)),
    st.sampled_from(("^ready$", "unlimited")).map(lambda line: Ready(line=line)),
    st.integers(1, 65_535).map(lambda port: Ready(port=port)),
    COMMANDS.map(lambda command: Ready(command=command)),
)
PROGRAMS = st.builds(
    Program,
    command=COMMANDS | WORDS.filter(bool),
    client=st.none() | COMMANDS,
    ready=READY,
    work=st.none() | st.just("did ([0-9]+)"),
    folder=WORDS.map(lambda name: f"/{name}"),
    files=st.lists(WORDS.map(lambda name: f"/{name}"), max_size=2).map(tuple),
)
ACCESSES = st.builds(
    Access,
    region=st.just(0),
    random=st.booleans(),
    stride_bytes=st.integers(1, 2**40),
    weight=st.integers(0, 100),
    mode=st.sampled_from(AccessMode),
)
PATTERNS = st.builds(
    Pattern,
    regions=st.builds(
        PatternRegion,
        name=WORDS,
        size_bytes=st.integers(1, 2**40),
        data_file=st.none() | WORDS,
    ).map(lambda region: (region,)),
    phases=st.lists(
        st.builds(
            Phase,
            name=WORDS,
            duration_us=st.integers(0, 10**9),
            accesses=st.lists(ACCESSES, min_size=1, max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """One of everything that travels."""

    workload: Pattern | Program
    monitoring: Monitoring | None
    schemes: tuple[Scheme, ...]


WHOLES = st.builds(
    Whole,
    workload=PATTERNS | PROGRAMS,
    monitoring=st.none() | MONITORING,
    schemes=st.lists(schemes(), max_size=2).map(tuple),
)


@given(WHOLES)
def test_what_travels_arrives(whole: Whole) -> None:
    text = plain_json.dumps(whole)

    arrived = plain_json.from_plain(Whole, json.loads(text))

    assert arrived == whole
    assert plain_json.dumps(arrived) == text


@given(WHOLES)
def test_equal_objects_have_equal_text(whole: Whole) -> None:
    assert plain_json.dumps(copy.deepcopy(whole)) == plain_json.dumps(whole)


@given(WHOLES, WHOLES)
def test_different_objects_have_different_text(one: Whole, other: Whole) -> None:
    assert (plain_json.dumps(one) == plain_json.dumps(other)) == (one == other)


def test_a_text_is_plain_json_in_one_line() -> None:
    text = plain_json.dumps(prcl())

    assert "\n" not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("word", ["unlimited", "null", ""])
def test_a_word_stays_a_word(word: str) -> None:
    program = Program(command=("prlimit", word), client=(word,))

    assert plain_json.from_plain(Program, plain_json.to_plain(program)) == program


def test_a_limit_that_is_none_is_no_number() -> None:
    assert plain_json.to_plain(Range(1))["max"] == "unlimited"
    assert plain_json.from_plain(Range, plain_json.to_plain(Range(1))).max == UNLIMITED


@pytest.mark.parametrize("value", [{1: 2}, [1], object(), b"bytes"])
def test_what_has_no_plain_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r" has no plain form$"):
        plain_json.dumps((1, value))


def _broken() -> list[Any]:
    good = plain_json.to_plain(Program(command=("a",)))
    return [
        None,
        [],
        "text",
        {},
        {**good, "kind": "Pattern"},
        {**good, "unknown": 1},
        {name: value for name, value in good.items() if name != "work"},
        {**good, "ready": {**good["ready"], "kind": "Phase"}},
        {**good, "files": 7},
        {**good, "ready": 7},
        {**good, "command": {"kind": "Range", "min": 0, "max": 1}},
        {**good, "folder": "relative"},
    ]


@pytest.mark.parametrize("value", _broken())
def test_what_is_no_plain_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the class's own check says it, or the reader
        plain_json.from_plain(Program, value)


def test_an_unknown_one_of_several_classes_is_refused() -> None:
    value = plain_json.to_plain(
        Whole(workload=Program(command=("a",)), monitoring=None, schemes=())
    )
    value["workload"]["kind"] = "Recording"

    with pytest.raises(ValueError, match=r" is no plain Whole$"):
        plain_json.from_plain(Whole, value)
