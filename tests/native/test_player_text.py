from __future__ import annotations

import pytest

from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.native.player_text import accesses_done, played_phases, player_input


def one_region(data_file: str | None) -> Pattern:
    sweep = Access(region=0, random=False, stride_bytes=64, weight=1)
    return Pattern(
        regions=(PatternRegion(name="a", size_bytes=5, data_file=data_file),),
        phases=(Phase(name="p", duration_us=1, accesses=(sweep,)),),
    )


def test_phases_follow_the_regions_each_with_its_accesses() -> None:
    pattern = Pattern(
        regions=(
            PatternRegion(name="a", size_bytes=1),
            PatternRegion(name="b", size_bytes=2, data_file="some file"),
        ),
        phases=(
            Phase(
                name="first",
                duration_us=1500,
                accesses=(
                    Access(region=1, random=False, stride_bytes=64, weight=30),
                    Access(region=0, random=True, stride_bytes=-7, weight=0, mode=AccessMode.READ),
                ),
            ),
            Phase(
                name="second",
                duration_us=0,
                accesses=(
                    Access(
                        region=0,
                        random=False,
                        stride_bytes=1,
                        weight=1,
                        mode=AccessMode.READ_WRITE,
                    ),
                ),
            ),
        ),
    )

    assert player_input(pattern).splitlines() == [
        "pattern 2 2 3",
        "region 1 -",
        "region 2 some file",
        "phase 1500 2",
        "access 1 0 64 30 wo",
        "access 0 1 0 0 ro",
        "phase 0 1",
        "access 0 0 1 1 rw",
    ]


def test_a_data_file_called_like_none_is_still_a_file() -> None:
    assert "region 5 ./-\n" in player_input(one_region("-"))


def test_a_data_file_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="its name has a line break: rename it"):
        player_input(one_region("a\nb"))


@pytest.mark.parametrize("output", ["", "ready\n", "ready\nphase 0 131072 9\n", "done\nphase 0 1"])
def test_a_player_that_did_not_end_has_no_count(output: str) -> None:
    with pytest.raises(ValueError, match="the player did not play to the end"):
        accesses_done(output)
    with pytest.raises(ValueError, match="the player did not play to the end"):
        played_phases(output)


def test_each_phase_has_its_accesses_and_its_time() -> None:
    phases = played_phases("ready\nphase 0 131072 2000001\nphase 1 0 500000\ndone")

    assert [(one.accesses, one.duration_s) for one in phases] == [(131072, 2.000001), (0, 0.5)]
