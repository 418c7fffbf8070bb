from __future__ import annotations

import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.runner.output import Output
from tests.runner.programs import WAIT_S, wait_for

LONGEST = 1 << 14


def printed(*pieces: bytes) -> tuple[list[str], Output]:
    """The lines that are found in what is printed in such pieces."""
    ours, theirs = os.pipe()
    lines: list[str] = []
    output = Output(ours, lines.append)
    for piece in pieces:
        os.write(theirs, piece)
    os.close(theirs)
    output.wait(WAIT_S)
    return lines, output


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))), st.data())
def test_lines_are_whole_however_they_are_cut_into_pieces(
    texts: list[str], data: st.DataObject
) -> None:
    whole = "".join(f"{text}\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    lines, _ = printed(*(piece for piece in pieces if piece))

    assert lines == texts


def test_a_last_line_without_an_end_counts() -> None:
    lines, output = printed(b"first\nlast")

    assert lines == ["first", "last"]
    assert output.last_line() == "last"


def test_a_line_is_heard_as_soon_as_it_is_whole() -> None:
    ours, theirs = os.pipe()
    lines: list[str] = []
    output = Output(ours, lines.append)

    os.write(theirs, b"ready\nand th")

    wait_for(lambda: lines == ["ready"])
    os.write(theirs, b"en\n")
    wait_for(lambda: lines == ["ready", "and then"])
    os.close(theirs)
    output.wait(WAIT_S)


def test_bytes_that_are_no_text_are_replaced() -> None:
    lines, _ = printed(b"caf\xe9 \xff\xfe\n", "é".encode()[:1], b"\n")

    assert lines == ["caf\ufffd \ufffd\ufffd", "\ufffd"]


@pytest.mark.parametrize(
    ("written", "last"),
    [
        (
            b"GET: rps=3.0     \r      \rGET: 5.00 requests per second   \n",
            "GET: 5.00 requests per second",
        ),
        (b"10 %\r20 %\r\n", "20 %"),
        (b"wide      apart\n", "wide apart"),
    ],
)
def test_a_line_that_is_written_over_is_quoted_as_it_is_seen_last(
    written: bytes, last: str
) -> None:
    assert printed(written)[1].last_line() == last


def test_ends_of_lines_may_be_those_of_windows() -> None:
    assert printed(b"one\r\ntwo\r\n")[0] == ["one", "two"]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_only_the_beginning_of_a_long_line_is_looked_at(end: bytes) -> None:
    megabytes = b"a" * (3 << 20)

    lines, _ = printed(b"work: 1 ", megabytes, end, b"next\n" if end else b"")

    assert [line[:LONGEST] for line in lines] == lines
    assert lines[0] == ("work: 1 " + "a" * LONGEST)[:LONGEST]
    assert lines[1:] == (["next"] if end else [])


def test_a_line_without_an_end_takes_little_memory() -> None:
    megabytes = b"a" * (4 << 20)
    tracemalloc.start()
    try:
        printed(megabytes)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 1 << 20


def test_megabytes_of_lines_are_all_looked_at() -> None:
    count = 200_000
    ours, theirs = os.pipe()
    total = [0]

    def add(line: str) -> None:
        total[0] += int(line)

    output = Output(ours, add)
    with os.fdopen(theirs, "w") as stream:
        stream.writelines(f"{number:020}\n" for number in range(count))
    output.wait(WAIT_S)

    assert total[0] == count * (count - 1) // 2
    assert int(output.last_line()) == count - 1


def test_the_last_line_is_the_last_that_says_something_and_short() -> None:
    assert printed(b"why\n\n \n")[1].last_line() == "why"
    assert printed()[1].last_line() == ""
    long = printed(b"b" * 1000)[1].last_line()
    assert len(long) < 400
    assert long.endswith("b...")


def test_the_pipe_is_closed_at_the_end() -> None:
    ours, theirs = os.pipe()
    output = Output(ours, lambda _: None)
    os.close(theirs)
    output.wait(WAIT_S)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(ours)
