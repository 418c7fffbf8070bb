from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.backends.vm.kernel_modules import (
    built_in_modules,
    find_modules,
    module_name,
    read_module,
)
from autotune.errors import BackendUnavailableError, InputError
from tests.backends.vm.fake_kernel import NEEDED, VERSION, module_bytes, write_modules


def names(modules: tuple[Path, ...]) -> list[str]:
    return [module_name(path) for path in modules]


def zstd(content: bytes) -> bytes:
    if shutil.which("zstd") is None:
        pytest.skip("no program 'zstd': install it")
    return subprocess.run(("zstd", "-c"), input=content, capture_output=True, check=True).stdout


def test_each_module_stands_after_those_that_it_needs(tmp_path: Path) -> None:
    found = names(find_modules(write_modules(tmp_path), VERSION, ()))

    assert set(found) == NEEDED.keys()
    for name, needed in NEEDED.items():
        for other in filter(None, needed.split(",")):
            assert found.index(other) < found.index(name)


def test_a_module_that_is_not_asked_for_is_left_out(tmp_path: Path) -> None:
    found = find_modules(write_modules(tmp_path, {**NEEDED, "nfs": ""}), VERSION, ())

    assert "nfs" not in names(found)


def test_what_is_built_in_is_not_looked_for(tmp_path: Path) -> None:
    assert find_modules(tmp_path, VERSION, {"zram", "qemu_fw_cfg"}) == ()


def test_a_module_whose_file_has_a_hyphen_is_found(tmp_path: Path) -> None:
    write_modules(tmp_path, {"zram": "lzo-rle", "lzo-rle": "", "qemu_fw_cfg": ""})

    assert names(find_modules(tmp_path, VERSION, ())) == ["lzo_rle", "zram", "qemu_fw_cfg"]


def test_the_folder_above_all_versions_will_do(tmp_path: Path) -> None:
    write_modules(tmp_path / VERSION)
    write_modules(tmp_path / "6.1.0", {"zram": "other"})

    assert set(names(find_modules(tmp_path, VERSION, ()))) == NEEDED.keys()


def test_a_module_that_is_missing_is_named_with_who_needs_it(tmp_path: Path) -> None:
    write_modules(tmp_path, {"zram": "zsmalloc", "qemu_fw_cfg": ""})

    with pytest.raises(InputError) as error:
        find_modules(tmp_path, VERSION, ())

    assert str(error.value) == (
        f"{tmp_path}: no module 'zsmalloc', which zram needs: name the folder with all modules of "
        f"kernel {VERSION}"
    )


def test_another_kernels_module_is_refused(tmp_path: Path) -> None:
    write_modules(tmp_path)

    with pytest.raises(
        InputError, match=r"\.ko: is for kernel 6\.12\.34-test, not for 6\.13\.0: "
    ):
        find_modules(tmp_path, "6.13.0", ())


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".ko", bytes), (".ko.gz", gzip.compress), (".ko.xz", lzma.compress), (".ko.zst", zstd)],
)
def test_a_module_is_read_however_it_is_compressed(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"zram{suffix}"
    path.write_bytes(compress(module_bytes("zsmalloc")))

    assert read_module(path) == module_bytes("zsmalloc")


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".ko.gz", gzip.compress), (".ko.xz", lzma.compress), (".ko.zst", zstd)],
)
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_module_that_is_cut_short_is_refused(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes], keep: float
) -> None:
    path = tmp_path / f"zram{suffix}"
    whole = compress(module_bytes() * 100)
    path.write_bytes(whole[: int(len(whole) * keep)] or b"text")

    with pytest.raises(InputError, match=rf"^{path}: "):
        read_module(path)


def test_without_zstd_its_modules_can_not_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zram.ko.zst").write_bytes(b"x")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BackendUnavailableError) as error:
        read_module(tmp_path / "zram.ko.zst")

    assert str(error.value) == (
        "no program 'zstd', with which this kernel's modules are compressed: install it"
    )


def test_built_in_modules_are_read_from_the_kernels_list(tmp_path: Path) -> None:
    (tmp_path / "modules.builtin").write_text("kernel/mm/zsmalloc.ko\nkernel/crypto/lzo-rle.ko\n")

    assert built_in_modules(tmp_path) == {"zsmalloc", "lzo_rle"}
    assert built_in_modules(tmp_path / "none") == frozenset()
