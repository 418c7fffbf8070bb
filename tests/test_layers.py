"""Who may import whom: the modules stand in layers, and import only from their own or one below it."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "autotune"

TUNING = frozenset(
    {
        "objective",
        "parameters",
        "scheme_fields",
        "space",
        "space_overrides",
        "space_reading",
    }
)
WORKLOAD_FILE = frozenset({"workload", "workload_reading"})

LAYERS: tuple[frozenset[str], ...] = (
    frozenset(
        {"__init__", "defaults", "destination", "errors", "interrupts", "messages", "units"}
    ),
    frozenset({"damon", "damos", "kernel", "patterns", "spans", "trial"}),
    frozenset(
        {"cache", "machine", "measurement", "native", "program", "recording", "vm_settings"}
    ),
    frozenset({"experiment", "host_settings", "plain", "player_text"}),
    frozenset({"driver"}),
    frozenset({"runner"}),
    frozenset(
        {
            "catalog",
            "document",
            "expression",
            "metrics",
            "pareto",
            "profiles",
            "testing",
            "yaml_nodes",
        }
    ),
    frozenset({"formats"}),
    TUNING,
    WORKLOAD_FILE | {"backends", "samplers"},
    frozenset(
        {
            "available",
            "bench",
            "calibration",
            "checking",
            "confirming",
            "doctor",
            "figures",
            "heat",
            "importance",
            "lint",
            "kept_workload",
            "observer",
            "proposals",
            "recommendation",
            "recording_run",
            "run_record",
            "scheme_export",
            "single",
            "store",
            "study",
            "summary",
            "tables",
            "vm_setup",
            "working_set_sizes",
        }
    ),
    frozenset({"comparison", "exporting", "report"}),
    frozenset({"console", "progress", "recording_view"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""The parts of the package, lowest layer first. A folder is one part."""

NOT_FOR = {
    "backends": TUNING | WORKLOAD_FILE | {"samplers"},
    "samplers": WORKLOAD_FILE | {"backends"},
}
"""What a part must not know although it lies in a lower layer, or in its own."""

STANDARD_LIBRARY_ONLY = frozenset(
    {
        "damon",
        "damos",
        "driver",
        "errors",
        "experiment",
        "formats",
        "kernel",
        "measurement",
        "patterns",
        "plain",
        "player_text",
        "program",
        "recording",
        "runner",
        "spans",
        "trial",
        "units",
    }
)
"""What also runs in a small guest, where nothing is installed beside Python."""


def name_of(path: Path) -> str:
    """Name of the module in a file: ``autotune.formats.masim``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def part_of(module: str) -> str:
    """Part of the package that a module is in: a folder, or a module beside the folders."""
    _, _, rest = module.partition(".")
    return rest.split(".")[0] or "__init__"


def imports(module: str) -> set[str]:
    """Name every module that the code of *module* imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = node.module or ""
            children = {f"{parent}.{alias.name}" for alias in node.names}
            names.update(children & MODULES.keys())
            if not children <= MODULES.keys():
                names.add(parent)
    return names


def own(names: set[str]) -> set[str]:
    """Keep the names of this package's modules."""
    return {name for name in names if name.split(".")[0] == PACKAGE.name}


def layer_of(part: str) -> int | None:
    """Count of the layers below a part's; None if it is in none."""
    return next((index for index, layer in enumerate(LAYERS) if part in layer), None)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_in_a_layer(module: str) -> None:
    part = part_of(module)

    assert layer_of(part) is not None, f"{module} is in no layer: write '{part}' where it belongs"


def test_no_part_is_in_two_layers() -> None:
    parts = [part for layer in LAYERS for part in layer]

    assert len(parts) == len(set(parts))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_layer_or_lower_ones(module: str) -> None:
    layer = layer_of(part_of(module))

    for imported in own(imports(module)):
        other = layer_of(part_of(imported))

        assert imported in MODULES, f"{module} imports {imported}, which is not there"
        assert layer is None or other is None or other <= layer, (
            f"{module} imports {imported}, which lies in a higher layer"
        )


@pytest.mark.parametrize("module", MODULES)
def test_backends_and_samplers_know_nothing_of_what_is_not_theirs(module: str) -> None:
    part = part_of(module)

    for imported in own(imports(module)):
        assert part_of(imported) not in NOT_FOR.get(part, ()), (
            f"{module} imports {imported}, but {part} know nothing of {part_of(imported)}"
        )


def test_imports_have_no_circles() -> None:
    graph = {module: own(imports(module)) - {module} for module in MODULES}

    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    "module", [name for name in MODULES if part_of(name) in STANDARD_LIBRARY_ONLY]
)
def test_what_runs_in_a_guest_needs_the_standard_library_only(module: str) -> None:
    ours, foreign, waiting = {module}, set[str](), [module]
    while waiting:
        names = imports(waiting.pop())
        foreign |= {name.split(".")[0] for name in names - own(names)}
        waiting += own(names) & MODULES.keys() - ours
        ours |= own(names)

    assert foreign <= sys.stdlib_module_names, (
        f"{module} needs {', '.join(sorted(foreign - sys.stdlib_module_names))} to be imported"
    )


@pytest.mark.parametrize("module", MODULES)
def test_shipped_code_never_imports_damo(module: str) -> None:
    for imported in imports(module):
        assert not imported.startswith(("damo", "_damo")), (
            f"{module} imports {imported}: damo is only ever started by tests"
        )
