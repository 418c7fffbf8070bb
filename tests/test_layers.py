"""Who may import whom: a table of rows and five walls. A test lists all that breaks its rule."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "autotune"

ROWS = """
__main__
cli
views
run_folder lint evaluation
study
workload_file calibration doctor
backends samplers recommendation
runner surrogate
native formats objective testing
driver space experiment trial
damon document catalog cache
units errors interrupts __init__
"""
"""The parts of the package, folders and loose modules; each imports from rows below its own."""

NOT_FOR = {
    ("backends", "runner", "driver"): {"space", "objective", "samplers", "study"},
    ("samplers", "recommendation", "surrogate"): {"backends"},
    ("study",): {"run_folder"},
}
"""Three walls: what a part must not need, through whatever other modules."""

GUEST_SIDE = {"damon", "experiment", "driver", "runner"}
"""The fourth wall: these run in a small guest too, where nothing is installed beside Python."""

TERMINAL = {"views", "cli", "__main__"}
"""The fifth wall: only these show anything, with rich and typer."""

MOST_LOOSE_MODULES = 10

ROW = {part: number for number, row in enumerate(ROWS.split("\n")) for part in row.split()}


def name_of(path: Path) -> str:
    """Name of the module in a file: ``autotune.formats.masim``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def part_of(module: str) -> str:
    """Part of the package that a module is in: a folder, or a module beside the folders."""
    return (*module.split("."), "__init__")[1]


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = node.module or ""
            children = {f"{parent}.{alias.name}" for alias in node.names}
            names.update(children & MODULES.keys())
            if not children <= MODULES.keys():
                names.add(parent)
    return names


IMPORTS = {module: _imports(path) for module, path in MODULES.items()}
"""What each module imports, wherever in its code."""

OWN = {module: {n for n in names if n in MODULES} for module, names in IMPORTS.items()}


def reached(module: str) -> dict[str, str]:
    """Everything that a module needs, whatever the way: each with the module that imports it."""
    found, waiting = dict.fromkeys(IMPORTS[module], module), [*OWN[module]]
    while waiting:
        through = waiting.pop()
        for name in IMPORTS[through] - found.keys():
            found[name] = through
            waiting += {name} & MODULES.keys()
    return found


def test_every_part_stands_in_one_row_and_few_modules_are_loose() -> None:
    parts = {part_of(module) for module in MODULES}
    loose = [part for part in parts if (PACKAGE / f"{part}.py").is_file()]

    assert parts == ROW.keys()
    assert len(ROWS.split()) == len(ROW)
    assert len(loose) <= MOST_LOOSE_MODULES


def test_imports_go_to_modules_that_are_there_in_the_same_part_or_rows_below() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        for name in sorted(names)
        if name.split(".")[0] == PACKAGE.name
        and (
            name not in MODULES
            or (part_of(name) != part_of(module) and ROW[part_of(name)] <= ROW[part_of(module)])
        )
    ]

    assert not wrong, "\n".join(wrong)


def test_imports_have_no_circles() -> None:
    TopologicalSorter({module: names - {module} for module, names in OWN.items()}).prepare()


@pytest.mark.parametrize("parts", NOT_FOR, ids=" ".join)
def test_a_wall_keeps_parts_from_what_is_not_theirs(parts: tuple[str, ...]) -> None:
    wrong = [
        f"{module} needs {name}, which {through} imports"
        for module in MODULES
        if part_of(module) in parts
        for name, through in reached(module).items()
        if name in MODULES and part_of(name) in NOT_FOR[parts]
    ]

    assert not wrong, "\n".join(wrong)


def test_the_guest_side_needs_the_standard_library_only() -> None:
    wrong = [
        f"{module} needs {name}, which {through} imports"
        for module in MODULES
        if part_of(module) in GUEST_SIDE
        for name, through in reached(module).items()
        if name not in MODULES and name.split(".")[0] not in sys.stdlib_module_names
    ]

    assert not wrong, "\n".join(wrong)


def test_only_what_people_see_imports_rich_and_typer() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        if part_of(module) not in TERMINAL
        for name in names
        if name.split(".")[0] in {"rich", "typer"}
    ]

    assert not wrong, "\n".join(wrong)


def test_damo_is_only_ever_started_by_tests() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        for name in names
        if name.startswith(("damo", "_damo"))
    ]

    assert not wrong, "\n".join(wrong)
