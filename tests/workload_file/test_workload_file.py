from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune import catalog
from autotune.backends.settings import HostSettings, VmSettings
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.errors import InputError
from autotune.experiment.experiment import Experiment
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program, Ready
from autotune.formats import damo_record, masim
from autotune.testing import prcl
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.sections import Budget
from autotune.workload_file.workload_file import Source, WorkloadFile, load_workload_file
from tests.recordings import recording

PATTERN = "a, 1048576\n\nsweep\n1000\na, 0, 4096, 100\n"
TWO_LINES = "workload:\n  pattern: tiny.cfg\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.cfg").write_text(PATTERN)
    damo_record.save(recording(), tmp_path / "recorded.data")
    return tmp_path


def load(folder: Path, text: str, **overrides: Any) -> WorkloadFile:
    path = folder / "my.yaml"
    path.write_text(text)
    return load_workload_file(path, Overrides(**overrides))


def message(folder: Path, text: str, **overrides: Any) -> str:
    with pytest.raises(InputError) as error:
        load(folder, text, **overrides)
    return str(error.value).replace(f"{folder}/", "")


def test_two_lines_are_enough(folder: Path) -> None:
    workload = load(folder, TWO_LINES)

    assert workload.name == "my"
    assert workload.workload == masim.load(folder / "tiny.cfg")
    assert workload.timeout_us == 600_000_000
    assert workload.backend.name == "simulator"
    assert workload.backend.machine.name == "server.yaml"
    assert workload.search_space.name == "prcl"
    assert workload.objectives.name == "memory"
    assert workload.budget == Budget(trials=4000)
    assert workload.sampler == "auto"
    assert (workload.parallel, workload.confirmations, workload.seed) == (4, 40, 0)
    assert (str(workload.objectives.hold), workload.recommend) == ("95%", 7)
    assert workload.monitoring == Monitoring()
    assert workload.start_after_us == 0
    assert workload.backend.vm == VmSettings()


def test_every_key_is_read(folder: Path) -> None:
    workload = load(
        folder,
        """
name: a name
workload: {command: [sleep, 10], client: [wrk, -t, 1], ready: {port: 80}, work: '([0-9]+) requests',
           duration: 8s, accept_exit: [0, 130], files: [data], timeout: 2m}
backend: vm
machine: micro-vm
search_space: {base: prcl, parameters: {pattern.min_size: 4K}}
objectives: [{metric: rss_saving, direction: maximize, reference: 0%}]
constraints: [slowdown <= 3%]
budget: {trials: 10, time: 1h}
sampler: nsga2
parallel: 8
confirmations: 0
hold: 90%
recommend: 12
seed: 7
monitoring: {sampling_interval: 1ms, aggregation_interval: 20ms, update_interval: 2s,
             min_regions: 20, max_regions: 200, start_after: 3s}
vm: {memory: 1G, swap: 2G, compression: zstd, huge_pages: always, mips: 500, kernel: vmlinuz,
     modules: /lib/modules/6.12}
""",
    )

    program = workload.workload
    assert isinstance(program, Program)
    assert workload.name == "a name"
    assert program.command == ("sleep", "10")
    assert program.client == ("wrk", "-t", "1")
    assert program.ready == Ready(port=80)
    assert program.work == "([0-9]+) requests"
    assert (program.duration_us, program.accept_exit) == (8_000_000, (0, 130))
    assert program.files == (str(folder / "data"),)
    assert workload.timeout_us == 120_000_000
    assert workload.backend.name == "vm"
    assert workload.backend.machine.name == "micro-vm.yaml"
    assert [p.name for p in workload.search_space.parameters] == ["pattern.min_age"]
    assert [str(c) for c in workload.objectives.constraints] == ["slowdown <= 3%"]
    assert workload.budget == Budget(trials=10, time_us=3_600_000_000)
    assert workload.sampler == "nsga2"
    assert (workload.parallel, workload.confirmations, workload.seed) == (8, 0, 7)
    assert (str(workload.objectives.hold), workload.recommend) == ("90%", 12)
    assert workload.monitoring == Monitoring(
        intervals=Intervals(sampling_us=1_000, aggregation_us=20_000, update_us=2_000_000),
        min_regions=20,
        max_regions=200,
    )
    assert workload.start_after_us == 3_000_000
    assert workload.backend.vm == VmSettings(
        memory_bytes=1 << 30,
        swap_bytes=2 << 30,
        compression="zstd",
        huge_pages="always",
        mips=500,
        kernel=folder / "vmlinuz",
        modules=Path("/lib/modules/6.12"),
    )


