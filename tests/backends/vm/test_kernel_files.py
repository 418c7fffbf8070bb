from __future__ import annotations

from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import find_kernel, kernel_at, kernel_version
from autotune.backends.vm.kernel_modules import module_name
from autotune.errors import BackendUnavailableError, InputError
from tests.backends.vm.fake_kernel import (
    NEEDED,
    OPTIONS,
    VERSION,
    image_bytes,
    write_kernel,
    write_modules,
)


def test_an_image_says_its_version(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(image_bytes("6.12.117+deb12-cloud-amd64"))

    assert kernel_version(tmp_path / "image") == "6.12.117+deb12-cloud-amd64"


def test_the_users_kernel_is_taken_with_its_modules_and_configuration(tmp_path: Path) -> None:
    image = write_kernel(tmp_path)
    settings = VmSettings(kernel=image, modules=write_modules(tmp_path / "modules"))

    found = find_kernel(settings, tmp_path / "cache")

    assert (found.image, found.version) == (image, VERSION)
    assert found.config == tmp_path / f"config-{VERSION}"
    assert {module_name(path) for path in found.modules} == NEEDED.keys()


def test_a_kernel_with_all_inside_needs_no_module(tmp_path: Path) -> None:
    image = write_kernel(tmp_path, {**OPTIONS, "ZRAM": "y", "FW_CFG_SYSFS": "y"})

    assert kernel_at(image).modules == ()


def test_without_a_configuration_the_list_of_built_in_modules_counts(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(image_bytes())
    (tmp_path / "modules.builtin").write_text("kernel/zram.ko\nkernel/qemu_fw_cfg.ko\n")

    found = kernel_at(tmp_path / "image", tmp_path)

    assert found.config is None
    assert found.modules == ()


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"DAMON_SYSFS": "n"}, "CONFIG_DAMON_SYSFS=y"),
        ({"DAMON_VADDR": "m"}, "CONFIG_DAMON_VADDR=y"),
        ({"ZRAM": "n"}, "CONFIG_ZRAM=m"),
        (
            {"DAMON": "n", "DAMON_PADDR": "n", "ZRAM": "n"},
            "CONFIG_DAMON=y, CONFIG_DAMON_PADDR=y, CONFIG_ZRAM=m",
        ),
    ],
)
def test_what_a_kernel_lacks_is_named(
    tmp_path: Path, changed: dict[str, str], missing: str
) -> None:
    image = write_kernel(tmp_path, {**OPTIONS, **changed})

    with pytest.raises(BackendUnavailableError) as error:
        kernel_at(image, write_modules(tmp_path / "modules"))

    assert str(error.value) == (
        f"{image}: the kernel was built without {missing}: use another, or run autotune vm setup"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no Linux kernel image: name a bzImage"),
        (b"\x7fELF" + bytes(0x1000), "is no Linux kernel image: name a bzImage"),
        (image_bytes()[:0x210], "doesn't say its version: it is damaged, name another"),
        (image_bytes(load_flags=0), "is a 32-bit kernel: name an x86-64 one"),
    ],
)
def test_what_is_no_kernel_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    image = tmp_path / "image"
    image.write_bytes(content)

    with pytest.raises(InputError) as error:
        kernel_at(image, tmp_path)

    assert str(error.value) == f"{image}: {message}"


def test_a_kernel_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = VmSettings(kernel=tmp_path / "image", modules=tmp_path)

    with pytest.raises(InputError) as error:
        find_kernel(settings, tmp_path)

    assert str(error.value) == (
        f"{tmp_path}/image: can't be read: No such file or directory: name another"
    )


def test_modules_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/none: is no folder of kernel modules: name another$"):
        kernel_at(write_kernel(tmp_path), tmp_path / "none")


def test_modules_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        find_kernel(VmSettings(modules=tmp_path), tmp_path)

    assert str(error.value) == (
        "vm.modules is given without vm.kernel: name the kernel they belong to"
    )


def test_without_any_kernel_the_command_that_gets_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailableError) as error:
        find_kernel(VmSettings(), tmp_path)

    assert str(error.value) == "no kernel for the micro-VM: run autotune vm setup"
