"""Commands about this machine: `doctor`, `vm setup`, `calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotune.backends.host import Places
from autotune.doctor import Surroundings
from autotune.driver.journal import Change, Journal, Kind
from tests.backends.vm.fake_kernel import VERSION, write_kernel, write_modules
from tests.driver.fake_kernel import make_procfs
from tests.program.commands import Runner


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """A machine that has nothing, as root sees it, in the place of this one."""
    folder = tmp_path / "machine"
    surroundings = Surroundings(
        places=Places(
            sysfs=folder / "sys",
            procfs=make_procfs(folder / "proc"),
            dev=folder / "dev",
            journal=folder / "journal",
            lock=folder / "lock",
        ),
        modules=folder / "modules",
        environment={"PATH": "", "XDG_CACHE_HOME": str(folder / "cache")},
        euid=0,
        groups=frozenset({0}),
    )
    monkeypatch.setattr("autotune.doctor.Surroundings", lambda: surroundings)
    return surroundings


def test_a_calibration_says_what_it_can_measure(autotune: Runner) -> None:
    result = autotune("calibrate", "--backend", "simulator")

    assert result.status == 2
    assert "--backend simulator: can't be calibrated: give vm or host" in result.err


def test_a_calibration_replaces_no_profile_that_it_was_not_given(autotune: Runner) -> None:
    Path("micro-vm.yaml").write_text("cpus: 1\n")

    result = autotune("calibrate", "--backend", "vm")

    assert result.status == 2
    assert "micro-vm.yaml: is there already: give --out FILE" in " ".join(result.err.split())
    assert Path("micro-vm.yaml").read_text() == "cpus: 1\n"


@pytest.mark.usefixtures("here")
def test_doctor_tells_what_is_missing_and_has_not_failed(autotune: Runner) -> None:
    shown, values = autotune("doctor"), json.loads(autotune("doctor", "--json").out)

    assert (shown.status, shown.err) == (0, "")
    assert max(len(line) for line in shown.out.splitlines()) <= 80
    lines = [line.strip() for line in shown.out.splitlines()]
    assert lines[-3] == "simulator: can be used"
    assert lines[-1] == "host: cannot be used, see DAMON"
    words = " ".join(shown.out.split())
    for check in values["checks"]:
        assert f"{check['name']} {check['state']} " in words
    assert "fix: run autotune vm setup" in words


def test_doctor_puts_back_what_a_killed_run_changed(
    autotune: Runner, here: Surroundings, tmp_path: Path
) -> None:
    setting = tmp_path / "enabled"
    setting.write_text("never")
    change = Change(kind=Kind.SETTING, where=str(setting), old="madvise")
    Journal(here.places.journal, here.places.procfs).write_down(change)

    looked = autotune("doctor")
    restored, again = autotune("doctor", "--restore"), autotune("doctor", "--restore")

    assert "--restore" in looked.out
    assert (restored.status, restored.out) == (0, f"{setting}: 'madvise' again\n")
    assert setting.read_text() == "madvise"
    assert (again.status, again.out) == (0, "nothing to put back\n")
    assert json.loads(autotune("doctor", "--restore", "--json").out) == {"restored": []}


def test_what_can_not_be_put_back_is_a_failure(autotune: Runner, here: Surroundings) -> None:
    change = Change(kind=Kind.SETTING, where="/nowhere/enabled", old="madvise")
    Journal(here.places.journal, here.places.procfs).write_down(change)

    result = autotune("doctor", "--restore")

    assert (result.status, result.out) == (1, "")
    assert "not all was put back: /nowhere/enabled" in " ".join(result.err.split())


def test_a_kernel_is_set_up_and_what_is_still_missing_is_a_failure(
    autotune: Runner, here: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CC", "/nowhere/cc")
    image, modules = write_kernel(tmp_path / "given"), write_modules(tmp_path / "given/modules")

    result = autotune("vm", "setup", "--kernel", image, "--modules", modules)

    assert result.status == 1
    version, _, kept = result.out.strip().partition(" ")
    assert version == VERSION
    assert Path(kept).read_bytes() == image.read_bytes()
    assert result.err.startswith(f"note: kernel {VERSION} is kept in")
    assert result.err.count("error: ") == 2
    assert "error: qemu-system-x86_64: not found: install QEMU" in " ".join(result.err.split())
    assert all(line.split(":")[0] in {"note", "error"} for line in result.err.splitlines())


def test_a_file_that_is_no_kernel_is_a_wrong_input(autotune: Runner, short: Path) -> None:
    result = autotune("vm", "setup", "--kernel", short)

    assert (result.status, result.out) == (2, "")
    assert " ".join(result.err.split()) == (
        f"error: {short}: is no Linux kernel image: name a bzImage"
    )
