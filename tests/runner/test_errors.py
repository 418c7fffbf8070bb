from __future__ import annotations

import signal

import pytest

from autotune.errors import TrialError
from autotune.runner.errors import WorkloadError, ending


def test_the_message_says_that_it_is_the_workloads_fault() -> None:
    error = WorkloadError("no port: mend it")

    assert isinstance(error, TrialError)
    assert str(error) == "workload: no port: mend it"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_a_signal_is_named(number: signal.Signals) -> None:
    assert ending(-number) == f"signal {int(number)} ({number.name})"


def test_a_signal_without_a_name_is_a_number() -> None:
    assert ending(-(signal.SIGRTMIN + 1)) == f"signal {signal.SIGRTMIN + 1}"