def test_a_baseline_has_no_monitoring_and_no_schemes(folder: Path) -> None:
    workload = load(folder, TWO_LINES + "monitoring: {start_after: 1s}\n")
    pattern = masim.load(folder / "tiny.cfg")

    assert workload.experiment(None) == Experiment(workload=pattern)


def test_an_experiment_without_schemes_only_monitors(folder: Path) -> None:
    workload = load(folder, TWO_LINES + "monitoring: {start_after: 1s, min_regions: 20}\n")

    experiment = workload.experiment(())

    assert experiment.monitoring == Monitoring(min_regions=20)
    assert experiment.start_after_us == 1_000_000
    assert experiment.schemes == ()


def test_an_experiment_has_the_schemes_and_the_timeout(folder: Path) -> None:
    workload = load(folder, "workload: {pattern: tiny.cfg, timeout: 5s}\n")

    experiment = workload.experiment((prcl(),))

    assert experiment.schemes == (prcl(),)
    assert experiment.timeout_us == 5_000_000


def test_a_constraint_of_the_file_replaces_that_of_the_objectives(folder: Path) -> None:
    workload = load(folder, TWO_LINES + "constraints: [slowdown <= 2%, cpu_use <= 10%]\n")

    constraints = [str(constraint) for constraint in workload.objectives.constraints]
    assert constraints == ["slowdown <= 2%", "cpu_use <= 10%"]


def test_options_override_keys(folder: Path) -> None:
    text = TWO_LINES + "backend: vm\nbudget: {trials: 5, time: 1m}\nseed: 3\nsampler: nsga2\n"

    workload = load(
        folder,
        text,
        backend="simulator",
        trials=9,
        seed=4,
        sampler="random",
        machine="micro-vm",
    )

    assert workload.backend.name == "simulator"
    assert workload.budget == Budget(trials=9, time_us=60_000_000)
    assert (workload.seed, workload.sampler) == (4, "random")
    assert workload.backend.machine.name == "micro-vm.yaml"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"backend": "qemu"}, "no backend 'qemu': known are simulator, vm, host"),
        ({"backend": "vm,"}, "no backend '': known are simulator, vm, host"),
        ({"backend": "vm, vm"}, "vm is there twice: name each backend once"),
        (
            {"backend": "host,vm"},
            "host stands before vm, and the cheapest comes first: write vm, host",
        ),
        ({"trials": 0}, "0 trials are too few: give 1 or more"),
        ({"trials": 10**9}, "1000000000 trials are too many: give 1000000 at most"),
        ({"seed": -1}, "seed -1 is out of range: give one from 0 to 4294967295"),
        ({"machine": "sever"}, "no machine 'sever': did you mean 'server'?"),
    ],
)
def test_an_option_that_makes_no_sense_is_an_error(
    folder: Path, overrides: dict[str, object], expected: str
) -> None:
    assert message(folder, TWO_LINES, **overrides) == expected


def test_all_files_that_decide_a_run_are_kept(folder: Path) -> None:
    (folder / "space.yaml").write_text(
        "schemes: [{action: pageout, parameters: {pattern.min_age: {low: 1s, high: 2s}}}]\n"
    )
    text = TWO_LINES + "search_space: space.yaml\n"

    workload = load(folder, text)

    memory = catalog.find("memory", "objectives", folder)
    server = catalog.find("server", "machines", folder)
    assert workload.sources == (
        Source("workload", folder / "my.yaml", text.encode()),
        Source("search space", folder / "space.yaml", (folder / "space.yaml").read_bytes()),
        Source("objectives", memory, memory.read_bytes()),
        Source("pattern", folder / "tiny.cfg", PATTERN.encode()),
        Source("machine", server, server.read_bytes()),
    )


