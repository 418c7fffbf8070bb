from __future__ import annotations

from pathlib import Path

import pytest

from autotune.driver.ownership import foreign_users, refuse_foreign_users
from autotune.driver.sysfs_file import SysfsError, read_value
from autotune.errors import BackendUnavailableError
from tests.driver.fake_kernel import THREAD, FakeKernel, fault


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    return FakeKernel(tmp_path)


def module(sysfs: Path, name: str, enabled: str) -> Path:
    file = sysfs / "module" / name / "parameters/enabled"
    file.parent.mkdir(parents=True)
    file.write_text(f"{enabled}\n")
    return file


def test_after_boot_nobody_uses_damon(kernel: FakeKernel) -> None:
    assert foreign_users(kernel.sysfs) == ()
    refuse_foreign_users(kernel.sysfs)


def test_a_kernel_without_damon_has_no_users(tmp_path: Path) -> None:
    assert foreign_users(tmp_path) == ()


def test_kdamonds_are_users_whether_on_or_off(kernel: FakeKernel) -> None:
    kernel.write("nr_kdamonds", "2")
    kernel.write("0/contexts/nr_contexts", "1")
    kernel.write("0/state", "on")

    assert foreign_users(kernel.sysfs) == (
        f"kdamond 0 runs as thread {THREAD} ({kernel.root}/0/state)",
        f"kdamond 1 is set up, but off ({kernel.root}/nr_kdamonds)",
    )


@pytest.mark.parametrize("name", ["damon_lru_sort", "damon_reclaim", "damon_stat"])
def test_a_module_that_is_on_is_a_user(kernel: FakeKernel, name: str) -> None:
    file = module(kernel.sysfs, name, "Y")

    assert foreign_users(kernel.sysfs) == (f"{name.upper()} is on ({file})",)


def test_modules_that_are_off_or_not_damons_are_none(kernel: FakeKernel) -> None:
    module(kernel.sysfs, "damon_reclaim", "N")
    module(kernel.sysfs, "zswap", "Y")

    assert foreign_users(kernel.sysfs) == ()


def test_the_refusal_names_all_and_says_what_to_do(kernel: FakeKernel) -> None:
    kernel.write("nr_kdamonds", "1")
    file = module(kernel.sysfs, "damon_stat", "Y")

    with pytest.raises(BackendUnavailableError) as error:
        refuse_foreign_users(kernel.sysfs)

    assert str(error.value) == (
        f"DAMON is in use: kdamond 0 is set up, but off ({kernel.root}/nr_kdamonds); "
        f"DAMON_STAT is on ({file}): let it end, or write 'off', '0' or 'N' to these files if it is "
        "not needed; nothing was changed"
    )


def test_looking_takes_the_kernels_lock_once_a_kdamond_and_changes_nothing(
    kernel: FakeKernel,
) -> None:
    kernel.write("nr_kdamonds", "3")
    before, asked = kernel.content(), list[str]()

    def reading(file: Path) -> str:
        asked.append(str(file.relative_to(kernel.root)))
        return read_value(file)

    foreign_users(kernel.sysfs, reading)

    assert asked == ["nr_kdamonds", "0/pid", "1/pid", "2/pid"]
    assert kernel.content() == before


@pytest.mark.parametrize("number", [16, 2])  # EBUSY, ENOENT
def test_a_kdamond_that_is_just_being_changed_is_a_user_too(
    kernel: FakeKernel, number: int
) -> None:
    kernel.write("nr_kdamonds", "1")

    def reading(file: Path) -> str:
        if file.name == "pid":
            raise SysfsError(file, fault(number))
        return read_value(file)

    assert foreign_users(kernel.sysfs, reading) == (
        f"kdamond 0 is being changed ({kernel.root}/0/state)",
    )
