"""Finds the packages that Python sources import, without running anything.

A source is searched for import statements. A package that was installed says itself what it requires;
where a module has no such metadata, its sources are searched, too. Names that are put together while a
program runs are not found.

Source: the specifications "Core metadata" and "Recording installed projects" of packaging.python.org.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_WORDS: Final = r"[A-Za-z_][\w.]*(?:[ \t]*(?:,|as)[ \t]*[A-Za-z_][\w.]*)*"
_IMPORT: Final = re.compile(
    rf"^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)|import[ \t]+({_WORDS}))", re.MULTILINE
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_REQUIRES: Final = re.compile(r"(?:Requires-Dist:\s*)?([A-Za-z0-9][\w.-]*)([^;]*)(?:;(.*))?")
_METADATA: Final = (".dist-info", ".egg-info")


def imported_names(text: str) -> set[str]:
    r"""Give the first words of all modules that a source imports.

    >>> source = "import os.path, b as a\nif 1:\n from .x import y\n from c.d import e"
    >>> sorted(imported_names(source))
    ['a', 'b', 'c', 'os']
    """
    found: set[str] = set()
    for match in _IMPORT.finditer(text):
        if match[1]:
            found.add(match[1])
        else:
            words = re.split(r"[\s,]+", match[2])
            found |= {word.partition(".")[0] for word in words if word != "as"}
    return found


def words_of(texts: Iterable[str]) -> set[str]:
    """Give all words that could be a module's name: `-m gunicorn`, `app.web:main`."""
    return {name for text in texts for name in _NAME.findall(text)}


def imported_files(names: Iterable[str], folders: Iterable[Path]) -> list[Path]:
    """Find the modules and packages in *folders* that are imported by name, and all that these need.

    Args:
        names: First words of modules.
        folders: Where Python looks, besides its own library.

    Returns:
        Files, and whole folders; metadata and private libraries of a package are among them.
    """
    modules: dict[str, list[Path]] = {}
    projects: dict[str, _Project] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in _METADATA:
                project = _read_project(path)
                projects.setdefault(project.name, project)
            else:
                modules.setdefault(path.name.partition(".")[0], []).append(path)
    owners = {path: project for project in projects.values() for path in project.files}
    found: dict[Path, None] = {}
    waiting = [path for name in sorted(set(names)) for path in modules.get(name, ())]
    while waiting:
        path = waiting.pop()
        if path in found or not path.exists():
            continue
        found[path] = None
        if owner := owners.get(path):
            waiting += owner.files
            for name in owner.requires:
                waiting += projects[name].files if name in projects else ()
        else:
            for source in _sources(path):
                for name in imported_names(source.read_text(errors="replace")):
                    waiting += modules.get(name, ())
    return sorted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    """An installed project: its name, what belongs to it in its folder, and the names it requires."""

    name: str
    files: tuple[Path, ...]
    requires: tuple[str, ...] = field(default=())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_project(metadata: Path) -> _Project:
    """Read a project's metadata: of a wheel, or of an older installation."""
    tops = {line.strip() for line in _lines(metadata / "top_level.txt")}
    record = (line.partition(",")[0].strip('"') for line in _lines(metadata / "RECORD"))
    tops |= {Path(place).parts[0] for place in record if place and not place.startswith("..")}
    folder = metadata.parent
    files = {path for top in tops for path in (folder / top, folder / f"{top}.py")}
    requirements = [line for line in _lines(metadata / "METADATA") if line.startswith("Requires-")]
    for line in _lines(metadata / "requires.txt"):
        if line.startswith("["):  # what follows is for extras only
            break
        requirements.append(line)
    requires = [
        _plain(match[1])
        for line in requirements
        if (match := _REQUIRES.match(line)) and "extra" not in (match[3] or "")
    ]
    return _Project(
        name=_plain(re.split(r"-\d", metadata.stem)[0]),
        files=(metadata, *sorted(path for path in files if path.exists())),
        requires=tuple(requires),
    )


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _sources(path: Path) -> Iterator[Path]:
    if path.suffix == ".py":
        yield path
    elif path.is_dir():
        yield from sorted(path.rglob("*.py"))
