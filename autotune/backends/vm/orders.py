"""What a machine is told after it was forked, as bytes of a fixed length."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass

from autotune.damon.damos import Action, Scheme
from autotune.damon.monitoring import Monitoring, OperationsSet
from autotune.errors import TrialError
from autotune.experiment import plain_json
from autotune.experiment.experiment import Experiment
from autotune.experiment.patience import Patience
from autotune.experiment.pattern import Pattern
from autotune.experiment.program import Program

ORDERS_BYTES = 4096
"""Length of all orders. It must be the length of the orders that the saved machine had."""

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """One measurement to make: an experiment without its workload, which runs in the machine already.

    Attributes:
        monitoring: DAMON's attributes. None leaves DAMON off.
        schemes: Schemes that are applied. Without schemes, DAMON only monitors.
        operations: The kind of address space that is monitored.
        start_after_us: Time from the beginning of the measured part until DAMON is turned on.
        timeout_us: Time after which the run is given up.
        sampling_period_us: Time between two samples of memory use.
        seed: Decides what the workload leaves to chance.
        entropy: Bytes for the kernel's random numbers, hexadecimal; they follow from the seed.
        record: Whether to make a recording of the run.
        paged_out_at_us: When a recorded workload is paged out, to see how well its memory compresses.
            None means after the measured part, when a program that ended by itself has no memory.
        pss_period_us: Time between two readings of what processes share; None means that it follows from
            their cost.
        patience: When the run is ended early.
    """

    monitoring: Monitoring | None
    schemes: tuple[Scheme, ...]
    operations: OperationsSet
    start_after_us: int
    timeout_us: int
    sampling_period_us: int
    seed: int
    entropy: str
    record: bool = False
    paged_out_at_us: int | None = None
    pss_period_us: int | None = None
    patience: Patience | None = None

    def experiment(self, workload: Pattern | Program) -> Experiment:
        """Give the ordered experiment; *workload* runs already."""
        return Experiment(
            workload=workload,
            monitoring=self.monitoring,
            schemes=self.schemes,
            operations=self.operations,
            start_after_us=self.start_after_us,
            timeout_us=self.timeout_us,
            sampling_period_us=self.sampling_period_us,
            patience=self.patience,
        )


def make_orders(
    experiment: Experiment,
    seed: int,
    *,
    record: bool = False,
    paged_out_at_us: int | None = None,
    pss_period_us: int | None = None,
) -> Orders:
    """Give the orders to measure *experiment* with *seed*, or to make a recording of it."""
    return Orders(
        monitoring=experiment.monitoring,
        schemes=experiment.schemes,
        operations=experiment.operations,
        start_after_us=experiment.start_after_us,
        timeout_us=experiment.timeout_us,
        sampling_period_us=experiment.sampling_period_us,
        seed=seed,
        entropy=hashlib.sha512(f"damos-autotune {seed}".encode()).hexdigest(),
        record=record,
        paged_out_at_us=paged_out_at_us,
        pss_period_us=pss_period_us,
        patience=experiment.patience,
    )


FIRST_ORDERS = Orders(
    monitoring=Monitoring(),
    schemes=(Scheme(action=Action.STAT),),
    operations=OperationsSet.VADDR,
    start_after_us=0,
    timeout_us=0,
    sampling_period_us=0,
    seed=0,
    entropy="",
)
"""Orders with which every machine is booted. The machine reads them, but does not follow them."""


def encode_orders(orders: Orders) -> bytes:
    """Give the orders as `ORDERS_BYTES` bytes.

    Raises:
        TrialError: If the orders don't fit.
    """
    packed = zlib.compress(plain_json.dumps(orders).encode(), 9)
    if len(packed) + _LENGTH_BYTES > ORDERS_BYTES:
        raise TrialError(
            f"the orders of this trial take {len(packed)} bytes, and a micro-VM takes "
            f"{ORDERS_BYTES - _LENGTH_BYTES}: use fewer schemes or filters"
        )
    whole = len(packed).to_bytes(_LENGTH_BYTES, "little") + packed
    return whole.ljust(ORDERS_BYTES, b"\0")


def decode_orders(whole: bytes) -> Orders:
    """Read what `encode_orders` gave."""
    length = int.from_bytes(whole[:_LENGTH_BYTES], "little")
    text = zlib.decompress(whole[_LENGTH_BYTES : _LENGTH_BYTES + length])
    return plain_json.from_plain(Orders, json.loads(text))
