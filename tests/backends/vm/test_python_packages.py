from __future__ import annotations

from pathlib import Path

import pytest

from autotune.backends.vm.python_packages import imported_files, words_of


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("web/inner", "web.libs", "web-1.0.dist-info", "left", "Left_Hand-2.dist-info"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("optional", "older", "older-3.egg-info", "unused"):
        (tmp_path / name).mkdir()
    (tmp_path / "web/inner/deep.py").write_text("import unused\n")
    (tmp_path / "web-1.0.dist-info/RECORD").write_text(
        "web/inner/deep.py,,\nweb.libs/lib.so,,\n../../bin/web,,\nweb-1.0.dist-info/RECORD,,\n"
    )
    (tmp_path / "web-1.0.dist-info/METADATA").write_text(
        "Name: web\nRequires-Dist: left.hand>=1 ; python_version > '3'\n"
        "Requires-Dist: optional; extra == 'all'\nRequires-Dist: not-installed\n\nRequires-Text\n"
    )
    (tmp_path / "Left_Hand-2.dist-info/RECORD").write_text("left/__init__.py,,\n")
    (tmp_path / "older-3.egg-info/top_level.txt").write_text("older\n")
    (tmp_path / "older-3.egg-info/requires.txt").write_text("left-hand\n\n[all]\noptional\n")
    (tmp_path / "helper.py").write_text("def f():\n    import single, os\n")
    (tmp_path / "single.py").write_text("")
    (tmp_path / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
    return tmp_path


WEB = {"web", "web.libs", "web-1.0.dist-info"}
LEFT = {"left", "Left_Hand-2.dist-info"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", WEB | LEFT),
        ("older", {"older", "older-3.egg-info"} | LEFT),
        ("helper", {"helper.py", "single.py"}),
        ("fast", {"fast.cpython-311-x86_64-linux-gnu.so"}),
        ("absent", set()),
    ],
)
def test_what_is_imported_comes_with_what_it_needs(
    site: Path, name: str, expected: set[str]
) -> None:
    found = imported_files([name], [site, site / "gone"])

    assert {path.relative_to(site).as_posix() for path in found} == expected


def test_a_module_may_be_named_among_arguments() -> None:
    assert {"gunicorn", "app", "web"} <= words_of(["-m", "gunicorn", "app.web:main"])
