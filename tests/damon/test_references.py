from __future__ import annotations

import pytest

from autotune.damon.references import ReferencedArea, ReferencedWindow, shifted_window


def test_a_window_moves_with_all_of_its_areas() -> None:
    window = ReferencedWindow(begin_us=5, end_us=9, areas=(ReferencedArea(1, 4, 2, 1),))

    moved = shifted_window(window, 10)

    assert (moved.begin_us, moved.end_us) == (5, 9)
    assert moved.areas == (ReferencedArea(11, 14, 2, 1),)


@pytest.mark.parametrize(
    ("times", "areas", "message"),
    [
        ((5, 5), [(0, 4, 1, 1)], "a window of references, from 5 to 5 us, is empty"),
        ((0, 1), [], "a window of references, from 0 to 1 us, is empty"),
        ((0, 1), [(4, 4, 0, 0)], "referenced area 4-4 is empty"),
        ((0, 1), [(0, 4, 1, 1), (2, 6, 1, 1)], "referenced area 2-6 is empty, or not behind"),
        ((0, 1), [(0, 4, 5, 1)], "referenced area 0-4: 1 bytes of 5 can't be accessed"),
        ((0, 1), [(0, 4, 2, 3)], "referenced area 0-4: 3 bytes of 2 can't be accessed"),
    ],
)
def test_what_can_not_be_is_refused(
    times: tuple[int, int], areas: list[tuple[int, int, int, int]], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        ReferencedWindow(
            begin_us=times[0],
            end_us=times[1],
            areas=tuple(ReferencedArea(*area) for area in areas),
        )
