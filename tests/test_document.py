from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune import document
from autotune.document import Reader, Value
from autotune.errors import InputError, Where
from autotune.units import format_duration, format_size

WORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,10}", fullmatch=True)


def reading(text: str, reader: Reader[object], key: str = "a") -> object:
    keys = document.loads(text, "my.yaml")
    value = keys.take(key, reader, example="1")
    keys.finish()
    return value


def message(text: str, reader: Reader[object]) -> str:
    with pytest.raises(InputError) as error:
        reading(text, reader)
    return str(error.value)


def test_a_value_is_read_as_yaml_1_2_means_it() -> None:
    table: list[tuple[str, Reader[object], object]] = [
        ("a: word", document.text, "word"),
        ("a: on", document.text, "on"),
        ("a: 12:30", document.text, "12:30"),
        ("a: 2020-01-01", document.text, "2020-01-01"),
        ("a: '5'", document.text, "5"),
        ("a: 60", document.integer(at_least=1), 60),
        ("a: 010", document.integer(at_least=1), 10),
        ("a: 0x10", document.integer(at_least=1), 16),
        ("a: true", document.boolean, True),
        ("a: 0", document.duration, 0),
        ("a: 1.5s", document.duration, 1_500_000),
        ("a: 64MiB", document.size, 64 << 20),
        ("a: 5%", document.share, 0.05),
        ("a: [1s, 2s]", document.list_of(document.duration), (1_000_000, 2_000_000)),
        ("a: yes", document.one_of(["yes", "no"]), "yes"),
    ]

    assert {text: reading(text, reader) for text, reader, _ in table} == {
        text: expected for text, _, expected in table
    }


@given(st.integers(1, 1 << 60), st.integers(1, 1 << 60))
def test_sizes_and_durations_read_as_they_print(size: int, duration: int) -> None:
    keys = document.loads(f"s: {format_size(size)}\nd: {format_duration(duration)}", "my.yaml")

    assert keys.take("s", document.size, example="1") == size
    assert keys.take("d", document.duration, example="1") == duration


@given(st.lists(WORDS, unique=True, min_size=1), st.data())
def test_every_key_and_value_knows_its_place(keys: list[str], data: st.DataObject) -> None:
    indents = [data.draw(st.integers(1, 9)) for _ in keys]
    text = "".join(f"'{k}':{' ' * i}x\n" for k, i in zip(keys, indents, strict=True))
    mapping = document.loads(text, "my.yaml")

    for line, (key, indent) in enumerate(zip(keys, indents, strict=True), start=1):
        assert mapping.where(key) == Where("my.yaml", line, 1)
        value = mapping.take(key, document.itself, example="1")
        assert value.where == Where("my.yaml", line, len(key) + 4 + indent)


@given(st.text(max_size=40))
def test_any_text_is_read_or_an_input_error(text: str) -> None:
    try:
        document.loads(text, "my.yaml")
    except InputError as error:
        message = str(error)
    else:
        message = "my.yaml"

    assert message.startswith("my.yaml")


