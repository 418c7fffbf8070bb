from __future__ import annotations

import lzma
import shutil
from pathlib import Path

import pytest

from autotune.backends.settings import VmSettings
from autotune.backends.vm.kernel_files import KernelFiles, find_kernel, kernel_at
from autotune.backends.vm.kernel_modules import module_name
from autotune.backends.vm.kernel_package import depended_on, fetch_kernel, keep_kernel
from autotune.errors import BackendUnavailableError, RunError
from tests.backends.vm.fake_kernel import VERSION, module_bytes, write_kernel, write_modules


def kernel(folder: Path) -> KernelFiles:
    return kernel_at(write_kernel(folder), write_modules(folder / "modules"))


def kept_files(cache: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(cache)): path.read_bytes()
        for path in cache.rglob("*")
        if path.is_file()
    }


def test_a_kept_kernel_is_found_again_without_the_files_it_came_from(tmp_path: Path) -> None:
    given = kernel(tmp_path / "from")

    kept = keep_kernel(given, tmp_path / "cache")
    shutil.rmtree(tmp_path / "from")

    assert find_kernel(VmSettings(), tmp_path / "cache") == kept
    assert kept.version == VERSION
    assert list(map(module_name, kept.modules)) == list(map(module_name, given.modules))


def test_modules_are_kept_decompressed(tmp_path: Path) -> None:
    image = write_kernel(tmp_path / "from")
    modules = write_modules(tmp_path / "from")
    (plain,) = modules.rglob("zsmalloc.ko")
    plain.with_suffix(".ko.xz").write_bytes(lzma.compress(module_bytes()))
    plain.unlink()

    kept = keep_kernel(kernel_at(image, modules), tmp_path / "cache")

    (path,) = (path for path in kept.modules if module_name(path) == "zsmalloc")
    assert path.read_bytes() == module_bytes()


def test_keeping_the_same_kernel_twice_changes_nothing(tmp_path: Path) -> None:
    given = kernel(tmp_path / "from")
    keep_kernel(given, tmp_path / "cache")
    before = kept_files(tmp_path / "cache")

    keep_kernel(given, tmp_path / "cache")

    assert kept_files(tmp_path / "cache") == before


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_kernel_is_mended_by_keeping_it_again(tmp_path: Path, damage: str) -> None:
    given = kernel(tmp_path / "from")
    kept = keep_kernel(given, tmp_path / "cache")
    before = kept_files(tmp_path / "cache")
    if damage == "gone":
        kept.modules[0].unlink()
    else:
        kept.image.write_bytes(kept.image.read_bytes()[:-1])

    keep_kernel(given, tmp_path / "cache")

    assert kept_files(tmp_path / "cache") == before


def test_the_kernel_that_was_kept_last_is_used(tmp_path: Path) -> None:
    given = kernel(tmp_path / "from")
    first = keep_kernel(given, tmp_path / "cache")
    given.image.write_bytes(given.image.read_bytes() + b"built again")

    second = keep_kernel(given, tmp_path / "cache")

    assert second.image != first.image
    assert find_kernel(VmSettings(), tmp_path / "cache") == second


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    keep_kernel(kernel(tmp_path / "from"), tmp_path / "cache")

    names = {path.name.partition("-")[0] for path in (tmp_path / "cache" / "kernels").iterdir()}
    assert names == {"6.12.34", "current"}


def test_a_kernel_that_has_gone_is_told(tmp_path: Path) -> None:
    kept = keep_kernel(kernel(tmp_path / "from"), tmp_path / "cache")
    kept.image.unlink()

    with pytest.raises(
        BackendUnavailableError, match=r": the kernel is gone: run autotune vm setup"
    ):
        find_kernel(VmSettings(), tmp_path / "cache")


def test_a_cache_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    with pytest.raises(
        RunError, match=rf"^{tmp_path}/cache.*: can't keep a kernel: .*: free some "
    ):
        keep_kernel(kernel(tmp_path / "from"), tmp_path / "cache")


def test_without_apt_the_options_for_another_kernel_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BackendUnavailableError) as error:
        fetch_kernel(tmp_path, print)

    assert str(error.value) == (
        "no program 'apt-get', to get a kernel with: "
        "give another kernel with --kernel FILE --modules DIR"
    )


@pytest.mark.parametrize(
    ("depends", "package"),
    [
        (
            "linux-image-6.12.1+deb12-cloud-amd64 (= 6.12.1-1)",
            "linux-image-6.12.1+deb12-cloud-amd64",
        ),
        ("libc6, linux-image-7.0.3-amd64", "linux-image-7.0.3-amd64"),
        ("linux-image-6.1.0-40-cloud-amd64 (= 6.1.153-1)", None),
        ("linux-base (>= 4)", None),
    ],
)
def test_only_a_new_enough_kernel_is_taken(depends: str, package: str | None) -> None:
    description = f"Package: linux-image\nDepends: {depends}\nSection: kernel\n"

    assert depended_on(description) == package


@pytest.mark.vm
def test_the_distributions_kernel_is_fetched_and_can_do_what_is_needed(tmp_path: Path) -> None:
    said: list[str] = []

    fetched = fetch_kernel(tmp_path, said.append)

    assert find_kernel(VmSettings(), tmp_path) == fetched
    assert fetched.config is not None
    assert {"zram", "zsmalloc", "qemu_fw_cfg"} <= set(map(module_name, fetched.modules))
    assert all(path.read_bytes().startswith(b"\x7fELF") for path in fetched.modules)
    assert any(fetched.version in line for line in said)


@pytest.mark.vm
def test_a_kernel_is_fetched_where_there_are_no_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt.conf").write_text(f'Dir::State::lists "{tmp_path}/none";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    said: list[str] = []

    fetched = fetch_kernel(tmp_path / "cache", said.append)

    assert said[0] == "fetching the package lists into a folder of our own"
    assert fetched.image.is_file()
