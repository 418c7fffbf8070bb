from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autotune.errors import BackendUnavailableError
from autotune.native.compiler import find_compiler

NAMES = ("cc", "gcc", "clang")


def script(path: Path, text: str = "echo it 1.0") -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def refused(environment: dict[str, str], answer_s: float = 30.0) -> str:
    with pytest.raises(BackendUnavailableError) as error:
        find_compiler(environment, answer_s=answer_s)
    return str(error.value)


@pytest.mark.parametrize("first", range(len(NAMES)))
def test_the_first_of_the_known_names_is_taken(tmp_path: Path, first: int) -> None:
    scripts = [script(tmp_path / name) for name in NAMES[first:]]

    found = find_compiler({"PATH": str(tmp_path)})

    assert found is not None
    assert (found.command, found.version) == ((str(scripts[0]),), "it 1.0\n")
    assert not found.is_zig


def test_the_users_choice_comes_first_with_its_options(tmp_path: Path) -> None:
    script(tmp_path / "cc")
    script(tmp_path / "mine", 'echo "mine $*"')

    found = find_compiler({"PATH": str(tmp_path), "CC": "mine '-D a'"})

    assert found is not None
    assert (found.command, found.version) == (("mine", "-D a"), "mine -D a --version\n")


def test_where_there_is_none_none_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ziglang", None)

    assert find_compiler({"PATH": str(tmp_path)}) is None


def test_the_same_name_on_another_path_is_another_compiler(tmp_path: Path) -> None:
    versions = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        script(tmp_path / name / "mine", f"echo {name}")
        found = find_compiler({"PATH": str(tmp_path / name), "CC": "mine"})
        versions.append(found and found.version)

    assert versions == ["a\n", "b\n"]


def test_a_compiler_that_is_not_there_is_named() -> None:
    assert refused({"CC": "/nowhere/cc -g"}) == (
        "/nowhere/cc: can't be started as a C compiler: No such file or directory: "
        "set CC to one that can"
    )


def test_a_compiler_that_can_not_say_its_version_is_refused(tmp_path: Path) -> None:
    cc = script(tmp_path / "cc", "echo broken >&2; exit 1")

    assert refused({"CC": str(cc)}) == (
        f"{cc}: does not work as a C compiler: broken: set CC to one that does"
    )


def test_a_compiler_that_never_answers_is_refused(tmp_path: Path) -> None:
    cc = script(tmp_path / "cc", "exec sleep 600")

    assert refused({"CC": str(cc), "PATH": "/usr/bin:/bin"}, answer_s=0.1) == (
        f"{cc}: does not work as a C compiler: it says nothing for 0.1 s: set CC to one that does"
    )


def test_unmatched_quotes_in_the_compilers_name_are_refused() -> None:
    assert refused({"CC": "cc '"}) == (
        "CC: cc ': can't be split into words: no closing quotation: mend the quotes"
    )
