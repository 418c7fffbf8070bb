from __future__ import annotations

import errno
from pathlib import Path

import pytest

from autotune.driver.sysfs_file import SysfsError
from autotune.driver.tree import DamonTree
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import FakeKernel


def test_values_are_those_of_the_files_below_kdamonds(tmp_path: Path) -> None:
    folder = tmp_path / "kernel/mm/damon/admin/kdamonds"
    folder.mkdir(parents=True)
    (folder / "nr_kdamonds").write_text("0\n")
    tree = DamonTree(tmp_path)

    tree.write("nr_kdamonds", "1")

    assert tree.read("nr_kdamonds") == "1"
    assert (folder / "nr_kdamonds").read_text() == "1"
    assert tree.exists("nr_kdamonds")
    assert not tree.exists("0/state")


def test_a_busy_kernel_is_asked_again(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, retry_s=10)
    kernel.busy = 3

    kernel.write("nr_kdamonds", "1")

    assert kernel.busy == 0
    assert kernel.read("nr_kdamonds") == "1"


def test_a_kernel_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, retry_s=0.05)
    kernel.busy = 1_000_000

    with pytest.raises(SysfsError) as error:
        kernel.write("nr_kdamonds", "1")

    assert error.value.errno == errno.EBUSY
    assert 1 < 1_000_000 - kernel.busy < 100
    assert str(error.value) == (
        f"{kernel.root}/nr_kdamonds: can't write '1': Device or resource busy (EBUSY): "
        "something else uses it: try again when that is done"
    )


def test_other_refusals_are_not_tried_again(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, retry_s=1_000)

    with pytest.raises(SysfsError, match=r"can't write 'many'.*EINVAL"):
        kernel.write("nr_kdamonds", "many")


def test_a_kernel_without_damon_is_told_from_one_without_a_file(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path / "with")
    none = DamonTree(tmp_path / "without")

    with pytest.raises(SysfsError, match="0/state"):
        kernel.read("0/state")
    with pytest.raises(BackendUnavailableError) as error:
        none.check()

    assert str(error.value) == (
        f"{none.root}: this kernel has no DAMON sysfs interface: boot one built with "
        "CONFIG_DAMON_SYSFS, or use the vm backend"
    )


def test_the_check_changes_nothing(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path)
    before = kernel.content()

    kernel.check()

    assert kernel.content() == before
