from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from autotune.backends.vm.cpio import Entry, archive
from autotune.backends.vm.elf import libraries, read_elf
from autotune.backends.vm.file_entries import entries_at
from autotune.backends.vm.files import files_for
from autotune.backends.vm.plan import USER_ID
from autotune.backends.vm.programs import find_program
from autotune.backends.vm.skeleton import SKELETON
from autotune.errors import InputError
from autotune.experiment.program import Program, Ready
from autotune.native.compiler import find_compiler
from tests.backends.vm.empty_root import lay_out, run_in


def script(path: Path, first_line: str, text: str = "") -> Path:
    path.write_text(f"{first_line}\n{text}")
    path.chmod(0o755)
    return path


def by_path(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


def test_a_program_runs_in_a_root_with_its_files_only(tmp_path: Path) -> None:
    lay_out(files_for(Program(command=("sort", "--version"))).entries, tmp_path)

    answer = run_in(tmp_path, [str(find_program("sort")), "--version"])

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("sort")


def test_a_command_for_the_shell_runs_in_a_root_with_its_files_only(tmp_path: Path) -> None:
    command = "cd / && printf 'b\\na\\n' | sort; X=1 expr 1 + 1"
    files = files_for(Program(command=command))
    lay_out(files.entries, tmp_path)

    answer = run_in(tmp_path, ["/bin/sh", "-c", command], {"PATH": files.search_path})

    assert answer.stdout == "a\nb\n2\n", answer.stderr


@pytest.mark.parametrize("first_line", ["#!/bin/sh", "#! /bin/sh -e", "#!/usr/bin/env sh"])
def test_a_script_brings_its_interpreter(tmp_path: Path, first_line: str) -> None:
    (tmp_path / "root").mkdir()
    program = script(tmp_path / "hello", first_line, "echo hello")
    files = files_for(Program(command=(str(program),)))
    lay_out(files.entries, tmp_path / "root")

    answer = run_in(tmp_path / "root", [str(program)], {"PATH": files.search_path})

    assert answer.stdout == "hello\n", answer.stderr


def test_client_and_ready_command_are_found_too() -> None:
    program = Program(
        command=("cat",), client=("sort",), ready=Ready(command=("expr", "1", "+", "1"))
    )

    found = by_path(files_for(program).entries)

    for name in ("cat", "sort", "expr"):
        assert str(find_program(name).resolve()) in found


def test_a_path_with_links_leads_to_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "data").write_bytes(b"x")
    (tmp_path / "real" / "name").symlink_to("../real/data")
    (tmp_path / "short").symlink_to(tmp_path / "real")

    found = by_path(tuple(entries_at(tmp_path / "short" / "name")))

    assert found[f"{tmp_path}/short"].read() == os.fsencode(tmp_path / "real")
    assert found[f"{tmp_path}/real/name"].read() == b"../real/data"
    assert found[f"{tmp_path}/real/data"].read() == b"x"
    assert f"{tmp_path}/short/name" not in found


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(InputError, match=r"loop: is a link to itself: mend it$"):
        entries_at(tmp_path / "loop")


def test_a_listed_folder_comes_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    (tmp_path / "data" / "inner" / "file").write_bytes(b"x")
    (tmp_path / "data" / "empty").mkdir()
    (tmp_path / "data" / "gone").symlink_to("nowhere")
    (tmp_path / "data" / "up").symlink_to("/")
    (tmp_path / "aside").write_bytes(b"y")
    (tmp_path / "data" / "aside").symlink_to("../aside")
    os.mkfifo(tmp_path / "data" / "pipe")

    found = by_path(files_for(Program(command=("cat",)), [tmp_path / "data"]).entries)

    inside = {path for path in found if path.startswith(f"{tmp_path}/")}
    assert inside == {
        f"{tmp_path}/{name}"
        for name in (
            *("aside", "data", "data/aside", "data/empty", "data/gone", "data/inner"),
            *("data/inner/file", "data/up"),
        )
    }


def test_a_listed_library_brings_those_that_it_needs(tmp_path: Path) -> None:
    listed = tmp_path / "plugin.so"
    shutil.copy(find_program("ls"), listed)
    loader = read_elf(listed).loader
    assert loader is not None
    needed = {str(path.resolve()) for path in libraries(listed, loader).files}
    program = Program(command=("cat",))

    without = by_path(files_for(program).entries).keys()
    found = by_path(files_for(program, [listed]).entries).keys()

    assert needed <= found
    assert not needed <= without


