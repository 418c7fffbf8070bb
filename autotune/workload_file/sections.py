"""Sections of a workload file beside `workload`: budget, monitoring, settings of backends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast, get_args

from autotune import document
from autotune.backends.settings import HostSettings, HugePages, VmSettings
from autotune.damon.monitoring import Intervals, Monitoring
from autotune.document import Reader, Value
from autotune.errors import InputError
from autotune.workload_file.overrides import MAX_TRIALS
from autotune.workload_file.values import path_in, positive_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When a study ends: when the first limit is reached.

    Attributes:
        trials: Number of trials; None is no limit.
        time_us: Wall-clock time; None is no limit. A run with a limit of time may not repeat exactly.

    Raises:
        ValueError: If there is no limit at all.
    """

    trials: int | None = None
    time_us: int | None = None

    def __post_init__(self) -> None:
        """Check that the study ends."""
        if self.trials is None and self.time_us is None:
            raise ValueError("a budget needs an end: give trials or time")


def read_budget(value: Value) -> Budget:
    """Read the key `budget`."""
    keys = value.mapping()
    trials = keys.take("trials", document.integer(at_least=1, at_most=MAX_TRIALS), None)
    time_us = keys.take("time", positive_duration, None)
    keys.finish()
    with value.blamed():
        return Budget(trials=trials, time_us=time_us)


class MonitoringSection(NamedTuple):
    """The key `monitoring`.

    Attributes:
        monitoring: DAMON's attributes.
        start_after_us: DAMON is turned on this long after the measured part begins.
        given: Whether the file itself has one of DAMON's attributes.
    """

    monitoring: Monitoring = Monitoring()
    start_after_us: int = 0
    given: bool = False


def read_monitoring(value: Value) -> MonitoringSection:
    """Read the key `monitoring`."""
    keys = value.mapping()
    names = {
        "sampling_interval": "sampling_us",
        "aggregation_interval": "aggregation_us",
        "update_interval": "update_us",
        "min_regions": "min_regions",
        "max_regions": "max_regions",
    }
    places = {field: keys.peek(key) for key, field in names.items() if key in keys}
    usual = Monitoring()
    sampling_us = keys.take("sampling_interval", document.duration, usual.intervals.sampling_us)
    aggregation_us = keys.take(
        "aggregation_interval", document.duration, usual.intervals.aggregation_us
    )
    update_us = keys.take("update_interval", document.duration, usual.intervals.update_us)
    min_regions = keys.take("min_regions", document.integer(at_least=0), usual.min_regions)
    max_regions = keys.take("max_regions", document.integer(at_least=0), usual.max_regions)
    start_after_us = keys.take("start_after", document.duration, 0)
    keys.finish()
    try:
        intervals = Intervals(
            sampling_us=sampling_us, aggregation_us=aggregation_us, update_us=update_us
        )
        monitoring = Monitoring(
            intervals=intervals, min_regions=min_regions, max_regions=max_regions
        )
    except ValueError as error:
        guilty = [place for field, place in places.items() if field in str(error)]
        place = guilty[0] if guilty else value
        raise InputError(f"{place.label}: {error}", place.where) from error
    return MonitoringSection(monitoring, start_after_us, given=bool(places))


def read_host(value: Value) -> HostSettings:
    """Read the key `host`."""
    keys = value.mapping()
    huge_pages = keys.take("huge_pages", document.one_of(get_args(HugePages)), None)
    settings = HostSettings(
        swap_bytes=keys.take("swap", document.size, None),
        compression=keys.take("compression", document.text, HostSettings().compression),
        huge_pages=cast("HugePages | None", huge_pages),
    )
    keys.finish()
    return settings


def read_vm(folder: Path) -> Reader[VmSettings]:
    """Read the key `vm`; paths are relative to *folder*."""

    def read(value: Value) -> VmSettings:
        keys = value.mapping()
        usual = VmSettings()
        huge_pages = document.one_of(get_args(HugePages))
        mode = document.one_of(("deterministic", "realtime"))
        with value.blamed():
            settings = VmSettings(
                memory_bytes=keys.take("memory", document.size, None),
                swap_bytes=keys.take("swap", document.size, None),
                compression=keys.take("compression", document.text, usual.compression),
                huge_pages=cast(
                    "HugePages", keys.take("huge_pages", huge_pages, usual.huge_pages)
                ),
                mips=keys.take("mips", document.integer(at_least=1), usual.mips),
                realtime=keys.take("mode", mode, "deterministic") == "realtime",
                cpus=keys.take("cpus", document.integer(at_least=1), usual.cpus),
                kernel=keys.take("kernel", path_in(folder), None),
                modules=keys.take("modules", path_in(folder), None),
            )
        keys.finish()
        return settings

    return read