def test_what_stands_inline_is_kept_with_the_workload_file(folder: Path) -> None:
    workload = load(
        folder,
        TWO_LINES
        + """
search_space: {schemes: [{action: pageout, parameters: {pattern.min_age: {low: 1s, high: 2s}}}]}
objectives: [{metric: rss_saving, direction: maximize, reference: 0}]
""",
    )

    assert [source.role for source in workload.sources] == ["workload", "pattern", "machine"]
    assert workload.search_space.name == workload.objectives.name == "custom"


def test_a_program_with_a_path_is_looked_for_beside_the_file(folder: Path) -> None:
    workload = load(
        folder,
        "workload: {command: [./server, ./x], client: [bin/client, a/b]}\nbackend: host\n",
    )

    program = workload.workload
    assert isinstance(program, Program)
    assert program.command == (str(folder / "server"), "./x")
    assert program.client == (str(folder / "bin/client"), "a/b")
    assert program.folder == str(folder)


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ("/", "is the whole machine: leave it out; autotune vm check finds what to list"),
        (
            "/proc/meminfo",
            "the micro-VM has its own /proc: leave it out; data goes into another folder",
        ),
        (
            "/dev/shm/data",  # noqa: S108  # not opened
            "the micro-VM has its own /dev: leave it out; data goes into another folder",
        ),
        ("/run", "the micro-VM has its own /run: leave it out; data goes into another folder"),
    ],
)
def test_what_no_copy_makes_sense_of_is_refused_at_once(
    listed: str, reason: str, folder: Path
) -> None:
    (folder / "link").symlink_to(listed)

    for name, path in ((listed, listed), ("link", folder / "link")):
        with pytest.raises(InputError) as error:
            load(folder, f"workload: {{command: [ls], files: [{name}]}}\nbackend: vm\n")
        assert str(error.value) == (
            f"{folder}/my.yaml:1:35: key 'files', item 1: '{path}': {reason}"
        )


