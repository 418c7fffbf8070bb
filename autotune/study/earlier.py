"""Cheaper backends before the one whose figures count: they choose what is tried first there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autotune.backends.base import Backend, RecordingBackend
from autotune.backends.settings import BackendSettings
from autotune.experiment.program import Program
from autotune.samplers import AUTO
from autotune.study.events import Listener
from autotune.study.outcome import Outcome, RunState
from autotune.study.recording_run import record_workload
from autotune.study.study import Earlier, prepare, run
from autotune.workload_file.workload_file import WorkloadFile

_PLAYED_FOR = 5
"""How many times its own length a recording may take to play."""


@dataclass(frozen=True, slots=True)
class Makers:
    """What makes backends.

    Attributes:
        backend: Makes the backend on which a workload file's workload is measured.
        recorder: Makes a backend that records programs.
    """

    backend: Callable[[WorkloadFile], Backend]
    recorder: Callable[[BackendSettings], RecordingBackend]


def tune_earlier(
    file: WorkloadFile, makers: Makers, listeners: Callable[[str], Sequence[Listener]]
) -> Earlier:
    """Tune on every backend but the last, and give what is to be tried first on the last.

    Each backend runs a study of its own, as the file on this backend alone; nothing keeps it. Its first
    proposals are the schemes that the backend before it recommends. Its seed is its own, so that a
    sampler doesn't propose the same once more. The simulator plays a recording of a program, which the
    next backend makes.

    Args:
        file: A workload file, with one or more backends.
        makers: Makes the backends.
        listeners: Gives those who hear the events of the study on a backend, by the backend's name.

    Raises:
        InputError: If a backend can't measure this workload.
        RunError: If a study or a recording fails.
        BackendUnavailableError: If a backend can't measure anything.
        KeyboardInterrupt: If a study was interrupted.
    """
    # Nothing is measured on one backend before all are known to be there.
    backends = {name: makers.backend(file.on(name)) for name in file.backend.earlier}
    for name, backend in backends.items():
        if not _plays(file, name):
            prepare(file.on(name), backend)
    found = Earlier()
    count = len(file.backend.earlier)
    seeds = np.random.SeedSequence(file.seed, spawn_key=(2,)).generate_state(count).tolist()
    followers = file.backend.names[1:]
    for name, follower, seed in zip(file.backend.earlier, followers, seeds, strict=True):
        here = replace(file.on(name), seed=seed)
        if _plays(file, name):
            here, found = _recorded(here, file.on(follower), makers)
        outcome = run(prepare(here, backends[name], found), listeners=listeners(name))
        if outcome.state is RunState.INTERRUPTED:
            raise KeyboardInterrupt
        found = _found(name, outcome, found, follower, weighed=here.sampler == AUTO)
    return found


def _plays(file: WorkloadFile, backend: str) -> bool:
    """Say whether a backend plays a recording of the file's workload, which is made first."""
    return backend == "simulator" and isinstance(file.workload, Program)


def _recorded(
    here: WorkloadFile, there: WorkloadFile, makers: Makers
) -> tuple[WorkloadFile, Earlier]:
    """Record the program where it can run; give the workload file with the recording instead."""
    recorder = makers.recorder(there.backend)
    recording = record_workload(there, recorder)
    timeout_us = max(here.timeout_us, _PLAYED_FOR * recording.duration_us)
    played = replace(here, workload=recording, timeout_us=timeout_us)
    recorded = f"The {there.backend.name} recorded the workload for the simulator"
    times = "once" if recorder.starts == 1 else f"{recorder.starts} times"
    told = f"{recorded}, for which it started the workload {times}."
    return played, Earlier(notes=(told,), starts=recorder.starts)


def _found(
    name: str, outcome: Outcome, before: Earlier, follower: str, *, weighed: bool
) -> Earlier:
    front = tuple(one.trial.parameters for one in outcome.recommendation.front)
    tried = f"The {name} tried {len(outcome.trials)} schemes"
    if front and weighed:
        told = f"{tried}; the {follower} weighed those that it recommends, {len(front)}, among others."
    elif front:
        told = f"{tried}; the {follower} tried those first that it recommends, {len(front)}."
    else:
        told = f"{tried} and recommends none: it chose nothing for the {follower}."
    return Earlier(
        first=front or before.first,
        notes=(*before.notes, told),
        # Those before it are among its own. The simulator starts nothing.
        starts=before.starts if name == "simulator" else outcome.starts,
    )