@pytest.mark.parametrize(
    ("text", "reader", "expected"),
    [
        (
            "a: 100",
            document.duration,
            "my.yaml:1:4: key 'a': '100' is not a duration: write a number and one of "
            "us, ms, s, m, h, d, as in 100ms",
        ),
        (
            "a: 64",
            document.size,
            "my.yaml:1:4: key 'a': '64' is not a size: write a number and one of B, K, M, G, T, "
            "as in 64M",
        ),
        (
            "a: 0.05",
            document.share,
            "my.yaml:1:4: key 'a': '0.05' is not a share: write a number and %, as in 5%",
        ),
        (
            "a:\n  b: 1",
            document.duration,
            "my.yaml:2:3: key 'a': a mapping stands here: "
            "write a duration with its unit, as in 100ms",
        ),
        (
            "b: 1\na:",
            document.text,
            "my.yaml:2:1: key 'a': nothing stands here: "
            "write text; in quotes if it looks like a number",
        ),
        (
            "a: 5",
            document.text,
            "my.yaml:1:4: key 'a': 5 is a number: write text; in quotes if it looks like a number",
        ),
        (
            "a: ' '",
            document.text,
            "my.yaml:1:4: key 'a': the text is empty: "
            "write text; in quotes if it looks like a number",
        ),
        (
            "a: '5'",
            document.integer(at_least=1),
            "my.yaml:1:4: key 'a': 5 is text: write a whole number of 1 or more",
        ),
        (
            'a: " "',
            document.integer(at_least=1),
            "my.yaml:1:4: key 'a': ' ' is text: write a whole number of 1 or more",
        ),
        (
            f"a: {'9' * 400}",
            document.integer(at_least=1, at_most=7),
            f"my.yaml:1:4: key 'a': {'9' * 40}... (400 characters) is out of range: "
            "write a whole number from 1 to 7",
        ),
        (
            f"a: {'x' * 5000}",
            document.size,
            f"my.yaml:1:4: key 'a': '{'x' * 40}... (5000 characters)' is not a size: "
            "write a number and one of B, K, M, G, T, as in 64M",
        ),
        (
            "a: 2.5",
            document.integer(at_least=0, at_most=9),
            "my.yaml:1:4: key 'a': 2.5 is a number: write a whole number from 0 to 9",
        ),
        (
            "a: 10",
            document.integer(at_least=0, at_most=9),
            "my.yaml:1:4: key 'a': 10 is out of range: write a whole number from 0 to 9",
        ),
        (
            "a: " + "9" * 5000,
            document.integer(at_least=1),
            "my.yaml:1:4: key 'a': unreadable: write a whole number of 1 or more",
        ),
        ("a: on", document.boolean, "my.yaml:1:4: key 'a': on is text: write true or false"),
        (
            "a: yse",
            document.one_of(["yes", "no"]),
            "my.yaml:1:4: key 'a': unknown 'yse': did you mean 'yes'?",
        ),
        (
            "a: 1s",
            document.list_of(document.duration),
            "my.yaml:1:4: key 'a': text stands here: write a list, as in [a, b]",
        ),
        (
            "a: [1s,\n  x]",
            document.list_of(document.duration),
            "my.yaml:2:3: key 'a', item 2: 'x' is not a duration: write a number and one of "
            "us, ms, s, m, h, d, as in 100ms",
        ),
        (
            "a: [1]",
            lambda value: value.mapping(),
            "my.yaml:1:4: key 'a': a list stands here: write a mapping, lines of 'key: value'",
        ),
        (
            "a: !!python/name:os.system x",
            document.text,
            "my.yaml:1:4: key 'a': something tagged 'tag:yaml.org,2002:python/name:os.system' "
            "stands here: write text; in quotes if it looks like a number",
        ),
        ("a: x\nb: 1", document.text, "my.yaml:2:1: unknown key 'b': known are a"),
        ("aa: x", document.text, "my.yaml:1:1: unknown key 'aa': did you mean 'a'?"),
        ("b: x", document.text, "my.yaml:1:1: key 'a' is missing: add it, as in a: 1"),
    ],
)
def test_a_wrong_value_is_named_with_place_and_remedy(
    text: str, reader: Reader[object], expected: str
) -> None:
    assert message(text, reader) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "my.yaml: is empty: write at least one 'key: value'"),
        ("# nothing\n", "my.yaml: is empty: write at least one 'key: value'"),
        (
            "- a\n",
            "my.yaml:1:1: the file: a list stands here: write a mapping, lines of 'key: value'",
        ),
        ("a: 1\n\na: 2\n", "my.yaml:3:1: key 'a' is repeated: it is already in line 1"),
        (
            "a:\n  b: 1\n\tc: 2\n",
            "my.yaml:3:1: not YAML: a tab stands where YAML wants spaces: use spaces",
        ),
        (
            "a:\n\tb: |\n\t\tc\td\n",
            "my.yaml:2:1: not YAML: a tab stands where YAML wants spaces: use spaces",
        ),
        ("? [a]\n: 1\n", "my.yaml:1:3: a key must be plain text: quote it"),
        ("a: 1\n---\nb: 2\n", "my.yaml:2:1: a second document begins here: a file holds one"),
        ("%YAML 1.1\n---\na: on\n", "my.yaml:1: files are YAML 1.2: leave the %YAML line out"),
        ("a: 1\nb: \x07\n", "my.yaml:2: character U+0007 is not allowed in YAML: remove it"),
        ("a: " + "[" * 10_000, "my.yaml: nested too deeply: flatten it"),
        (
            "a: b: c\n",
            "my.yaml:1:5: not YAML: mapping values are not allowed here: "
            "check indentation and punctuation up to here",
        ),
    ],
)
def test_text_that_is_no_mapping_in_yaml_is_an_error(text: str, expected: str) -> None:
    assert message(text, document.text) == expected


def test_a_directive_for_yaml_1_2_is_welcome() -> None:
    assert reading("%YAML 1.2\n---\na: on\n", document.text) == "on"


