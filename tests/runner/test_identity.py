from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from autotune.runner.identity import Identity, invoking_user
from autotune.runner.processes import Processes
from autotune.runner.procfs import Procfs
from tests.runner.programs import WAIT_S

ME = pwd.struct_passwd(("me", "x", 4242, 4300, "", "/home/me", "/bin/sh"))
SUDO = {"SUDO_UID": "4242", "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C"}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where that user has an account and is in two groups."""

    def account(uid: int) -> pwd.struct_passwd:
        if uid != ME.pw_uid:
            raise KeyError(uid)
        return ME

    monkeypatch.setattr(pwd, "getpwuid", account)
    monkeypatch.setattr(os, "getgrouplist", lambda name, group: [group, 4301] * (name == "me"))


@pytest.mark.usefixtures("known")
def test_behind_sudo_the_workload_is_run_by_who_typed_it_at_home_there() -> None:
    identity = invoking_user(SUDO, euid=0)

    assert identity == Identity(
        environment={**SUDO, "HOME": "/home/me", "USER": "me", "LOGNAME": "me"},
        uid=4242,
        gid=4300,
        groups=(4300, 4301),
    )


@pytest.mark.usefixtures("known")
def test_a_user_without_an_account_is_a_number_in_no_other_group() -> None:
    environment = {**SUDO, "SUDO_UID": "4243"}

    identity = invoking_user(environment, euid=0)

    assert identity == Identity(environment=environment, uid=4243, gid=4243, groups=())


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("environment", "euid"),
    [
        ({"LANG": "C"}, 0),
        (SUDO, 4242),
        ({**SUDO, "SUDO_UID": "0"}, 0),
        ({**SUDO, "SUDO_UID": "-1"}, 0),
        ({**SUDO, "SUDO_UID": ""}, 0),
        ({**SUDO, "SUDO_UID": "me"}, 0),
    ],
)
def test_else_it_is_run_by_who_runs_this(environment: dict[str, str], euid: int) -> None:
    assert invoking_user(environment, euid) == Identity(environment=environment)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can become another user")
def test_a_program_is_run_by_the_user_with_the_users_groups(tmp_path: Path) -> None:
    identity = Identity(
        environment={"HOME": str(tmp_path)}, uid=4242, gid=4300, groups=(4300, 4301)
    )
    lines: list[str] = []

    with Processes(Procfs(), identity, "/") as processes:
        shown = processes.start(
            ("/bin/sh", "-c", "id -u; id -g; id -G; echo $HOME"), on_line=lines.append
        )
        shown.output.wait(WAIT_S)

    assert lines == ["4242", "4300", "4300 4301", str(tmp_path)]
