from __future__ import annotations

from pathlib import Path

from autotune.backends.vm.files import files_for
from autotune.backends.vm.plan import USER_ID
from autotune.backends.vm.skeleton import locale_files, users
from autotune.experiment.program import Program
from tests.backends.vm.empty_root import lay_out, run_in


def test_the_workloads_user_and_this_machines_users_have_names_once() -> None:
    passwd, group = (entry.read().decode().splitlines() for entry in users())

    for lines in (passwd, group):
        fields = [line.split(":") for line in lines]
        assert [name for name, *_ in fields][:2] == ["root", "user"]
        assert fields[1][2] == str(USER_ID)
        assert len({number for _, _, number, *_ in fields[:2]}) == 2
        assert [number for _, _, number, *_ in fields].count(str(USER_ID)) == 1
        assert "daemon" in {name for name, *_ in fields}


def test_a_listed_passwd_still_names_the_workloads_user(tmp_path: Path) -> None:
    program = Program(command=("id", "-un", str(USER_ID)))
    lay_out(files_for(program, [Path("/etc/passwd")]).entries, tmp_path)

    assert run_in(tmp_path, ["/usr/bin/id", "-un", str(USER_ID)]).stdout == "user\n"


def test_locale_and_time_zones_are_there(tmp_path: Path) -> None:
    lay_out(files_for(Program(command=("date",))).entries, tmp_path)

    environment = {"LC_ALL": "C.UTF-8", "TZ": "Europe/Berlin"}
    answer = run_in(tmp_path, ["/usr/bin/date", "-d", "2024-07-01T00:00Z", "+%H %Z"], environment)

    assert answer.stdout == "02 CEST\n"
    assert answer.stderr == ""


def test_another_locale_brings_all_locales() -> None:
    assert list(locale_files(["env", "LANG=C", "LC_ALL=POSIX", "C.UTF-8"])) == []
    assert list(locale_files(["LC_ALL=de_DE.UTF-8 sort"])) == [Path("/usr/lib/locale")]
