"""What every backend must do; a backend's tests subclass `BackendContract` and give the fixture."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from autotune.backends.base import BackendOf
from autotune.damon.damos import AccessPattern, Action, Range, Scheme
from autotune.damon.monitoring import Monitoring
from autotune.experiment.experiment import Experiment
from autotune.experiment.measurement import Measurement
from autotune.experiment.pattern import Access, Pattern, PatternRegion, Phase

MIB = 1 << 20
COLD_HALF = Pattern(
    regions=(
        PatternRegion(name="hot", size_bytes=8 * MIB),
        PatternRegion(name="cold", size_bytes=24 * MIB),
    ),
    phases=(
        Phase(
            name="only the hot part",
            duration_us=4_000_000,
            accesses=(Access(region=0, random=False, stride_bytes=4096, weight=1),),
        ),
    ),
)
BASELINE = Experiment(workload=COLD_HALF)
MONITORED = replace(BASELINE, monitoring=Monitoring())
PAGEOUT = Scheme(
    action=Action.PAGEOUT,
    pattern=AccessPattern(
        size_bytes=Range(4096), access_rate=Range(0.0, 0.0), age_us=Range(1_000_000)
    ),
)


class BackendContract:
    """Properties that hold wherever a workload is run."""

    @pytest.fixture
    def backend(self) -> BackendOf[Measurement]:
        raise NotImplementedError

    def test_names_itself_and_its_machine(self, backend: BackendOf[Measurement]) -> None:
        assert backend.name
        assert backend.machine

    def test_can_check_before_it_runs(self, backend: BackendOf[Measurement]) -> None:
        backend.check(replace(MONITORED, schemes=(PAGEOUT,)))

    def test_the_measured_part_lasts_as_long_as_the_phases(
        self, backend: BackendOf[Measurement]
    ) -> None:
        assert backend.run(BASELINE, seed=1).runtime_s == pytest.approx(4.0, rel=0.05)

    def test_equal_seeds_give_equal_measurements(self, backend: BackendOf[Measurement]) -> None:
        experiment = replace(MONITORED, schemes=(PAGEOUT,))

        assert backend.run(experiment, seed=7) == backend.run(experiment, seed=7)

    def test_a_baseline_has_no_figures_of_monitoring(
        self, backend: BackendOf[Measurement]
    ) -> None:
        measured = backend.run(BASELINE, seed=1)

        assert measured.kdamond_cpu == 0.0
        assert measured.scheme_stats is None
        assert measured.wss_mean_bytes is None

    def test_monitoring_alone_moves_nothing(self, backend: BackendOf[Measurement]) -> None:
        measured = backend.run(MONITORED, seed=1)

        assert measured.swap_out_bytes == 0
        assert measured.kdamond_cpu > 0.0

    def test_monitoring_finds_the_working_set(self, backend: BackendOf[Measurement]) -> None:
        measured = backend.run(MONITORED, seed=1)

        assert measured.wss_mean_bytes == pytest.approx(8 * MIB, rel=0.5)

    def test_paging_out_cold_memory_saves_memory(self, backend: BackendOf[Measurement]) -> None:
        baseline = backend.run(BASELINE, seed=1)
        measured = backend.run(replace(MONITORED, schemes=(PAGEOUT,)), seed=1)

        assert min(measured.series.rss_bytes) < min(baseline.series.rss_bytes) - 20 * MIB
        assert measured.swap_out_bytes >= 20 * MIB
        assert measured.scheme_stats is not None
        assert measured.scheme_stats.tried_bytes >= 20 * MIB

    def test_the_hot_part_stays(self, backend: BackendOf[Measurement]) -> None:
        measured = backend.run(replace(MONITORED, schemes=(PAGEOUT,)), seed=1)

        assert min(measured.series.rss_bytes) >= 7 * MIB

    def test_the_series_is_on_a_fixed_grid_and_its_peak_is_the_peak(
        self, backend: BackendOf[Measurement]
    ) -> None:
        measured = backend.run(replace(MONITORED, schemes=(PAGEOUT,)), seed=1)

        times = measured.series.time_s
        assert times[0] == 0.0
        assert all(later - sooner == pytest.approx(0.1) for sooner, later in pairwise(times))
        assert max(measured.series.rss_bytes) == measured.rss_peak_bytes

    def test_a_measurement_survives_json(self, backend: BackendOf[Measurement]) -> None:
        measured = backend.run(MONITORED, seed=1)

        assert Measurement.from_dict(measured.to_dict()) == measured
