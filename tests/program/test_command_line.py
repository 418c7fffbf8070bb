"""The command line as scripts see it: statuses, streams, JSON, and the width of a terminal."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from autotune.backends.host import Places
from autotune.cli.main import app, run_command_line, vm_app
from autotune.doctor import Surroundings
from autotune.driver.journal import Change, Journal, Kind
from tests.backends.vm.fake_kernel import VERSION, write_kernel, write_modules
from tests.driver.fake_kernel import make_procfs

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS = sorted(
    command.callback.__name__ for command in app.registered_commands if command.callback
)
VM_COMMANDS = [command.name for command in vm_app.registered_commands if command.name]

SHORT = """\
a, 4000000
b, 12000000

both
1000
a, 0, 4096, 1
b, 0, 4096, 1

one
2000
a, 0, 4096, 1
"""


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@pytest.fixture
def autotune(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Runner:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return Runner(capsys)


class Runner:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Result:
        self.capsys.readouterr()
        status = run_command_line([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return Result(status, captured.out, captured.err)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """A workload of three simulated seconds, with a cold part."""
    (tmp_path / "short.cfg").write_text(SHORT)
    file = tmp_path / "short.yaml"
    file.write_text("workload:\n  pattern: short.cfg\nconfirmations: 2\n")
    return file


def test_every_help_fits_a_terminal_and_shows_every_command(autotune: Runner) -> None:
    texts = {command: autotune(command, "--help").out for command in COMMANDS}
    of_vm = {command: autotune("vm", command, "--help").out for command in VM_COMMANDS}
    overview, vm = autotune("--help").out, autotune("vm", "--help").out

    assert all(command in overview for command in (*COMMANDS, "vm"))
    assert all(command in vm for command in VM_COMMANDS)
    for text in (*texts.values(), *of_vm.values(), overview, vm):
        assert [line for line in text.splitlines() if len(line) > 80] == []


def test_without_arguments_the_help_is_shown(autotune: Runner) -> None:
    assert "Commands:" in autotune().out + autotune().err


def test_the_version_is_that_of_the_package(autotune: Runner) -> None:
    result = autotune("--version")

    assert (result.status, result.out) == (0, "autotune 0.1.0\n")


def test_measure_prints_the_promised_json(autotune: Runner, short: Path) -> None:
    result = autotune("measure", short, "--scheme", "prcl-3s", "--seed", 7, "--json")

    values = json.loads(result.out)
    assert result.status == 0
    assert list(values) == [
        "workload",
        "backend",
        "machine",
        "seed",
        "scheme",
        "monitoring",
        "record",
        "baseline",
        "seeds",
        "metrics",
        "metrics_low",
        "metrics_high",
        "more_than_noise",
        "missing",
        "reason",
        "doubts",
    ]
    assert (values["workload"], values["backend"], values["machine"]) == (
        "short",
        "simulator",
        "server",
    )
    assert (values["seed"], values["scheme"]) == (7, "4K max 0 0 3s max pageout")
    assert values["monitoring"] == {
        "intervals": {"sampling_us": 5_000, "aggregation_us": 100_000, "update_us": 1_000_000},
        "min_regions": 10,
        "max_regions": 1_000,
    }
    assert list(values["record"]["scheme_stats"]) == [
        "tried_regions",
        "tried_bytes",
        "applied_regions",
        "applied_bytes",
        "quota_exceeds",
    ]
    assert values["baseline"]["scheme_stats"] is None
    assert values["seeds"][0] == 7
    assert len(values["seeds"]) == 3


def test_measure_shows_means_and_ranges_or_that_the_noise_is_unknown(
    autotune: Runner, short: Path
) -> None:
    several = autotune("measure", short, "--scheme", "prcl-3s", "--seeds", 2)
    single = autotune("measure", short, "--scheme", "prcl-3s", "--seeds", 1)

    assert all(word in several.out for word in ("mean", "lowest", "highest", "\n2 seeds: 0, "))
    assert "seed 0 alone shows no noise" in single.out
    assert "try --seeds 3" in single.out
    assert several.err == single.err == ""
    for text in (several.out, single.out):
        assert [line for line in text.splitlines() if len(line) > 80] == []


def test_measure_shows_how_much_of_a_figure_is_luck(autotune: Runner, tmp_path: Path) -> None:
    # Each half is hot for 5 s; whether the other one gets 3 s old in time is chance.
    often, seldom = "{0}, 0, 64, 99\n{1}, 0, 64, 1\n", "{1}, 0, 64, 99\n{0}, 0, 64, 1\n"
    phases = "".join(
        f"\nphase {number}\n5000\n{accesses.format('a', 'b')}"
        for number, accesses in enumerate((often, seldom))
    )
    (tmp_path / "halves.cfg").write_text(f"a, 104857600\nb, 104857600\n{phases}")
    (tmp_path / "halves.yaml").write_text("workload: {pattern: halves.cfg}\n")

    result = autotune(
        "measure",
        "halves.yaml",
        "--scheme",
        "prcl-3s",
        "--machine",
        "micro-vm",
        "--seeds",
        "8",
        "--json",
    )

    values = json.loads(result.out)
    assert values["metrics_low"]["slowdown"] < 0.005
    assert values["metrics_high"]["slowdown"] > 0.04


def test_equal_measurements_print_equal_bytes(autotune: Runner, short: Path) -> None:
    arguments = ("measure", short, "--scheme", "prcl-3s", "--json")

    assert autotune(*arguments).out == autotune(*arguments).out


def test_without_a_scheme_measure_only_monitors(autotune: Runner, short: Path) -> None:
    values = json.loads(autotune("measure", short, "--json").out)

    assert values["scheme"] is None
    assert values["record"]["swap_out_bytes"] == 0
    assert values["metrics"]["memory_saving"] == 0.0


def test_another_machine_gives_other_figures(autotune: Runner, short: Path) -> None:
    measured = [
        json.loads(autotune("measure", short, "--machine", machine, "--json").out)["metrics"]
        for machine in ("server", "micro-vm")
    ]

    assert measured[1]["cpu_use"] > 4 * measured[0]["cpu_use"]


def test_a_run_is_tuned_exported_and_compared(autotune: Runner, short: Path) -> None:
    run = autotune("run", short, "--trials", 8, "--seed", 1, "--out", "first", "--json")
    other = autotune("run", short, "--trials", 8, "--seed", 1, "--out", "second")
    exported = autotune("export", "first", "--pick", "best", "--format", "damos")
    compared = autotune("compare", "first", "second", "--json")

    summary = json.loads(run.out)
    assert (run.status, other.status, exported.status, compared.status) == (0, 0, 0, 0)
    assert list(summary) == [
        "out",
        "trials",
        "failed",
        "hypervolume",
        "front",
        "missing",
        "reason",
    ]
    assert (summary["out"], summary["trials"], summary["failed"]) == ("first", 8, 0)
    assert summary["front"][0]["scheme"] in exported.out
    assert max(len(line) for line in other.out.splitlines()) <= 80
    values = json.loads(compared.out)
    assert list(values) == ["runs", "hypervolume", "coverage", "epsilon"]
    assert values["hypervolume"] == [summary["hypervolume"]] * 2
    for file in ("trials.csv", "front.csv", "measurements.jsonl", "summary.md"):
        assert Path("first", file).read_bytes() == Path("second", file).read_bytes()


def test_what_was_exported_can_be_measured(autotune: Runner, short: Path) -> None:
    run = autotune("run", short, "--trials", 8, "--seed", 1, "--out", "run", "--json")
    best = json.loads(run.out)["front"][0]
    files = [
        autotune("export", "run", "--pick", "best", "--format", form, "--out", "files").out.strip()
        for form in ("damos", "schemes", "kdamonds")
    ]

    schemes = [
        json.loads(autotune("measure", short, "--scheme", file, "--json").out)["scheme"]
        for file in files
    ]

    assert schemes == [best["scheme"]] * 3


def test_a_process_is_filled_in(autotune: Runner, short: Path) -> None:
    autotune("run", short, "--trials", 8, "--seed", 1, "--out", "run")

    open_ended = autotune("export", "run", "--pick", "best", "--format", "kdamonds")
    filled_in = autotune("export", "run", "--pick", "best", "--format", "kdamonds", "--pid", 42)
    line = autotune("export", "run", "--pick", "best", "--format", "args", "--pid", 42)

    pids = [
        json.loads(result.out)["kdamonds"][0]["contexts"][0]["targets"][0]["pid"]
        for result in (open_ended, filled_in)
    ]
    assert pids == ["0", 42]
    assert line.out.startswith("damo start 42 ")


def test_several_schemes_are_several_files(autotune: Runner, short: Path) -> None:
    autotune("run", short, "--trials", 8, "--seed", 1, "--out", "run")

    to_terminal = autotune("export", "run", "--pick", "all", "--format", "kdamonds")
    to_files = autotune("export", "run", "--pick", "all", "--format", "kdamonds", "--out", "files")

    assert to_terminal.status == 2
    assert "give --out DIR" in to_terminal.err
    assert all(Path(name).is_file() for name in to_files.out.split())
    assert len(to_files.out.split()) > 1


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


@pytest.mark.parametrize("command", ["check", "measure"])
@pytest.mark.usefixtures("short")
def test_what_masim_would_refuse_is_warned_of_with_its_place(
    autotune: Runner, command: str
) -> None:
    Path("short.cfg").write_text(SHORT.rstrip())

    result = autotune(command, "short.yaml")

    assert result.status == 0
    assert " ".join(result.err.split()) == (
        "warning: short.cfg:11: no line end: masim loses this line, add one"
    )


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


def test_a_scheme_that_no_line_of_text_holds_is_shown_as_json(
    autotune: Runner, short: Path, tmp_path: Path
) -> None:
    file = tmp_path / "slow.json"
    scheme = {"action": "stat", "apply_interval_us": "1 s"}
    file.write_text(json.dumps([scheme]))

    measured = autotune("measure", short, "--scheme", file)
    checked = autotune("check", file)

    assert (measured.status, checked.status) == (0, 0)
    for result in (measured, checked):
        assert '"apply_interval_us": 1000000' in " ".join(result.out.split())


def test_what_looks_like_markup_in_a_name_is_printed_as_it_is(
    autotune: Runner, short: Path
) -> None:
    short.write_text(short.read_text() + "name: a[bold]b\n")

    assert "a[bold]b on simulator" in autotune("measure", short).out


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


def test_a_run_of_which_every_trial_failed_has_failed(autotune: Runner, short: Path) -> None:
    short.write_text(
        short.read_text()
        + "objectives: [{metric: 1 / (memory_saving - memory_saving), direction: minimize, "
        "reference: 1}]\n"
    )

    result = autotune("run", short, "--trials", 2, "--out", "run")

    assert result.status == 1
    assert "error: run: every trial failed: " in result.err
    assert Path("run", "trials.csv").is_file()


def test_figures_that_are_no_fractions_are_plain_numbers(autotune: Runner, short: Path) -> None:
    short.write_text(
        short.read_text()
        + "objectives: [{metric: major_faults, direction: minimize, reference: 100000}]\n"
    )

    result = autotune("run", short, "--trials", 4, "--out", "run")

    assert result.status == 0
    assert "%" not in result.out.replace("slowdown <= 5%", "")


def test_a_full_standard_output_is_one_message(short: Path) -> None:
    command = f"{sys.executable} -m autotune measure {short} --json >/dev/full"

    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert result.stderr == (
        "error: standard output: can't be written: No space left on device: see where it goes\n"
    )


def test_spaces_and_objectives_are_listed(autotune: Runner) -> None:
    spaces, objectives = autotune("spaces"), autotune("objectives")

    assert all(name in spaces.out for name in ("prcl", "prcl-quota", "ethp", "100ms to 1m"))
    assert all(name in objectives.out for name in ("memory", "slowdown <= 5%", "cpu_use"))
    for result in (spaces, objectives):
        assert max(len(line) for line in result.out.splitlines()) <= 80


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


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("foo",), 2, "error: No such command 'foo': see autotune --help"),
        (("run",), 2, "error: Missing argument 'WORKLOAD': see autotune --help"),
        (("run", "no.yaml"), 2, "error: no.yaml: no such file: check the path"),
        (
            ("run", "short.yaml", "--sampler", "tpee"),
            2,
            "error: short.yaml: no sampler 'tpee': did you mean 'tpe'?",
        ),
        (("run", "short.yaml", "--trials", "0"), 2, "error: 0 trials are too few: give 1 or more"),
        (
            ("run", "short.yaml", "--out", "."),
            2,
            "error: .: is not empty: name a folder that is, or a new one",
        ),
        (
            ("run", "short.yaml", "--out", "short.cfg/run"),
            2,
            "error: short.cfg/run: is no folder, or lies in something that is none: name another",
        ),
        (
            ("measure", "short.yaml", "--scheme", "prcl-4s"),
            2,
            "error: no reference scheme 'prcl-4s': did you mean 'prcl-5s'?",
        ),
        (("export", "nowhere"), 2, "error: nowhere: no such run folder: check the path"),
        (
            ("compare", ".", "."),
            2,
            "error: .: has no run.json: name a folder that a run has written",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
@pytest.mark.usefixtures("short")
def test_a_mistake_is_one_message_and_a_status(
    autotune: Runner, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = autotune(*arguments)

    assert (result.status, result.out) == (status, "")
    assert result.err == f"{message}\n"


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT] * 3,
        [signal.SIGTERM, signal.SIGINT],
        [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM],
    ],
    ids=["Ctrl-C", "SIGTERM", "hang-up"],
)
def test_several_interrupts_end_a_run_once_with_what_it_has(
    short: Path, tmp_path: Path, signals: list[signal.Signals]
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "autotune", "run", str(short), "--trials", "5000"]
    with subprocess.Popen(
        [*command, "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (out / "trials.csv").exists():
            time.sleep(0.05)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.02)
        printed, notes = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in notes
    assert " ".join(notes.split()).endswith(f"note: interrupted: what was finished is in {out}")
    assert " trials; " in printed
    assert json.loads((out / "run.json").read_text())["state"] == "interrupted"
    assert (out / "summary.md").is_file()


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m autotune spaces | head -1"

    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stderr == ""


def test_a_name_that_the_locale_cannot_write_is_no_traceback(short: Path) -> None:
    short.write_text("name: caf\u00e9\n" + short.read_text(), encoding="utf-8")
    command = ["-m", "autotune", "measure", str(short), "--scheme", "prcl-3s", "--seeds", "1"]

    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.startswith("caf\\xe9 on simulator (server)\n")


def test_the_next_command_can_be_pasted(short: Path, tmp_path: Path, autotune: Runner) -> None:
    out = tmp_path / "a [red] run"

    printed = autotune("run", short, "--trials", 8, "--seed", 1, "--out", out).out

    command = shlex.split(printed.splitlines()[-1].removeprefix("next: autotune "))
    assert command[:2] == ["export", str(out)]
    assert autotune(*command).status == 0


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
