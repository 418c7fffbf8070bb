from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.backends.vm.answers import decode_answer, encode_answer
from autotune.errors import BackendUnavailableError, EndedEarlyError, InputError, TrialError
from autotune.experiment.measurement import Measurement
from autotune.runner.raw_recording import RawRecording
from autotune.runner.recorded_processes import RawProcess
from autotune.testing import measurement
from tests.recordings import area


@pytest.mark.parametrize(
    "measured",
    [
        measurement(),
        measurement(work_done=1e15 / 3, wss_mean_bytes=0.1, fingerprint="ab"),
    ],
)
def test_an_answer_arrives_to_the_bit(measured: Measurement) -> None:
    assert decode_answer(encode_answer(measured), Measurement) == measured


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TrialError("workload: no: mend it"), TrialError),
        (BackendUnavailableError("no DAMON: take another kernel"), BackendUnavailableError),
        (InputError("not here: mend it"), TrialError),
    ],
)
def test_an_error_arrives_with_its_message(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        decode_answer(encode_answer(error), Measurement)

    assert type(caught.value) is kind
    assert str(caught.value) == str(error)


def test_a_run_that_was_ended_early_says_by_how_much_it_was_too_slow() -> None:
    with pytest.raises(EndedEarlyError, match=r"^ended early: slower than 33\.3%$") as caught:
        decode_answer(encode_answer(EndedEarlyError(1 / 3)), Measurement)

    assert caught.value.slowdown == 1 / 3


def test_a_recording_of_some_megabytes_arrives_to_the_bit() -> None:
    random = Random(1)  # noqa: S311  # only incompressible
    pages = (random.randbytes(3 << 20), b"")
    taken = RawRecording(
        layout="format",
        pages=pages,
        begin_ns=2**62,
        duration_us=200_000,
        areas=(area(1, 2),),
        cpu_us=3,
        work_done=1 / 3,
        resident_peak_bytes=7,
        processes=(RawProcess("name", 0, -1, 200_000),),
        paged_out=(),
    )

    assert decode_answer(encode_answer(taken), RawRecording) == taken


def test_a_recording_that_failed_says_why() -> None:
    with pytest.raises(TrialError, match=r"^lost: mend it$"):
        decode_answer(encode_answer(TrialError("lost: mend it")), RawRecording)


@given(st.integers(0, 10**6))
def test_an_answer_that_breaks_off_is_none(place: int) -> None:
    whole = encode_answer(measurement())
    part = whole[: place % len(whole)]

    with pytest.raises(
        ValueError, match=r"^no answer$|^an answer of [0-9]+ bytes breaks off after "
    ):
        decode_answer(part, Measurement)


def test_what_follows_an_answer_does_not_matter() -> None:
    assert decode_answer(encode_answer(measurement()) + b"more", Measurement) == measurement()
