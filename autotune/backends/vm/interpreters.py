"""Asks an interpreter where its own library is: Python, Java, Node, Ruby, Perl, Lua, PHP, Tcl, R.

An interpreter opens its library by itself, so that no loader knows of it. But it can tell: each is
asked in its own language, under the name by which the workload starts it, so that a virtual environment
counts.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TIMEOUT_S = 60

_PYTHON: Final = """
import os, sys
library = {os.path.dirname(os.__file__)}
library |= {path for path in sys.path if path.endswith((".zip", "lib-dynload"))}
own = sys.prefix != sys.base_prefix
print("tag " + sys.implementation.cache_tag)
if own:
    print("library " + sys.prefix + "/pyvenv.cfg")
for path in sorted(library):
    print("standard " + path)
for path in sys.path:
    if path and path not in library:
        print(("own " if own and path.startswith(sys.prefix) else "packages ") + path)
"""
_RUBY: Final = """
$:.each { |path| puts "library " + path }
Gem.path.each { |path| puts "library " + path } if defined? Gem
"""
_PERL: Final = r'print "library $_\n" for @INC;'
_LUA: Final = """
for path in (package.path .. ";" .. package.cpath):gmatch("(/[^;?]*)/%?") do
  print("library " .. path)
end
"""
_NODE: Final = """
const built = process.config.variables.node_builtin_shareable_builtins || [];
for (const path of [...built, ...require("module").globalPaths]) console.log("library " + path);
"""
_PHP: Final = r"""
echo "library ", ini_get("extension_dir"), "\n";
echo "library ", php_ini_loaded_file(), "\n";
foreach (explode(",", (string) php_ini_scanned_files()) as $path) echo "library ", trim($path), "\n";
foreach (explode(":", get_include_path()) as $path) echo "library ", $path, "\n";
"""
_TCL: Final = 'foreach path $auto_path { puts "library $path" }\n'
_R: Final = r'cat(paste0("library ", c(R.home(), .libPaths()), "\n"), sep = "")'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """How an interpreter is asked: options behind its name, and what it reads on standard input."""

    options: tuple[str, ...]
    text: str = ""


_QUESTIONS: Final = {
    r"(python|pypy)[\d.]*t?": _Question(options=("-E", "-s", "-c", _PYTHON)),
    r"java": _Question(options=("-XshowSettings:properties", "-version")),
    r"node(js)?": _Question(options=("-e", _NODE)),
    r"ruby[\d.]*": _Question(options=("-e", _RUBY)),
    r"perl[\d.]*": _Question(options=("-e", _PERL)),
    r"lua(jit)?[\d.]*": _Question(options=("-e", _LUA)),
    r"php[\d.]*": _Question(options=("-r", _PHP)),
    r"tclsh[\d.]*": _Question(options=(), text=_TCL),
    r"R(script)?": _Question(options=("--vanilla", "-e", _R)),
}
"""Regular expressions of interpreters' names, and their questions."""

_LINE: Final = re.compile(r"(?:(standard|library|own|packages) |\s+java\.home = )(/.+)")

_TOO_COMMON: Final = frozenset({"/", "/etc", "/lib", "/opt", "/usr", "/usr/lib", "/usr/share"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What belongs to an interpreter.

    Attributes:
        folders: The folders and files of its library, which exist, absolute paths.
        own: Folders of the packages of a virtual environment.
        packages: Folders of packages that were installed for all programs.
        standard: Those of `folders` that are a Python's standard library.
        cache_tag: How a Python names the files of modules that it compiled; None for another
            interpreter.
    """

    folders: tuple[Path, ...]
    own: tuple[Path, ...] = ()
    packages: tuple[Path, ...] = ()
    standard: tuple[Path, ...] = ()
    cache_tag: str | None = None

    def holds(self, path: Path) -> bool:
        """Say whether a folder is the standard library of a Python."""
        return path in self.standard


def ask_for_library(program: Path) -> Library | None:
    """Ask an interpreter for its library.

    Args:
        program: A program, under the name by which it is started; an absolute path.

    Returns:
        The library; None if the program is no interpreter that is known, or gives no answer.
    """
    question = next(
        (asked for name, asked in _QUESTIONS.items() if re.fullmatch(name, program.name)), None
    )
    if question is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603  # the interpreter of the user's own workload
            (str(program), *question.options),
            input=question.text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # Java answers there
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIMEOUT_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    tag = re.search(r"^tag (\S+)$", answer.stdout, re.MULTILINE)
    found: dict[str, list[Path]] = {"standard": [], "library": [], "own": [], "packages": []}
    for match in filter(None, map(_LINE.fullmatch, answer.stdout.splitlines())):
        path = Path(os.path.normpath(match[2]))
        if path.exists() and str(path) not in _TOO_COMMON:
            found[match[1] or "library"].append(path)
    return Library(
        folders=_outermost([*found["standard"], *found["library"]]),
        own=_outermost(found["own"]),
        packages=_outermost(found["packages"]),
        standard=_outermost(found["standard"]),
        cache_tag=tag[1] if tag else None,
    )


def _outermost(paths: list[Path]) -> tuple[Path, ...]:
    """Leave out what lies in another of *paths*."""
    unique = dict.fromkeys(paths)
    return tuple(path for path in unique if not unique.keys() & set(path.parents))
