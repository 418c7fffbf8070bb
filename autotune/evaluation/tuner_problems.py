"""The problems by which tuners are compared, found in a folder of workload files.

- ``simulator/NAME.yaml``: the simulator itself is tuned.
- ``bent/NAME-BEND``: a stand-in for a real kernel, about which the simulator is wrong by a known bend.
- ``kernel/NAME.yaml`` with ``kernel/NAME.csv``: stored runs of the real kernel, and a model of them.
- ``live/NAME``: the workload of a stored problem in the micro-VM itself.
- ``responses/WORKLOAD``: recorded scores of ``responses/responses.csv``, over the min age alone.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from autotune import catalog
from autotune.backends.base import Backend
from autotune.backends.settings import VmSettings
from autotune.backends.simulator.profile_files import load_machine
from autotune.backends.simulator.simulator import Simulator
from autotune.backends.vm.vm import Vm
from autotune.cache import cache_folder
from autotune.errors import InputError
from autotune.evaluation.kernel_table import BASELINE, Schemes, read_table, stored
from autotune.evaluation.stand_in import (
    Bend,
    KernelStandIn,
    ages_off,
    dearer,
    other_workload,
    true,
    without_quotas,
)
from autotune.evaluation.stored_kernel import StoredKernel
from autotune.evaluation.tuner_judging import Judge
from autotune.evaluation.tuner_kernel_model import KernelModel, Simulated
from autotune.evaluation.tuner_responses import RecordedResponse, read_responses
from autotune.objective.figures import Figures
from autotune.workload_file.overrides import Overrides
from autotune.workload_file.workload_file import WorkloadFile, load_workload_file

LEAST_SCHEMES = 40
"""A stored problem needs so many schemes."""

_SIMULATED, _SEEDS = 5000, 6
"""The first seed and the number of seeds by which the simulator tells what a model needs."""

BENT = ("hot-cold", "drift")
"""The simulator's problems that stand-ins are made of."""

_OTHER = {"hot-cold": "scan", "drift": "lunch"}
"""Whose accesses the kernel sees, where the recording is of another program."""