def test_a_patterns_data_file_is_looked_for_beside_the_pattern(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/filled.cfg").write_text("a, 4096, data.bin\n\np\n1000\na, 0, 4096, 1\n")

    text = "workload: {pattern: sub/filled.cfg}\n"

    assert message(folder, text) == (
        "sub/filled.cfg: region 'a': no data file 'sub/data.bin': check the path"
    )
    (folder / "sub/data.bin").touch()
    pattern = load(folder, text).workload

    assert isinstance(pattern, Pattern)
    assert pattern.regions[0].data_file == str(folder / "sub/data.bin")


def test_a_program_is_an_experiment_too(folder: Path) -> None:
    workload = load(folder, "workload: {command: [sleep, '1']}\nbackend: vm\n")

    assert workload.experiment(None).workload == workload.workload


def test_what_the_host_changes_can_be_chosen(folder: Path) -> None:
    chosen = load(
        folder,
        TWO_LINES + "host: {swap: 2G, compression: zstd, huge_pages: madvise}\n",
    )

    assert chosen.backend.host == HostSettings(
        swap_bytes=2 << 30, compression="zstd", huge_pages="madvise"
    )
    assert load(folder, TWO_LINES).backend.host == HostSettings()


def test_a_machine_in_realtime_may_have_several_cpus(folder: Path) -> None:
    workload = load(folder, TWO_LINES + "vm: {mode: realtime, cpus: 2}\n")

    assert (workload.backend.vm.realtime, workload.backend.vm.cpus) == (True, 2)


def test_a_recording_is_played_by_the_simulator(folder: Path) -> None:
    workload = load(folder, "workload: {recording: recorded.data}\n")

    assert workload.experiment(None).workload == damo_record.load(folder / "recorded.data")
    assert workload.sources[-1] == Source(
        "recording", folder / "recorded.data", (folder / "recorded.data").read_bytes()
    )


def test_a_recording_is_played_by_nothing_else(folder: Path) -> None:
    assert message(folder, "workload: {recording: recorded.data}\nbackend: vm\n") == (
        "my.yaml:1:23: key 'recording': only the simulator plays recordings: use backend: simulator"
    )


def test_a_long_recording_may_take_several_times_its_length(folder: Path) -> None:
    second = 1_000_000
    long = replace(recording(), duration_us=3_600 * second)
    damo_record.save(long, folder / "long.data")

    short_us = load(folder, "workload: {recording: recorded.data}\n").timeout_us
    long_us = load(folder, "workload: {recording: long.data}\n").timeout_us

    assert short_us == 600 * second
    assert long_us >= 2 * 3_600 * second


def test_of_several_backends_the_last_one_counts(folder: Path) -> None:
    text = TWO_LINES + "backend: [simulator, vm]\n"

    several = load(folder, text).backend

    assert (several.earlier, several.name) == (("simulator",), "vm")
    assert several.names == ("simulator", "vm")
    assert load(folder, text, backend="vm").backend.names == ("vm",)
    assert load(folder, TWO_LINES, backend="simulator,host").backend.names == ("simulator", "host")
    assert load(folder, TWO_LINES + "backend: [vm]\n").backend.names == ("vm",)


def test_the_machine_of_a_simulator_is_kept_wherever_it_stands(folder: Path) -> None:
    roles = {
        backends: {source.role for source in load(folder, TWO_LINES, backend=backends).sources}
        for backends in ("simulator", "simulator,vm", "vm")
    }

    assert ["machine" in kept for kept in roles.values()] == [True, True, False]


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ("[vm, vm]", "vm is there twice: name each backend once"),
        (
            "[vm, simulator, host]",
            "vm stands before simulator, and the cheapest comes first: write simulator, vm, host",
        ),
        ("[]", "there is no backend: name one or more of simulator, vm, host"),
    ],
)
def test_a_list_of_backends_that_makes_no_sense_is_refused(
    folder: Path, listed: str, problem: str
) -> None:
    text = f"{TWO_LINES}backend: {listed}\n"

    assert message(folder, text) == f"my.yaml:3:10: key 'backend': {problem}"
    assert message(folder, text, backend="vm") == f"my.yaml:3:10: key 'backend': {problem}"


def test_a_command_for_the_shell_is_one_text(folder: Path) -> None:
    workload = load(
        folder, "backend: host\nworkload: {command: 'a | b', shell: true, ready: {delay: 0}}\n"
    )

    program = workload.workload
    assert isinstance(program, Program)
    assert (program.command, program.ready) == ("a | b", Ready(delay_us=0))


@pytest.mark.parametrize(
    ("key", "name"), [("duration: 8s", "duration"), ("ready: {delay: 8s}", "ready.delay")]
)
def test_what_a_program_waits_for_must_end_before_the_timeout(
    folder: Path, key: str, name: str
) -> None:
    text = f"backend: vm\nworkload: {{command: [a], {key}, timeout: 8s}}\n"

    assert message(folder, text).endswith(
        f"workload.{name} is 8s, and workload.timeout is 8s: raise the timeout"
    )


@pytest.mark.parametrize("name", ["a/b", "..", "a\\nb"])
def test_a_name_must_be_able_to_name_a_folder(folder: Path, name: str) -> None:
    assert message(folder, f'name: "{name}"\n{TWO_LINES}').endswith(
        "can't name a folder: leave out slashes and control characters"
    )


def test_warnings_about_the_pattern_are_passed_on(folder: Path) -> None:
    (folder / "tiny.cfg").write_text(PATTERN.rstrip("\n"))
    warnings: list[str] = []

    path = folder / "my.yaml"
    path.write_text(TWO_LINES)
    load_workload_file(path, warn=warnings.append)

    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            "command: [sort, <, names]",
            "only a shell reads '<': write the command as one text, with ",
        ),
        (
            "command: [serve], client: [ask, '|', wc]",
            "only a shell reads '|': write the command as ",
        ),
        ("command: 'sort < names', shell: true", None),
        ("command: [sort, names]", None),
    ],
)
def test_words_for_a_shell_that_none_reads_are_warned_of(
    folder: Path, keys: str, told: str | None
) -> None:
    path = folder / "my.yaml"
    path.write_text(f"workload: {{{keys}}}\nbackend: vm\n")
    warnings: list[str] = []

    load_workload_file(path, warn=warnings.append)

    if told is None:
        assert warnings == []
    else:
        [warning] = warnings
        assert warning.startswith(f"{path}:1:21: {told}")