def test_a_domain_error_gets_the_place_of_its_value() -> None:
    def read(value: Value) -> None:
        with value.blamed():
            raise ValueError("too much: take less")

    assert message("b: 1\na: 7", read) == "my.yaml:2:4: key 'a': too much: take less"


def test_keys_are_given_in_the_order_of_the_file() -> None:
    keys = document.loads("c: 1\na: 2\nb: 3\n", "my.yaml")

    keys.take("a", document.itself, example="1")

    assert list(keys) == ["c", "b"]
    assert [key for key, _ in keys.entries()] == ["c", "b"]
    assert list(keys) == []


def test_a_missing_key_with_a_default_takes_it() -> None:
    keys = document.loads("a: 1", "my.yaml")

    assert keys.take("b", document.text, None) is None


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: x\n")

    assert document.load(path).take("a", document.text, example="1") == "x"


def test_a_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(InputError) as error:
        document.load(path)

    assert str(error.value) == f"{path}:2: byte 0xff is not UTF-8: save the file as UTF-8"


@pytest.mark.parametrize(
    ("content", "named", "other"),
    [
        (gzip.compress(b"a: 1\n"), "my.yaml.gz", "gunzip <my.yaml >unpacked-my.yaml"),
        (lzma.compress(b"a: 1\n"), "my.yaml.xz", "unxz <my.yaml >unpacked-my.yaml"),
        (bz2.compress(b"a: 1\n"), "my.yaml.bz2", "bunzip2 <my.yaml >unpacked-my.yaml"),
        (b"\x28\xb5\x2f\xfd\x00", "my.yaml.zst", "unzstd <my.yaml >unpacked-my.yaml"),
    ],
)
def test_a_compressed_file_is_told_how_to_unpack_it(
    content: bytes, named: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = other.split()[0]

    for path, remedy in ((Path(named), f"{command} {named}"), (Path("my.yaml"), other)):
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            document.load(path)
        assert str(error.value) == f"{path}: is compressed: unpack it first: {remedy}"


def test_the_commands_that_unpack_a_file_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a file").write_bytes(gzip.compress(b"a: 1\n"))

    with pytest.raises(InputError) as error:
        document.load(Path("a file"))
    subprocess.run(str(error.value).rpartition(": ")[2], shell=True, check=True)  # noqa: S602

    document.load(Path("unpacked-a file")).take("a", document.integer(at_least=1), example="1")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        document.load(tmp_path / "my.yaml")

    assert str(error.value) == f"{tmp_path}/my.yaml: no such file: check the path"


@pytest.mark.parametrize("path", [Path("/dev/zero"), Path("/dev/null")])
def test_a_device_is_an_error(path: Path) -> None:
    with pytest.raises(InputError) as error:
        document.load(path)

    assert str(error.value) == f"{path}: is a device: name a file"


def test_a_pipe_is_an_error_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(InputError) as error:
        document.load(path)

    assert str(error.value) == (
        f"{path}: is a pipe, which can be read only once: save it to a file"
    )


def test_a_huge_file_is_an_error_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "image.yaml"
    with path.open("wb") as file:
        file.truncate(5 << 40)

    with pytest.raises(InputError) as error:
        document.load(path)

    assert str(error.value) == (
        f"{path}: has 5120.0 GiB, too much for a file of this program: check the path"
    )


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        document.load(tmp_path)

    assert str(error.value) == f"{tmp_path}: is a folder: name a file in it"


def test_a_file_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "my.yaml"
    path.touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(InputError) as error:
        document.load(path)

    assert str(error.value) == f"{path}: may not be read: check its permissions"


def test_a_path_through_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "my.yaml"

    with pytest.raises(InputError) as error:
        document.load(path)

    assert str(error.value) == f"{path}: can't be read (Not a directory): check the path"


@pytest.mark.parametrize(
    "text",
    [
        "a:\t{b:\t1,\tc: 2}\n",
        "a:\n\tb: 1\n\tc:\t2\t# two\n",
        "a:\r\n\tb: 1\r\n\tc: 2",
    ],
)
def test_tabs_indent_and_separate_as_blanks_do(text: str) -> None:
    values = document.loads(text, "my.yaml").take("a", document.Value.mapping, example="1")

    read = document.integer(at_least=0)
    assert (values.take("b", read, example="1"), values.take("c", read, example="1")) == (1, 2)


def test_a_tab_in_quotes_stays() -> None:
    values = document.loads('a:\n  - "x:\ty"\n', "my.yaml").take(
        "a", document.list_of(document.text), example="1"
    )

    assert values == ("x:\ty",)
