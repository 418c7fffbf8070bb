from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from autotune.backends.vm.files import files_for
from autotune.backends.vm.missing import explanation, find_missing, may_lack
from autotune.backends.vm.opened import Opened
from autotune.errors import InputError
from autotune.experiment.experiment import Experiment
from autotune.experiment.program import Program
from tests.backends.vm.workloads import STAIRS

NOTHING = Opened(missing=(), to_list=(), listed=(), problem=None)


@dataclass
class Runs:
    """A place in which a program looks for one file after another, and ends when one is missing."""

    looks_for: list[Opened]
    folders: list[Path] = field(default_factory=list)
    runs: int = 0

    def opened(self, experiment: Experiment, folders: Iterable[Path]) -> Opened:
        self.runs += 1
        self.folders = list(folders)
        there = {*self.paths(experiment)} | {str(folder) for folder in self.folders}
        for look in self.looks_for:
            named = [Path(path) for path in (*look.missing, *look.to_list)]
            wanted = {str(path.resolve()) for path in named if path.exists()}
            if not wanted <= there:
                return look
        return self.looks_for[-1] if self.looks_for[-1].listed else NOTHING

    def paths(self, experiment: Experiment) -> Collection[str]:
        assert isinstance(experiment.workload, Program)
        listed = [Path(path) for path in experiment.workload.files]
        files = files_for(experiment.workload, listed)
        return {entry.path for entry in files.entries}


def looks(*missing: Path | str, **values: tuple[str, ...] | str) -> Opened:
    return replace(NOTHING, missing=tuple(map(str, missing)), **values)  # type: ignore[arg-type]


def program(folder: Path) -> Experiment:
    return Experiment(workload=Program(command=("cat",), folder=str(folder)))


def test_files_are_found_one_after_another(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("first", "second", "data/inner"):
        (tmp_path / name).touch()
    place = Runs(
        [
            looks(tmp_path / "first", "/no/such/file", problem="no first"),
            looks(tmp_path / "second", tmp_path / "data", problem="no second"),
        ]
    )

    lack = find_missing(place, program(tmp_path), print)

    assert lack.files == (tmp_path / "data", tmp_path / "first", tmp_path / "second")
    assert (lack.problem, lack.runs, place.runs) == (None, 3, 3)


def test_a_folder_of_the_system_only_exists_until_something_in_it_is_looked_for() -> None:
    here = Path("/")
    place = Runs([looks("/usr/share/zoneinfo/..", "/usr/include")])

    lack = find_missing(place, program(here), print)

    assert lack.files == ()
    assert Path("/usr/include") in place.folders


def test_a_program_that_fails_gets_what_it_listed(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "helper.py").touch()
    place = Runs([looks(listed=(str(tmp_path / "modules"),), problem="no helper")])

    lack = find_missing(place, program(tmp_path), print)

    assert lack.files == (tmp_path / "modules",)
    assert lack.problem == "no helper"


def test_what_the_guest_has_of_its_own_is_not_proposed(tmp_path: Path) -> None:
    place = Runs([looks("/proc/self/status", "/etc/ld.so.cache", "/dev/null", "/etc/passwd")])

    assert find_missing(place, program(tmp_path), print).files == ()


def test_it_ends_after_so_many_runs(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).touch()
    place = Runs([looks(tmp_path / str(number)) for number in range(5)])

    lack = find_missing(place, program(tmp_path), print, most_runs=3)

    assert (len(lack.files), place.runs, lack.is_all) == (3, 3, False)


def test_a_folder_whose_files_are_missing_again_and_again_comes_whole(tmp_path: Path) -> None:
    headers = tmp_path / "include"
    headers.mkdir()
    for number in range(30):
        (headers / f"{number}.h").touch()
    place = Runs([looks(headers / f"{number}.h") for number in range(30)])

    lack = find_missing(place, program(tmp_path), print)

    assert (lack.files, lack.problem, lack.is_all) == ((headers,), None, True)
    assert lack.runs < 5


def test_the_folder_of_the_workload_itself_never_comes_whole(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).touch()
    place = Runs([looks(tmp_path / str(number)) for number in range(5)])

    lack = find_missing(place, program(tmp_path), print)

    assert lack.files == tuple(tmp_path / str(number) for number in range(5))


def test_a_pattern_is_refused() -> None:
    with pytest.raises(InputError, match=r"a pattern opens no files"):
        find_missing(Runs([]), STAIRS, print)


def test_a_file_that_is_looked_for_by_two_ways_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").touch()
    (tmp_path / "link").symlink_to("data")
    place = Runs([looks(tmp_path / "link/file", tmp_path / "data/file", problem="no file")])

    lack = find_missing(place, program(tmp_path), print)

    assert lack.files == (tmp_path / "link/file",)
    assert lack.problem is None


def test_what_a_program_looked_for_last_is_named_first(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).touch()
    experiment = program(tmp_path)
    assert isinstance(experiment.workload, Program)
    opened = looks(*(tmp_path / name for name in "abcd"), problem="cannot open d")

    assert explanation(opened, experiment.workload, set()) == (
        f"not in the micro-VM: list it under workload.files: {tmp_path}/d, {tmp_path}/c, "
        f"{tmp_path}/b and 1 more ('autotune vm check' finds all)"
    )
    assert explanation(NOTHING, experiment.workload, set()) == ""


def test_a_file_of_the_users_home_is_found_where_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.settings").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    experiment = program(tmp_path)
    assert isinstance(experiment.workload, Program)
    opened = looks(Path("/tmp/.settings"), Path("/tmp/.none"), problem="no such file")  # noqa: S108

    assert explanation(opened, experiment.workload, set()) == (
        f"its home in a micro-VM is /tmp: put 'env HOME={tmp_path}/home' in front of the command, and "
        f"list {tmp_path}/home/.settings under workload.files"
    )


@pytest.mark.parametrize(
    ("problem", "may"),
    [
        ("gcc: fatal error: cannot execute 'cc1' | compilation terminated.", True),
        ("tar: Child returned status 127 | tar: Error is not recoverable: exiting now", True),
        ("tar: Child returned status 1", False),
        ("ModuleNotFoundError: No module named 'x'", True),
        ("no licence", False),
    ],
)
def test_what_sounds_like_a_missing_file_is_heard(problem: str, may: bool) -> None:
    assert may_lack(problem) == may
