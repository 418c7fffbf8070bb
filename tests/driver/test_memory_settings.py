from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from autotune.driver.journal import Change, Journal, Kind
from autotune.driver.memory_settings import add_zram_swap, set_huge_pages, swap_header
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import FakeSwap, make_procfs

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SIZE_BYTES = 64 << 20


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal", make_procfs(tmp_path / "proc"))


@pytest.fixture
def huge_pages(tmp_path: Path) -> Path:
    file = tmp_path / "sys/kernel/mm/transparent_hugepage/enabled"
    file.parent.mkdir(parents=True)
    file.write_text("[always] madvise never\n")
    return file


def test_the_old_mode_is_written_down_and_the_new_one_set(
    tmp_path: Path, huge_pages: Path, journal: Journal
) -> None:
    set_huge_pages(tmp_path / "sys", "never", journal)

    assert huge_pages.read_text() == "never"
    assert journal.pending() == (Change(kind=Kind.SETTING, where=str(huge_pages), old="always"),)


def test_a_mode_that_is_set_is_not_set_again(
    tmp_path: Path, huge_pages: Path, journal: Journal
) -> None:
    before = huge_pages.read_text()

    set_huge_pages(tmp_path / "sys", "always", journal)

    assert huge_pages.read_text() == before
    assert journal.pending() == ()


def test_a_mode_that_the_kernel_has_not_is_refused(
    tmp_path: Path, huge_pages: Path, journal: Journal
) -> None:
    with pytest.raises(BackendUnavailableError) as error:
        set_huge_pages(tmp_path / "sys", "inherit", journal)

    assert journal.pending() == ()
    assert str(error.value) == (
        f"{huge_pages}: has no 'inherit', only: [always] madvise never: choose of these"
    )


def test_a_kernel_without_huge_pages_never_uses_them(tmp_path: Path, journal: Journal) -> None:
    set_huge_pages(tmp_path / "sys", "never", journal)
    with pytest.raises(BackendUnavailableError, match="this kernel lacks it"):
        set_huge_pages(tmp_path / "sys", "always", journal)

    assert not journal.path.exists()