def test_a_listed_program_for_another_machine_is_data(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF\x01\x01")

    assert str(foreign) in by_path(files_for(Program(command=("cat",)), [foreign]).entries)


def test_listed_files_belong_to_the_user_who_runs_the_workload(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_bytes(b"x")
    private.chmod(0o600)

    entry = by_path(files_for(Program(command=("cat",)), [private]).entries)[str(private)]

    assert entry.owner == USER_ID
    assert entry.mode == stat.S_IFREG | 0o600


def test_nobody_becomes_root_by_a_copied_program(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"x")
    program.chmod(0o4755)

    assert entries_at(program)[-1].mode == stat.S_IFREG | 0o755


def test_the_folder_where_commands_start_is_there(tmp_path: Path) -> None:
    found = by_path(files_for(Program(command=("cat",), folder=str(tmp_path))).entries)

    assert stat.S_ISDIR(found[str(tmp_path)].mode)


def test_a_program_with_a_slash_is_looked_for_where_commands_start(tmp_path: Path) -> None:
    program = script(tmp_path / "bench", "#!/bin/sh")

    found = files_for(Program(command=("./bench",), folder=str(tmp_path)))

    assert str(program) in by_path(found.entries)


def test_the_search_path_has_the_folders_that_were_used_in_this_machines_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("unused", "second", "first"):
        (tmp_path / name).mkdir()
    script(tmp_path / "second" / "two", "#!/bin/sh")
    script(tmp_path / "first" / "one", "#!/bin/sh")
    mine = [str(tmp_path / name) for name in ("unused", "first", "second")]
    monkeypatch.setenv("PATH", ":".join((*mine, os.environ["PATH"])))

    found = files_for(Program(command=("two",), client=("one",)))

    assert found.search_path.split(":")[:2] == mine[1:]


def test_equal_programs_give_equal_entries() -> None:
    program = Program(command="sort | cat", client=("expr", "1"))

    assert files_for(program) == files_for(program)


def test_skeleton_and_program_go_into_one_archive() -> None:
    entries = {
        entry.path: entry for entry in (*SKELETON, *files_for(Program(command="ls")).entries)
    }

    assert archive(entries.values())


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(InputError) as error:
        files_for(Program(command=("no-such-program", "--port", "1")))

    assert str(error.value) == "no program 'no-such-program': install it, or give its path"


def test_a_program_that_may_not_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")

    with pytest.raises(InputError) as error:
        files_for(Program(command=("./data",), folder=str(tmp_path)))

    assert str(error.value) == (
        f"no program './data': it may not be run: make it executable: chmod +x {tmp_path}/data"
    )


def test_a_program_that_is_neither_compiled_nor_a_script_is_refused(tmp_path: Path) -> None:
    program = script(tmp_path / "text", "echo")

    with pytest.raises(InputError) as error:
        files_for(Program(command=(str(program),)))

    assert str(error.value) == (
        f"{program}: is no program: it is neither compiled nor begins with #!: put the program in front "
        f"that runs it: for a shell script, [sh, {program}]"
    )


@pytest.mark.parametrize("first_line", ["#!/no/such", "#!/usr/bin/env no-such"])
def test_a_script_whose_interpreter_is_missing_is_named(tmp_path: Path, first_line: str) -> None:
    program = script(tmp_path / "script", first_line)
    name = first_line.split("/")[-1].removeprefix("env ")

    with pytest.raises(InputError) as error:
        files_for(Program(command=(str(program),)))

    assert str(error.value).startswith(
        f"{program}: its first line is '{first_line}': no program '"
    )
    assert name in str(error.value)


def test_a_listed_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        files_for(Program(command=("cat",)), [tmp_path / "gone"])

    assert str(error.value) == (
        f"{tmp_path}/gone: can't be put into a micro-VM's image: No such file or directory"
    )


def test_a_listed_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match=r"pipe: is neither a file nor a folder: leave it out$"):
        files_for(Program(command=("cat",)), [tmp_path / "pipe"])


def test_quotes_that_the_shell_can_not_read_are_refused() -> None:
    with pytest.raises(InputError, match=r"^the shell can't read 'echo \"': No closing quotation"):
        files_for(Program(command='echo "'))


@pytest.mark.parametrize(
    "command",
    [
        ("timeout", "8", "expr", "1"),
        ("env", "A=b", "nice", "-n", "5", "expr", "1"),
        ("timeout", "8", "bash", "-ec", "exec expr 1 <in"),
        ("cat", "--with=/usr/bin/expr"),
    ],
)
def test_programs_among_the_arguments_are_found(command: tuple[str, ...]) -> None:
    found = by_path(files_for(Program(command=("cat",), client=command)).entries)

    assert str(find_program("expr").resolve()) in found


def test_of_words_that_name_no_program_nobody_asks_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "autotune.backends.vm.programs.why_not_found", lambda name, _folder: asked.append(name)
    )

    files_for(Program(command=("cat", *(f"word{n}" for n in range(10))), folder=str(tmp_path)))

    assert asked == []  # to find the nearest name takes long, and a script has many words


