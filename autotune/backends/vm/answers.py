"""What a machine gives: a measurement, a recording, what was opened, or an error; as bytes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from autotune.backends.vm.opened import Opened
from autotune.errors import BackendUnavailableError, EndedEarlyError, TrialError
from autotune.experiment import plain_json
from autotune.experiment.measurement import Measurement
from autotune.runner.raw_recording import RawRecording

Answer = TypeVar("Answer", Measurement, RawRecording, Opened)

_LENGTH_BYTES = 4
_MAGIC = b"autotune"


class _Kind(NamedTuple):
    """A kind of answer: its name, and how it becomes plain JSON values and is read back."""

    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


_KINDS: Mapping[type, _Kind] = MappingProxyType(
    {
        Measurement: _Kind("measurement", Measurement.to_dict, Measurement.from_dict),
        RawRecording: _Kind("recording", RawRecording.to_dict, RawRecording.from_dict),
        Opened: _Kind("opened", plain_json.to_plain, partial(plain_json.from_plain, Opened)),
    }
)


def encode_answer(answer: Measurement | RawRecording | Opened | Exception) -> bytes:
    """Give an answer as bytes that say their length."""
    if isinstance(answer, Exception):
        unavailable = isinstance(answer, BackendUnavailableError)
        values: dict[str, object] = {"error": str(answer), "unavailable": unavailable}
        if isinstance(answer, EndedEarlyError):
            values["slowdown"] = answer.slowdown
    else:
        kind = _KINDS[type(answer)]
        values = {kind.name: kind.write(answer)}
    packed = zlib.compress(json.dumps(values, separators=(",", ":")).encode(), 6)
    return _MAGIC + len(packed).to_bytes(_LENGTH_BYTES, "little") + packed


def decode_answer(whole: bytes, kind: type[Answer]) -> Answer:
    """Read what `encode_answer` gave for an answer of a *kind*.

    Raises:
        TrialError: If the answer is an error of the trial; an `EndedEarlyError` if it was ended early.
        BackendUnavailableError: If the answer is an error of the machine.
        ValueError: If the bytes are no answer, or only a part of an answer.
        KeyError: If the answer is of another kind.
    """
    name, _, read = _KINDS[kind]
    answer: Answer = read(_decode(whole)[name])
    return answer


def _decode(whole: bytes) -> dict[str, Any]:
    begin = len(_MAGIC) + _LENGTH_BYTES
    if whole[: len(_MAGIC)] != _MAGIC or len(whole) < begin:
        raise ValueError("no answer")
    length = int.from_bytes(whole[len(_MAGIC) : begin], "little")
    if len(whole) < begin + length:
        raise ValueError(f"an answer of {length} bytes breaks off after {len(whole) - begin}")
    values: dict[str, Any] = json.loads(zlib.decompress(whole[begin : begin + length]))
    if "slowdown" in values:
        raise EndedEarlyError(values["slowdown"])
    if "error" in values:
        kind = BackendUnavailableError if values["unavailable"] else TrialError
        raise kind(values["error"])
    return values