@pytest.mark.parametrize("size_bytes", [SIZE_BYTES, SIZE_BYTES + PAGE_BYTES - 1, 10 * PAGE_BYTES])
def test_the_first_page_of_swap_is_the_one_that_mkswap_writes(
    tmp_path: Path, size_bytes: int
) -> None:
    mkswap = shutil.which("mkswap", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if mkswap is None:
        pytest.skip("NOT TESTED: needs mkswap (package util-linux)")
    area = tmp_path / "area"
    with area.open("wb") as file:
        file.truncate(size_bytes)
    area.chmod(0o600)
    nothing = "00000000-0000-0000-0000-000000000000"

    subprocess.run([mkswap, "-U", nothing, area], check=True, capture_output=True)

    assert area.read_bytes()[:PAGE_BYTES] == swap_header(size_bytes, PAGE_BYTES)


def make_zram(
    root: Path, *, sizes: Mapping[int, int], next_number: int | None = None
) -> tuple[Path, Path]:
    """A sysfs and a devfs with zram devices of these sizes; hot_add gives `next_number`."""
    sysfs, dev = root / "sys", root / "dev"
    control = sysfs / "class/zram-control"
    control.mkdir(parents=True)
    (control / "hot_add").write_text(f"{next_number}\n")
    (control / "hot_remove").touch()
    (sysfs / "block").mkdir()
    dev.mkdir()
    for number, size_bytes in sizes.items():
        make_device(sysfs, dev, number, size_bytes)
    return sysfs, dev


def make_device(sysfs: Path, dev: Path, number: int, size_bytes: int) -> None:
    folder = sysfs / f"block/zram{number}"
    folder.mkdir()
    (folder / "disksize").write_text(f"{size_bytes}\n")
    (folder / "comp_algorithm").write_text("lzo [lzo-rle] lz4 zstd\n")
    (folder / "reset").touch()
    with (dev / f"zram{number}").open("wb") as file:
        file.truncate(SIZE_BYTES)


def add(sysfs: Path, dev: Path, journal: Journal, swap: FakeSwap, algorithm: str = "lz4") -> Path:
    return add_zram_swap(
        sysfs, dev, size_bytes=SIZE_BYTES, algorithm=algorithm, journal=journal, system=swap
    )


def test_a_device_without_a_size_becomes_swap(tmp_path: Path, journal: Journal) -> None:
    sysfs, dev = make_zram(tmp_path, sizes={0: 4096, 1: 0})
    swap = FakeSwap()

    device = add(sysfs, dev, journal, swap)

    folder = sysfs / "block/zram1"
    assert device == dev / "zram1"
    assert swap.devices == [device]
    assert (folder / "disksize").read_text() == str(SIZE_BYTES)
    assert (folder / "comp_algorithm").read_text() == "lz4"
    assert device.read_bytes()[:PAGE_BYTES] == swap_header(SIZE_BYTES, PAGE_BYTES)
    assert journal.pending() == (
        Change(kind=Kind.ZRAM, where=str(folder), old="found"),
        Change(kind=Kind.SWAP, where=str(device)),
    )


def test_where_all_devices_are_used_one_is_added(tmp_path: Path, journal: Journal) -> None:
    sysfs, dev = make_zram(tmp_path, sizes={0: 4096, 2: 4096}, next_number=1)

    class Adding(Journal):
        """The kernel makes the device just after it was written down."""

        def write_down(self, change: Change) -> None:
            super().write_down(change)
            if change.kind is Kind.ZRAM:
                make_device(sysfs, dev, 1, 0)

    adding = Adding(journal.path, tmp_path / "proc")

    device = add(sysfs, dev, adding, FakeSwap())

    assert device == dev / "zram1"
    assert journal.pending() == (
        Change(kind=Kind.ZRAM, where=str(sysfs / "block/zram1"), old="added"),
        Change(kind=Kind.SWAP, where=str(device)),
    )


def test_a_device_that_somebody_adds_at_the_same_moment_stays_theirs(
    tmp_path: Path, journal: Journal
) -> None:
    sysfs, dev = make_zram(tmp_path, sizes={0: 4096}, next_number=2)
    control = sysfs / "class/zram-control"

    with pytest.raises(BackendUnavailableError) as error:
        add(sysfs, dev, journal, FakeSwap())

    assert (control / "hot_remove").read_text() == "2"
    assert not journal.path.exists()
    assert str(error.value) == (
        f"{control}/hot_add: gave zram2 where zram1 was free: another program adds devices: try again"
    )


def test_without_zram_the_remedy_is_named(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(BackendUnavailableError) as error:
        add(tmp_path / "sys", tmp_path / "dev", journal, FakeSwap())

    assert str(error.value) == (
        f"{tmp_path}/sys/class/zram-control/hot_add: there is no zram: load it with 'modprobe zram', "
        "or boot a kernel that has it"
    )


def test_an_algorithm_that_zram_has_not_is_refused(tmp_path: Path, journal: Journal) -> None:
    sysfs, dev = make_zram(tmp_path, sizes={0: 0})

    with pytest.raises(BackendUnavailableError) as error:
        add(sysfs, dev, journal, FakeSwap(), algorithm="brotli")

    assert str(error.value) == (
        f"{sysfs}/block/zram0/comp_algorithm: has no 'brotli', only: lzo [lzo-rle] lz4 zstd: "
        "choose of these"
    )


def test_a_device_that_does_not_show_is_named(tmp_path: Path, journal: Journal) -> None:
    sysfs, dev = make_zram(tmp_path, sizes={0: 0})
    (dev / "zram0").unlink()
    swap = FakeSwap()

    with pytest.raises(BackendUnavailableError) as error:
        add(sysfs, dev, journal, swap)

    assert swap.devices == []
    assert str(error.value) == (
        f"{dev}/zram0: can't be made swap: No such file or directory: see that {dev} shows the "
        "machine's devices"
    )