def test_programs_are_looked_for_with_the_path_that_the_command_sets(tmp_path: Path) -> None:
    mine = script(tmp_path / "expr", "#!/bin/sh", "echo mine")
    program = Program(command=("env", f"PATH={tmp_path}:$PATH", "expr", "1"))

    assert str(mine.resolve()) in by_path(files_for(program).entries)


def test_programs_and_files_that_a_wrapper_script_names_are_found(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("x")
    script(tmp_path / "inner", "#!/bin/sh", "expr 1 + 1")
    wrapper = script(
        tmp_path / "start", "#!/bin/sh", f"HERE={tmp_path}\ncat settings; exec $HERE/inner\n"
    )

    found = by_path(files_for(Program(command=("./start",), folder=str(tmp_path))).entries)

    for path in (wrapper, tmp_path / "settings", tmp_path / "inner", find_program("expr")):
        assert str(path.resolve()) in found


@pytest.mark.parametrize(
    "command",
    [("sh", "start"), ("timeout", "9", "bash", "-e", "start"), "sh ./start", "nice sh start"],
)
def test_what_a_file_names_that_a_shell_runs_is_found(
    tmp_path: Path, command: tuple[str, ...] | str
) -> None:
    (tmp_path / "start").write_text("expr 1 + 1\n. ./more\nsh more")
    (tmp_path / "more").write_text("sh start; mktemp")

    found = by_path(files_for(Program(command=command, folder=str(tmp_path))).entries)

    for name in ("expr", "mktemp"):
        assert str(find_program(name).resolve()) in found


def test_files_among_the_arguments_come_along(tmp_path: Path) -> None:
    for name in ("run.cfg", "other"):
        (tmp_path / name).write_text("x")

    program = Program(command=("cat", "--conf=run.cfg", "/proc/meminfo"), folder=str(tmp_path))
    found = by_path(files_for(program).entries)

    assert f"{tmp_path}/run.cfg" in found
    assert not {f"{tmp_path}/other", "/proc/meminfo"} & found.keys()


def test_libraries_beside_a_program_are_found_through_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "home/lib").mkdir(parents=True)
    (tmp_path / "links").mkdir()
    (tmp_path / "own.c").write_text("int own(void) { return 0; }")
    (tmp_path / "main.c").write_text("int own(void); int main(void) { return own(); }")
    library, program = tmp_path / "home/lib/libown.so", tmp_path / "home/serve"
    compiler = find_compiler()
    assert compiler is not None
    compiler.compile(tmp_path / "own.c", library, ["-shared", "-fPIC"])
    options = [f"-L{library.parent}", "-Wl,--no-as-needed", "-lown", "-Wl,-rpath,$ORIGIN/lib"]
    compiler.compile(tmp_path / "main.c", program, options)
    (tmp_path / "links/serve").symlink_to("../home/serve")

    found = by_path(files_for(Program(command=(f"{tmp_path}/links/serve",))).entries)

    assert {str(library), str(program), f"{tmp_path}/links/serve"} <= found.keys()


def test_a_program_that_a_shim_chooses_stands_in_its_place(tmp_path: Path) -> None:
    real = script(tmp_path / "real", "#!/bin/sh", "echo real")
    chooser = script(tmp_path / "myenv", "#!/bin/sh", f'[ "$1 $2" = "which tool" ] && echo {real}')
    (tmp_path / "shims").mkdir()
    shim = script(tmp_path / "shims/tool", "#!/bin/sh", f'exec "{chooser}" exec "$0" "$@"\n')

    found = by_path(files_for(Program(command=(str(shim),))).entries)

    assert found[str(shim)].read().decode() == str(real)
    assert str(real) in found


def test_what_takes_another_users_rights_is_refused(tmp_path: Path) -> None:
    program = script(tmp_path / "sudo", "#!/bin/sh")
    program.chmod(0o4755)

    with pytest.raises(InputError) as error:
        files_for(Program(command=(str(program), "serve")))

    assert str(error.value) == (
        f"{program}: takes another user's rights (setuid): the workload runs as one ordinary user in a "
        "micro-VM, and on a host as the user who started this program: leave 'sudo' out of the command"
    )
