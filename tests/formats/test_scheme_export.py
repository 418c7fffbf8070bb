from __future__ import annotations

from pathlib import Path

import pytest

from autotune.damon.damos import Action, Scheme
from autotune.damon.monitoring import Intervals, Monitoring, OperationsSet
from autotune.formats import damo_json, damos_text
from autotune.formats.scheme_export import scheme_files, scheme_text
from autotune.testing import prcl

SCHEMES = (prcl(), prcl(min_age_us=1_000_000, size_bytes=1 << 20))
MONITORING = Monitoring(min_regions=20)


def test_every_format_holds_the_same_schemes() -> None:
    texts, missing = scheme_files(SCHEMES, MONITORING, OperationsSet.VADDR)

    full = damo_json.loads(texts[".kdamonds.json"], Path("x"))
    assert missing == {}
    assert damos_text.loads(texts[".damos"], Path("x")) == SCHEMES
    assert damo_json.loads(texts[".schemes.json"], Path("x")).schemes == SCHEMES
    assert (full.schemes, full.monitoring) == (SCHEMES, MONITORING)
    assert '"pid": "0"' in texts[".kdamonds.json"]


def test_physical_addresses_have_no_process() -> None:
    texts, _ = scheme_files(SCHEMES, MONITORING, OperationsSet.PADDR)

    assert '"pid": null,' in texts[".kdamonds.json"]


def test_a_format_that_can_not_hold_a_scheme_is_left_out_with_a_reason() -> None:
    texts, missing = scheme_files(
        [Scheme(action=Action.PAGEOUT, apply_interval_us=1_000)], MONITORING, OperationsSet.VADDR
    )

    assert set(texts) == {".schemes.json", ".kdamonds.json"}
    assert missing == {
        ".damos": "apply_interval_us: the one-line format has no field for it; use damo's JSON"
    }


def test_intervals_that_damo_would_misread_leave_the_full_form_out() -> None:
    monitoring = Monitoring(intervals=Intervals(sampling_us=1 << 10, aggregation_us=1 << 17))

    texts, missing = scheme_files(SCHEMES, monitoring, OperationsSet.VADDR)

    assert set(texts) == {".damos", ".schemes.json"}
    assert set(missing) == {".kdamonds.json"}


def test_several_schemes_are_one_line() -> None:
    assert scheme_text([prcl(), prcl(min_age_us=1_000_000)]) == (
        "4K max 0 0 5s max pageout; 4K max 0 0 1s max pageout"
    )


def test_what_the_one_line_format_has_no_field_for_is_damos_json() -> None:
    scheme = Scheme(action=Action.MIGRATE_COLD, target_nid=1)

    text = scheme_text([scheme])

    assert "\n" not in text
    assert damo_json.loads(text, "text").schemes == (scheme,)


@pytest.mark.parametrize("schemes", [(), (prcl(),)])
def test_no_schemes_are_no_text(schemes: tuple[Scheme, ...]) -> None:
    assert bool(scheme_text(schemes)) == bool(schemes)