class Kind(enum.Enum):
    """What answers, and so how a method is judged."""

    SIMULATOR = "simulator"
    BENT = "bent"
    KERNEL = "kernel"
    LIVE = "live"
    RESPONSE = "responses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A workload file and what answers for it.

    Attributes:
        name: Kind and name, with a slash between them.
        kind: What answers.
        path: The workload file.
        make: Makes the backend; everything that it reads is read then.
    """

    name: str
    kind: Kind
    path: Path
    make: Callable[[], Backend]

    def load(self, *, sampler: str, trials: int | None, seed: int) -> WorkloadFile:
        """Read the workload file for one run of a method; without *trials* its own budget counts.

        Raises:
            InputError: If something in a file is wrong.
        """
        backend = "simulator" if self.kind in (Kind.SIMULATOR, Kind.RESPONSE) else "vm"
        return load_workload_file(
            self.path, Overrides(backend=backend, trials=trials, seed=seed, sampler=sampler)
        )

    @property
    def fingerprint(self) -> str:
        """A hash of all files that the problem is made of: what was computed before holds as long."""
        names = (source.path for source in self.plain.sources)
        table = self.path.with_suffix(".csv")
        files = [*names, *([table] if table.is_file() else [])]
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]

    @property
    def plain(self) -> WorkloadFile:
        """The workload file with its own budget, for judging."""
        return self.load(sampler="random", trials=None, seed=0)


def problems(folder: Path) -> dict[str, Problem]:
    """Give all problems of *folder* by name. A stored problem with too few schemes is left out."""
    found = [*_simulated(folder), *_bent(folder), *_stored(folder), *_responses(folder)]
    return {problem.name: problem for problem in found}


def _machine(name: str = "micro-vm") -> Path:
    return catalog.find(name, "machines", Path())


def _simulator() -> Backend:
    return Simulator(load_machine(_machine()))


def _simulated(folder: Path) -> list[Problem]:
    return [
        Problem(name=f"simulator/{path.stem}", kind=Kind.SIMULATOR, path=path, make=_simulator)
        for path in sorted((folder / "simulator").glob("*.yaml"))
    ]


def _stand_in(bend: Bend) -> Backend:
    return KernelStandIn(_simulator(), bend)


def _dear_stand_in() -> Backend:
    return KernelStandIn(Simulator(dearer(load_machine(_machine()), 2.0)))


def _other_stand_in(path: Path) -> Backend:
    return KernelStandIn(_simulator(), other_workload(load_workload_file(path).workload))


def _bent(folder: Path) -> list[Problem]:
    found = []
    for name in BENT:
        path = folder / "simulator" / f"{name}.yaml"
        makers: Mapping[str, Callable[[], Backend]] = {
            "true": partial(_stand_in, true),
            "ages-x3": partial(_stand_in, ages_off(3.0)),
            "costs-x2": _dear_stand_in,
            "no-quota": partial(_stand_in, without_quotas),
            "other-program": partial(
                _other_stand_in, folder / "simulator" / f"{_OTHER[name]}.yaml"
            ),
        }
        if path.is_file():
            found += [
                Problem(name=f"bent/{name}-{bend}", kind=Kind.BENT, path=path, make=make)
                for bend, make in makers.items()
            ]
    return found


def _stored(folder: Path) -> list[Problem]:
    found = []
    for table in sorted((folder / "kernel").glob("*.csv")):
        with table.open(encoding="utf-8") as lines:
            if sum(1 for _ in lines) >= LEAST_SCHEMES:
                path = table.with_suffix(".yaml")
                make = partial(stored_kernel, path)
                name = f"kernel/{table.stem}"
                found += [
                    Problem(name=name, kind=Kind.KERNEL, path=path, make=make),
                    Problem(name=f"live/{table.stem}", kind=Kind.LIVE, path=path, make=_micro_vm),
                ]
    return found


def _micro_vm() -> Backend:
    return Vm(VmSettings(), cache_folder(), _silent)


def _silent(_text: str) -> None:
    """Say nothing."""


@cache
def stored_kernel(path: Path) -> StoredKernel:
    """Make the backend of a stored problem: the workload file, and the table beside it.

    Raises:
        InputError: If the table is too small.
    """
    file = load_workload_file(path)
    table = path.with_suffix(".csv")
    rows = read_table(table, file.search_space)
    baseline = next((row for row in rows if row.origin == BASELINE), None)
    schemes = stored(rows, file)
    if baseline is None or len(schemes) < LEAST_SCHEMES // 2:
        raise InputError(f"{table}: {len(schemes)} schemes are too few: measure more")
    with table.open(encoding="utf-8") as lines:
        machine = lines.readline().removesuffix(".\n").split(" on ")[-1]
    return StoredKernel(KernelModel(schemes, simulated(path)), baseline.measurement, machine)


def simulated(path: Path) -> Simulated:
    """Give what the simulator says of the schemes of a stored problem, with several seeds."""
    file = load_workload_file(path, Overrides(backend="simulator"))
    judge = Judge(file, _simulator())

    def runs(schemes: Schemes) -> list[Figures]:
        found = [judge.measured_once(schemes, _SIMULATED + seed) for seed in range(_SEEDS)]
        return [one for one in found if one is not None]

    return runs


def _responses(folder: Path) -> list[Problem]:
    table = folder / "responses" / "responses.csv"
    if not table.is_file():
        return []
    return [
        Problem(
            name=f"responses/{workload}",
            kind=Kind.RESPONSE,
            path=folder / "responses" / "response.yaml",
            make=partial(RecordedResponse, scores),
        )
        for workload, scores in read_responses(table).items()
    ]
