from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from autotune.backends.vm import cpio
from autotune.backends.vm.cpio import Entry
from autotune.backends.vm.image import check_room, image_entries, keep_image, workload_files
from autotune.backends.vm.kernel_files import KernelFiles, kernel_at
from autotune.backends.vm.kernel_modules import module_name
from autotune.backends.vm.plan import MODULES_FOLDER, PLAN_FILE, PLAYER_FILE, PORTS_FILE, Plan
from autotune.backends.vm.python_files import GuestPython
from autotune.errors import InputError
from autotune.experiment import plain_json
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase
from autotune.experiment.program import Program, Ready
from autotune.native.building import build
from tests.backends.vm.fake_kernel import NEEDED, module_bytes, write_kernel, write_modules

PYTHON = GuestPython(entries=(cpio.file("/python", b"interpreter", 0o755),), command=("/python",))


def kernel(folder: Path) -> KernelFiles:
    return kernel_at(write_kernel(folder), write_modules(folder / "modules"))


def plan(workload: Program | Pattern, modules: tuple[str, ...]) -> Plan:
    return Plan(
        workload=workload,
        timeout_us=1_000_000,
        modules=modules,
        swap_bytes=1 << 20,
        compression="lz4",
        huge_pages="never",
        search_path="",
    )


def content(path: str, entries: tuple[Entry, ...]) -> bytes:
    (entry,) = (entry for entry in entries if entry.path == path)
    return entry.read()


def entries_for(workload: Program | Pattern, folder: Path) -> tuple[Entry, ...]:
    found = kernel(folder)
    modules = tuple(f"{module_name(path)}.ko" for path in found.modules)
    return image_entries(PYTHON, found, plan(workload, modules), workload_files(workload))


def data_pattern(data_file: Path) -> Pattern:
    access = Access(region=0, random=False, stride_bytes=4096, weight=1)
    return Pattern(
        regions=(PatternRegion(name="a", size_bytes=4096, data_file=str(data_file)),),
        phases=(Phase(name="all", duration_us=1000, accesses=(access,)),),
    )


def test_an_image_has_the_runner_the_small_programs_the_modules_and_the_workload(
    tmp_path: Path,
) -> None:
    workload = Program(command=("sleep", "1"), ready=Ready(delay_us=0))

    entries = entries_for(workload, tmp_path)

    assert content("/python", entries) == b"interpreter"
    assert content(PLAYER_FILE, entries) == build("player").read_bytes()
    assert content(PORTS_FILE, entries) == build("ports").read_bytes()
    for name, depends in NEEDED.items():
        assert content(f"{MODULES_FOLDER}/{name}.ko", entries) == module_bytes(depends)
    sent = plain_json.from_plain(Plan, json.loads(content(PLAN_FILE, entries)))
    assert sent.workload == workload
    assert "/bin/sleep" in {entry.path for entry in entries} | {
        entry.path.removeprefix("/usr") for entry in entries
    }


def test_a_patterns_data_files_are_in_its_image(tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"pages")

    entries = entries_for(data_pattern(data), tmp_path)

    assert content(str(data), entries) == b"pages"


def test_a_data_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        workload_files(data_pattern(tmp_path / "data.bin"))

    assert str(error.value) == (
        f"{tmp_path}/data.bin: can't be put into a micro-VM's image: No such file or directory"
    )


def test_each_path_is_there_once_and_folders_come_first(tmp_path: Path) -> None:
    entries = entries_for(Program(command="sleep 1; cat /etc/passwd"), tmp_path)

    paths = [entry.path for entry in entries]
    assert len(paths) == len(set(paths))
    for path in paths:
        assert all(paths.index(str(above)) < paths.index(path) for above in above_in(path, paths))


def above_in(path: str, paths: list[str]) -> list[Path]:
    return [above for above in Path(path).parents if str(above) in paths]


def test_equal_parts_give_one_image_named_by_its_content(tmp_path: Path) -> None:
    workload = Program(command=("sleep", "1"))

    first, digest = keep_image(entries_for(workload, tmp_path / "a"), tmp_path / "images")
    again, same = keep_image(entries_for(workload, tmp_path / "b"), tmp_path / "images")

    assert (first, digest) == (again, same)
    assert hashlib.sha256(first.read_bytes()).hexdigest() == digest
    assert [path.name for path in (tmp_path / "images").iterdir()] == [f"{digest}.cpio"]


def test_another_workload_gives_another_image(tmp_path: Path) -> None:
    digests = {
        keep_image(entries_for(Program(command=("sleep", time)), tmp_path / "k"), tmp_path)[1]
        for time in "12"
    }

    assert len(digests) == 2


def test_images_made_before_make_room(tmp_path: Path) -> None:
    for number in range(4):
        path, _ = keep_image((cpio.file("/a", bytes([number]) * 4096),), tmp_path, 10_000)
        os.utime(path, (number, number))

    kept = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
    assert kept[-1] == path
    assert len(kept) == 2  # of some 4.5 kB each


def test_a_file_that_goes_away_meanwhile_leaves_no_half_image(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.write_text("here")
    entries = (cpio.file("/first", bytes(1 << 20)), cpio.file("/gone", gone))
    gone.unlink()

    with pytest.raises(InputError, match=rf"^{gone}: "):
        keep_image(entries, tmp_path / "images")

    assert list((tmp_path / "images").iterdir()) == []


def test_a_full_disk_leaves_no_half_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cpio, "write_archive", full)

    with pytest.raises(OSError, match="No space left"):
        keep_image((), tmp_path / "images")

    assert list((tmp_path / "images").iterdir()) == []


def test_files_that_a_machine_has_no_room_for_are_refused_with_what_it_needs(
    tmp_path: Path,
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 << 20)
    entries = (cpio.file(str(large), large), cpio.file("/small", b"x"))

    check_room(entries, 384 << 20)
    with pytest.raises(InputError) as error:
        check_room(entries, 256 << 20)

    assert str(error.value) == (
        "vm.memory: a micro-VM of 256M has no room for the workload: files of 100.0 MiB lie in its "
        f"memory, the largest {large} (100.0 MiB), /small (0.0 MiB): set vm.memory to 384M or more, "
        "or list fewer files"
    )
