from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import autotune
from autotune.backends.simulator.compiled import compiled
from autotune.backends.simulator.compiled.compiled import COUNTS, SOURCES, code_folder, waiting
from autotune.cache import cache_folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_every_file_with_compiled_code_names_the_folder() -> None:
    simulator = Path(compiled.__file__).parents[1]

    users = {path for path in simulator.rglob("*.py") if "@compiled" in path.read_text()}

    assert len(users) > 10
    assert users <= {*SOURCES}


def test_every_file_with_a_number_that_is_compiled_names_the_folder() -> None:
    package = Path(autotune.__file__).parent
    sources = [path for path in SOURCES if "@compiled" in path.read_text()]

    numbers = {
        package.parent.joinpath(*str(node.module).split(".")).with_suffix(".py")
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("autotune.")
        for name in node.names
        if name.name.isupper()
    }

    assert package / "damon" / "kernel_rules.py" in numbers
    assert numbers <= {*SOURCES}


def test_compiled_code_is_kept_where_all_else_is(environment: dict[str, str]) -> None:
    folder = code_folder(environment)

    assert folder is not None
    assert folder.parent == cache_folder(environment)
    assert folder.is_dir()


def test_numbas_own_setting_comes_first(environment: dict[str, str], tmp_path: Path) -> None:
    folder = code_folder(environment | {"NUMBA_CACHE_DIR": str(tmp_path / "numba")})

    assert folder is not None
    assert folder.parent == tmp_path / "numba" / "damos-autotune"


def test_code_of_a_version_that_nobody_uses_is_removed_and_nothing_else(
    environment: dict[str, str],
) -> None:
    cache = cache_folder(environment)
    old, new, other = (cache / name for name in ("compiled-old", "compiled-new", "kernels"))
    for folder in (old, new, other):
        folder.mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (0, 0))

    code_folder(environment)

    assert [folder.exists() for folder in (old, new, other)] == [False, True, True]


def test_where_nothing_can_be_kept_there_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert code_folder({"XDG_CACHE_HOME": str(tmp_path / "file")}) is None


@pytest.mark.parametrize(
    ("kept", "waits"),
    [
        ((), ["pattern", "recording"]),
        (("kdamond.run", "counting.count_hits"), ["recording"]),
        (("kdamond.run", "counting.count_replayed_hits"), ["pattern"]),
        (("counting.count_hits", "counting.count_replayed_hits"), ["pattern", "recording"]),
        (("kdamond.run", "counting.count_hits", "counting.count_replayed_hits"), []),
    ],
)
def test_who_waits_for_what_is_compiled_first_is_told(
    kept: tuple[str, ...], waits: list[str], tmp_path: Path
) -> None:
    (tmp_path / "damon_1").mkdir()
    for name in kept:
        (tmp_path / "damon_1" / f"{name}-7.py311.nbi").touch()

    told = {
        "pattern": waiting("pattern", tmp_path, {}),
        "recording": waiting("recording", tmp_path, {}),
    }

    assert [source for source, text in told.items() if text is not None] == waits


def test_nobody_waits_where_nothing_is_compiled(tmp_path: Path) -> None:
    assert waiting("pattern", tmp_path, {"NUMBA_DISABLE_JIT": "1"}) is None


def test_where_nothing_can_be_kept_everybody_is_told_to_wait_every_time() -> None:
    assert "every time" in str(waiting("recording", None, {}))


def test_the_functions_that_tell_are_compiled_under_these_names() -> None:
    from autotune.backends.simulator.damon import counting, kdamond

    names = {
        f"{function.__module__.split('.')[-1]}.{function.__name__}"
        for function in (kdamond.run, counting.count_hits, counting.count_replayed_hits)
    }

    assert names == {"kdamond.run", *COUNTS.values()}


class Square(NamedTuple):
    side: int


class Oblong(NamedTuple):
    long: int
    short: int


def _of_square(shape: Square, height: int) -> int:
    return shape.side * shape.side * height


def _of_oblong(shape: Oblong, height: int) -> int:
    return shape.long * shape.short * height


BY_SHAPE: dict[type, Callable[..., int]] = {
    Square: compiled.inlined(_of_square),
    Oblong: compiled.compiled(_of_oblong),
}
volume = compiled.chosen_by_type(BY_SHAPE)


@compiled.compiled
def twice(shape: Square | Oblong, height: int) -> int:
    return 2 * volume(shape, height)


def test_the_type_of_the_first_argument_chooses_a_function() -> None:
    assert (volume(Square(3), 2), volume(Oblong(4, 5), 2)) == (18, 40)


def test_compiled_code_chooses_by_type_too() -> None:
    assert (twice(Square(3), 2), twice(Oblong(4, 5), 2)) == (36, 80)


def test_a_type_that_there_is_no_function_for_is_an_error() -> None:
    with pytest.raises(KeyError):
        volume(1, 2)