def test_a_scheme_that_does_nothing_for_a_process_is_found_at_once(folder: Path) -> None:
    text = """
workload: {pattern: tiny.cfg}
search_space:
  schemes:
    - action: lru_prio
      parameters: {pattern.min_age: {low: 1s, high: 2s}}
"""

    assert message(folder, text) == (
        "my.yaml:5:7: search space 'custom': lru_prio does nothing under vaddr, and only that can be "
        "measured here: take cold, hugepage, nohugepage, pageout, stat or willneed"
    )


def test_the_rule_for_limits_is_that_of_the_objectives_unless_the_file_has_its_own(
    folder: Path,
) -> None:
    (folder / "own.yaml").write_text(
        "objectives: [{metric: slowdown, direction: minimize, reference: 1}]\nhold: mean\n"
    )

    of_objectives = load(folder, f"{TWO_LINES}objectives: own.yaml\n")
    own = load(folder, f"{TWO_LINES}objectives: own.yaml\nhold: worst of 3\n")

    assert str(of_objectives.objectives.hold) == "mean"
    assert str(own.objectives.hold) == "worst of 3"


@pytest.mark.parametrize("confirmations", [0, 4])
def test_a_rule_that_wants_more_runs_than_there_are_is_refused(
    folder: Path, confirmations: int
) -> None:
    text = f"{TWO_LINES}hold: worst of 5\nconfirmations: {confirmations}\n"

    assert message(folder, text) == (
        "my.yaml: 'hold: worst of 5' needs as many runs, and schemes are confirmed with "
        f"{confirmations}: write confirmations: 5"
    )


def test_on_one_of_its_backends_a_file_has_the_defaults_of_that_backend(folder: Path) -> None:
    several = TWO_LINES + "backend: [simulator, vm]\n"

    file = load(folder, several)
    simulated, real = file.on("simulator"), file.on("vm")

    assert file == replace(real, backend=file.backend)
    assert (simulated.backend.names, real.backend.names) == (("simulator",), ("vm",))
    assert (simulated.backend.machine.stem, real.backend.machine.stem) == ("micro-vm", "server")
    alone = load(folder, several, backend="simulator")
    assert (simulated.budget, simulated.confirmations) == (alone.budget, alone.confirmations)
    assert simulated.budget.trials != real.budget.trials


@pytest.mark.parametrize("sampler", ["auto", "tpe"])
def test_what_is_given_counts_on_each_of_its_backends(folder: Path, sampler: str) -> None:
    given = TWO_LINES + "backend: [simulator, vm]\nbudget: {trials: 9}\nconfirmations: 2\n"

    for file in (
        load(folder, given, sampler=sampler),
        load(folder, given.replace("budget: {trials: 9}\n", ""), sampler=sampler, trials=9),
    ):
        simulated = file.on("simulator")
        assert (simulated.budget.trials, simulated.confirmations) == (9, 2)


@pytest.mark.parametrize("backends", ["[simulator, vm]", "[simulator, vm, host]"])
def test_a_machine_that_is_given_is_simulated_before_the_micro_vm_too(
    folder: Path, backends: str
) -> None:
    several = f"{TWO_LINES}backend: {backends}\n"

    in_file = load(folder, several + "machine: server\n")
    on_command_line = load(folder, several, machine="server")

    assert in_file.on("simulator").backend.machine.stem == "server"
    assert on_command_line.on("simulator").backend.machine.stem == "server"


def test_a_simulator_before_this_machine_plays_the_usual_one(folder: Path) -> None:
    file = load(folder, TWO_LINES + "backend: [simulator, host]\n")

    assert file.on("simulator").backend.machine.stem == "server"
