"""`autotune check`, and what `run` refuses alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program.commands import Runner

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_check_describes_what_is_right_and_names_what_is_wrong(
    autotune: Runner, short: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.damos"
    wrong.write_text("4K max 0 0 10s\n")

    result = autotune("check", short, wrong, EXAMPLES / "stairs.yaml")

    assert result.status == 2
    assert [line.split(": ")[1].split()[0] for line in result.out.splitlines()] == ["workload"] * 2
    assert "wrong.damos:1: " in result.err.replace("\n", " ")


@pytest.mark.usefixtures("short")
def test_check_goes_on_after_a_backend_that_is_missing_here(
    autotune: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    Path("vm.yaml").write_text("workload: {pattern: short.cfg}\nbackend: vm\n")

    result = autotune("check", "vm.yaml", "short.yaml")

    assert result.status == 0
    assert [line.split(":")[0] for line in result.out.splitlines()] == ["vm.yaml", "short.yaml"]
    assert " ".join(result.err.split()) == (
        "warning: vm.yaml: qemu-system-x86_64: not found: install QEMU (Debian: apt-get install "
        "--no-install-recommends qemu-system-x86)"
    )


@pytest.mark.usefixtures("short")
def test_check_looks_at_each_of_several_backends(
    autotune: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    for name, space in (("fine", "prcl"), ("not_modelled", NOT_MODELLED)):
        text = (
            f"workload: {{pattern: short.cfg}}\nbackend: [simulator, vm]\nsearch_space: {space}\n"
        )
        Path(f"{name}.yaml").write_text(text)
    Path("program.yaml").write_text("workload: {command: [ls]}\nbackend: [simulator, vm]\n")

    fine = autotune("check", "fine.yaml")
    program = autotune("check", "program.yaml")
    not_modelled = autotune("check", "not_modelled.yaml")

    assert fine.out.rstrip().endswith("backend simulator, vm")
    assert fine.err.count("qemu-system-x86_64: not found") == 1
    assert program.err.count("qemu-system-x86_64: not found") == 1
    assert (fine.status, program.status, not_modelled.status) == (0, 0, 2)


@pytest.mark.parametrize("command", ["check", "measure"])
@pytest.mark.usefixtures("short")
def test_what_masim_would_refuse_is_warned_of_with_its_place(
    autotune: Runner, command: str
) -> None:
    pattern = Path("short.cfg")
    pattern.write_text(pattern.read_text().rstrip())

    result = autotune(command, "short.yaml")

    assert result.status == 0
    assert " ".join(result.err.split()) == (
        "warning: short.cfg:11: no line end: masim loses this line, add one"
    )


NOT_MODELLED = (
    "{schemes: [{action: willneed, parameters: {pattern.min_age: {low: 1s, high: 2s}}}]}"
)


def test_check_finds_what_a_run_would_refuse(autotune: Runner, short: Path) -> None:
    text = short.read_text()

    messages = []
    for key in ("sampler: tpee", f"search_space: {NOT_MODELLED}"):
        short.write_text(f"{text}{key}\n")
        messages.append([autotune(*command, short) for command in (("check",), ("run",))])

    for checked, run in messages:
        assert (checked.status, run.status) == (2, 2)
        assert checked.err == run.err


def test_what_the_simulator_does_not_model_is_refused_before_anything_is_written(
    autotune: Runner, short: Path
) -> None:
    short.write_text(f"{short.read_text()}search_space: {NOT_MODELLED}\n")

    result = autotune("run", short, "--out", "run")

    assert result.status == 2
    assert " ".join(result.err.split()) == (
        f"error: {short}: the simulator does not model action willneed, only pageout, stat, cold, "
        "hugepage, nohugepage, lru_prio and lru_deprio: measure this one on a real kernel"
    )
    assert not Path("run").exists()
