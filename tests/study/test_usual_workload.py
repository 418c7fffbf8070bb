from __future__ import annotations

import pytest

from autotune.study.usual_workload import usual_workload


@pytest.mark.parametrize(("size", "runtime_us"), [(60_000_000, 4_700_000), (3 << 30, 90_000_000)])
def test_it_has_the_size_and_the_length(size: int, runtime_us: int) -> None:
    pattern = usual_workload(size, runtime_us)

    assert sum(r.size_bytes for r in pattern.regions) == pytest.approx(size, rel=0.01)
    assert sum(p.duration_us for p in pattern.phases) == pytest.approx(runtime_us, rel=0.01)


def test_its_parts_are_wanted_again_after_times_of_all_lengths() -> None:
    pattern = usual_workload(70_000_000, 32_000_000)

    steps = [{access.region for access in phase.accesses} for phase in pattern.phases]
    counts = [sum(region in step for step in steps) for region in range(len(pattern.regions))]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(steps)
    assert counts[-1] == 1


def test_the_shortest_has_a_length() -> None:
    assert all(phase.duration_us > 0 for phase in usual_workload(1, 1).phases)
