from __future__ import annotations

import dataclasses
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm import cpio
from autotune.backends.vm.cpio import Entry, archive
from autotune.backends.vm.kernel_files import find_kernel
from autotune.backends.vm.python_files import ENVIRONMENT, guest_python
from autotune.errors import InputError

ENTRIES = (
    cpio.file("/init", b"#!/bin/sh\n", 0o755),
    cpio.file("/a/b/odd", b"12345"),
    cpio.file("/a/b/empty", b""),
    cpio.folder("/open", 0o1777),
    cpio.link("/bin", "usr/bin"),
    cpio.character_device("/dev/console", 5, 1),
)

LOOK = """
import ctypes, json, os, sys
found = {}
for path in sys.argv[1:]:
    status = os.lstat(path)
    if os.path.islink(path):
        content = os.readlink(path)
    elif os.path.isfile(path):
        content = open(path).read()
    else:
        content = ""
    device = status.st_rdev
    found[path] = [status.st_mode, status.st_uid, os.major(device), os.minor(device), content]
print("FOUND", json.dumps(found), flush=True)
libc = ctypes.CDLL(None)
libc.sync()
libc.reboot(0x4321fedc)
"""
"""For the guest: say what is there, and power off."""


def members(content: bytes) -> dict[str, tuple[list[int], bytes]]:
    """Read an archive by the text of buffer-format.rst: each member's numbers and data, in order."""
    found: dict[str, tuple[list[int], bytes]] = {}
    at = 0
    while at < len(content):
        assert at % 4 == 0
        assert content[at : at + 6] == b"070701"
        numbers = [int(content[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = numbers[6], numbers[11]
        name = content[at + 110 : at + 110 + name_size]
        assert name[-1:] == b"\0"
        start = -(-(at + 110 + name_size) // 4) * 4
        found[name[:-1].decode()] = (numbers, content[start : start + size])
        at = -(-(start + size) // 4) * 4
    return found


def test_what_goes_in_comes_out() -> None:
    found = members(archive(ENTRIES))

    for entry in ENTRIES:
        numbers, content = found[entry.path[1:]]
        assert numbers[1] == entry.mode
        assert content == entry.content
        assert tuple(numbers[9:11]) == entry.device


def test_folders_above_are_made_and_stand_before_what_is_in_them() -> None:
    names = list(members(archive(ENTRIES)))

    assert names.index("a") < names.index("a/b") < names.index("a/b/odd")


def test_a_folder_that_is_made_may_be_entered_by_all() -> None:
    numbers, _ = members(archive(ENTRIES))["a/b"]

    assert numbers[1] == stat.S_IFDIR | 0o755


def test_the_last_member_is_the_trailer() -> None:
    assert list(members(archive(ENTRIES)))[-1] == "TRAILER!!!"


def test_the_order_in_which_entries_are_given_changes_nothing() -> None:
    assert archive(reversed(ENTRIES)) == archive(ENTRIES)


def test_each_member_has_a_number_of_its_own() -> None:
    numbers = [values[0] for values, _ in members(archive(ENTRIES)).values()]

    assert len(set(numbers)) == len(numbers)


def test_no_time_stamp_gets_in() -> None:
    assert all(numbers[5] == 0 for numbers, _ in members(archive(ENTRIES)).values())


def test_a_file_belongs_to_root_unless_it_says_otherwise() -> None:
    mine = dataclasses.replace(cpio.file("/mine", b""), owner=1000)

    found = members(archive((*ENTRIES, mine)))

    assert found["mine"][0][2:4] == [1000, 1000]
    assert all(numbers[2:4] == [0, 0] for name, (numbers, _) in found.items() if name != "mine")


def test_archives_may_stand_one_after_another() -> None:
    second = cpio.file("/later", b"x")

    found = members(archive(ENTRIES) + archive([second]))

    assert {"init", "later"} <= found.keys()


def test_a_file_of_this_machine_is_read_when_the_archive_is_written(tmp_path: Path) -> None:
    entry = cpio.file("/copy", tmp_path / "original")
    (tmp_path / "original").write_bytes(b"late")

    assert members(archive([entry]))["copy"][1] == b"late"


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    entry = cpio.file("/copy", tmp_path / "original")

    with pytest.raises(InputError) as error:
        archive([entry])

    assert str(error.value) == (
        f"{tmp_path}/original: can't be read: No such file or directory: a micro-VM's image needs it"
    )


def test_the_same_entry_may_be_given_twice() -> None:
    assert archive((*ENTRIES, *ENTRIES)) == archive(ENTRIES)


def test_two_files_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^/init stands twice in the image"):
        archive((*ENTRIES, cpio.file("/init", b"other")))


def test_nothing_can_lie_in_a_link() -> None:
    with pytest.raises(ValueError, match=r"^/bin/sh lies in /bin, which is no folder"):
        archive((*ENTRIES, cpio.file("/bin/sh", b"")))


@pytest.mark.parametrize("path", ["init", "/", "/a/../b", "/a//b", "/a/", "/a/./b"])
def test_a_path_has_one_spelling(path: str) -> None:
    with pytest.raises(ValueError, match=r"^path "):
        Entry(path=path, mode=stat.S_IFREG)


@pytest.mark.vm
def test_the_kernel_unpacks_what_was_archived(tmp_path: Path, vm_cache: Path) -> None:
    emulator = shutil.which("qemu-system-x86_64")
    assert emulator is not None, "no QEMU: install qemu-system-x86"
    python = guest_python(("ctypes", "json"))
    mine = dataclasses.replace(cpio.file("/later", b"second archive"), owner=1000)
    expected = (*ENTRIES, mine)
    look = cpio.file("/look.py", LOOK.encode())
    (tmp_path / "image").write_bytes(archive((*ENTRIES, *python.entries, look)) + archive([mine]))
    paths = " ".join(entry.path for entry in expected)
    first, *arguments = python.command
    variables = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    options = f"console=ttyS0 quiet panic=-1 {variables} rdinit={first}"
    kernel = find_kernel(VmSettings(), vm_cache)

    console = subprocess.run(
        (
            *(emulator, "-accel", "tcg", "-m", "512", "-nodefaults", "-display", "none"),
            *("-serial", "stdio", "-no-reboot", "-kernel", kernel.image),
            *("-initrd", tmp_path / "image", "-append"),
            f"{options} -- {' '.join(arguments)} /look.py {paths}",
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout

    assert "FOUND " in console, console
    found = json.loads(console.partition("FOUND ")[2].partition("\n")[0])
    assert found == {
        entry.path: [entry.mode, entry.owner, *entry.device, entry.read().decode()]
        for entry in expected
    }
